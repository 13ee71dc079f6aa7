//! A value of the form that its key asks for.

use std::fmt;

use serde_json::Value as Json;

/// A value in its canonical form: a word as its key lists it, a list as a list, a duration and an address as text.
#[derive(Debug, Clone, PartialEq)]
pub struct Value(pub(super) Json);

impl Value {
    /// Empty text, list or object: nothing there to hide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Json::String(text) => text.is_empty(),
            Json::Array(items) => items.is_empty(),
            Json::Object(fields) => fields.is_empty(),
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }
    }
}

/// The text form: what the environment would hold.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Json::String(text) => f.write_str(text),
            Json::Array(items) => f.write_str(&items.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(",")),
            other => other.fmt(f),
        }
    }
}

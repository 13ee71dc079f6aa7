//! Refusals of the domain: an input or a request that breaks a rule.

use std::collections::BTreeMap;

/// Which of the API's client errors a refusal is (spec 60 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKind {
    /// The input breaks a rule of its own: `validation_error`, 400.
    Validation,
    /// The input is well-formed, but the state forbids it: `invalid_operation`, 400.
    Operation,
}

/// A refusal. The message says what to do, in lower case without a final stop; details carry facts for machines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// Which client error this is.
    pub kind: InvalidKind,
    /// What is wrong and what to do.
    pub message: String,
    /// Facts: the field, the offending value, the index.
    pub details: BTreeMap<String, String>,
}

impl Invalid {
    /// The input breaks a rule of its own.
    pub fn input(message: impl Into<String>) -> Self {
        Self { kind: InvalidKind::Validation, message: message.into(), details: BTreeMap::new() }
    }

    /// The state forbids it.
    pub fn operation(message: impl Into<String>) -> Self {
        Self { kind: InvalidKind::Operation, message: message.into(), details: BTreeMap::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.details.insert(key.to_owned(), value.to_string());
        self
    }
}

/// Refuses with a validation error unless `holds`.
pub fn require(holds: bool, message: &str) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::input(message)) }
}

/// Refuses a blank text; `field` names it in message and details.
pub fn require_text(value: &str, field: &str) -> Result<(), Invalid> {
    if value.trim().is_empty() {
        return Err(Invalid::input(format!("{field} is required and must not be blank")).with("field", field));
    }
    Ok(())
}

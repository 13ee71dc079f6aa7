//! Why a configuration is refused. A message names the key, the value (masked when secret) and what is allowed.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::key::{Key, MASK};
use super::source::Source;

/// One thing that must be put right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A file cannot be read or understood.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A value is not of the form that its key asks for.
    #[error("{path}: `{shown}` is not allowed (from {source_of_value}); it must be {allowed}")]
    Value {
        /// The key.
        path: &'static str,
        /// The value, masked when secret.
        shown: String,
        /// Where it was set.
        source_of_value: Source,
        /// What would do.
        allowed: String,
    },
    /// The values are well formed and this build must not start with them.
    #[error("{path}: {reason}")]
    Refused {
        /// The key.
        path: &'static str,
        /// Why, and what to do.
        reason: String,
    },
}

impl Problem {
    pub(super) fn value(key: &Key, given: &Json, source: Source, allowed: String) -> Self {
        let shown = match given {
            _ if key.is_secret => MASK.to_owned(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self::Value { path: key.path, shown, source_of_value: source, allowed }
    }
}

/// All that is wrong, so that one round of corrections is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is refused:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl std::error::Error for Problems {}

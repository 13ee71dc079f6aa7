//! What can go wrong with a request. The API maps each to a status and code in one place (spec 60 §3).

use std::collections::BTreeMap;

use domain::invalid::Invalid;
use storage::StoreError;
use streams::EventStoreError;

/// The outcome of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a use case did not do as asked. Messages are for clients; causes are logged, never sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing in the caller's scope.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Under which id.
        id: String,
    },
    /// A uniqueness rule refuses it.
    #[error("{message}")]
    AlreadyExists {
        /// What exists, and what to do.
        message: String,
        /// Facts for machines.
        details: BTreeMap<String, String>,
    },
    /// Someone else changed it meanwhile.
    #[error("{message}")]
    VersionConflict {
        /// What changed, and what to do.
        message: String,
        /// Facts for machines.
        details: BTreeMap<String, String>,
    },
    /// The input or the state forbids it.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// The caller may not.
    #[error("{0}")]
    PermissionDenied(String),
    /// Known, but not built.
    #[error("{message}")]
    NotImplemented {
        /// What is not built, and what to do.
        message: String,
        /// Facts for machines.
        details: BTreeMap<String, String>,
    },
    /// More than the system takes in; try again after a moment.
    #[error("{0}")]
    TooManyRequests(String),
    /// A store is locked, full or gone; nothing was done. Try again.
    #[error("{0}")]
    Unavailable(String),
    /// A concurrent request with the same idempotency key was first: its answer is the answer.
    #[error("another request with this idempotency key was first")]
    IdempotencyRace,
    /// A concurrent request with the same idempotency key is under way, and not done yet.
    #[error("a request with this Idempotency-Key is under way: send it again after a moment to get its answer")]
    IdempotencyInProgress,
    /// A defect.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// No such thing in the caller's scope.
    pub fn not_found(what: &'static str, id: impl Into<String>) -> Self {
        Self::NotFound { what, id: id.into() }
    }

    /// A uniqueness rule refuses it.
    pub fn exists(message: impl Into<String>) -> Self {
        Self::AlreadyExists { message: message.into(), details: BTreeMap::new() }
    }

    /// Someone else changed this thing meanwhile: its id goes into the details.
    pub fn changed_meanwhile(what: &'static str, id: impl ToString) -> Self {
        Self::conflict(format!("the {what} changed meanwhile: read it and try again")).with("entity", what).with("id", id)
    }

    /// Someone else changed something meanwhile; the message says what, and what to do.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::VersionConflict { message: message.into(), details: BTreeMap::new() }
    }

    /// The input breaks a rule.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Invalid(Invalid::input(message))
    }

    /// A field of the input breaks a rule; the message names it.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(Invalid::field(field, message))
    }

    /// A sum of quantities that no ledger holds.
    pub(crate) fn too_large_a_sum() -> Self {
        let message = "the usage is too large to be summed: ask for a shorter time or filters";
        Self::Invalid(Invalid::input(message).with("limit", "10^15"))
    }

    /// Known, but not built; the message says what to do.
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::NotImplemented { message: message.into(), details: BTreeMap::new() }
    }

    /// A field of the wire format that this build does not act on: better refused than silently ignored.
    pub fn unbuilt(field: &str) -> Self {
        Self::unbuilt_value(field, field)
    }

    /// A value of a field that this build does not act on.
    pub fn unbuilt_value(field: &str, value: &str) -> Self {
        let details = BTreeMap::from([("field".to_owned(), field.to_owned())]);
        Self::NotImplemented { message: format!("{value} is not supported yet: leave it out"), details }
    }

    /// Refuses if any of these fields is used; names all that are.
    pub fn refuse_unbuilt<'a>(fields: impl IntoIterator<Item = (&'a str, bool)>) -> Result<()> {
        let used: Vec<&str> = fields.into_iter().filter(|(_, used)| *used).map(|(field, _)| field).collect();
        match used[..] {
            [] => Ok(()),
            [field] => Err(Self::unbuilt(field)),
            [field, ..] => {
                let message = format!("{} are not supported yet: leave them out", used.join(", "));
                Err(Self::NotImplemented { message, details: BTreeMap::from([("field".to_owned(), field.to_owned())]) })
            }
        }
    }

    /// Adds a fact to a conflict.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        if let Self::AlreadyExists { details, .. } | Self::VersionConflict { details, .. } = &mut self {
            details.insert(key.to_owned(), value.to_string());
        }
        self
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(rule) if rule.contains("idempotency_records") => Self::IdempotencyRace,
            // Two units of work told of one object at once: neither held it.
            StoreError::Conflict(rule) if rule.contains("system_events") => Self::conflict("it changed meanwhile: read it and try again"),
            StoreError::Conflict(rule) => {
                tracing::debug!(%rule, "a uniqueness rule refused a write");
                Self::exists("it exists already")
            }
            StoreError::Unavailable(cause) => {
                tracing::warn!(%cause, "the database is unavailable");
                Self::Unavailable("the database does not take writes at the moment: try again".into())
            }
            StoreError::Unfit(message) => Self::input(message),
            StoreError::Damaged(cause) => {
                tracing::error!(%cause, "the database is damaged");
                Self::Unavailable("the database is damaged and takes no changes until its operator has acted: try again later".into())
            }
            StoreError::Newer { .. } => Self::Internal(error.to_string()),
            StoreError::Corrupt(cause) => Self::Internal(cause),
        }
    }
}

impl From<EventStoreError> for Error {
    fn from(error: EventStoreError) -> Self {
        match error {
            EventStoreError::Overloaded => Self::TooManyRequests("more events arrive than can be stored: send them again".into()),
            EventStoreError::Unavailable(cause) => {
                tracing::warn!(%cause, "the event store is unavailable");
                Self::Unavailable("the event store does not answer at the moment: try again".into())
            }
            EventStoreError::Damaged(cause) => {
                tracing::error!(%cause, "the event store is damaged");
                Self::Unavailable("the event store is damaged and takes no events until its operator has acted: try again later".into())
            }
            EventStoreError::Corrupt(cause) => Self::Internal(cause),
            EventStoreError::TooManyGroups(most) => {
                let message =
                    format!("the answer would have more than {most} groups and windows: ask for a shorter time, larger windows or filters");
                Self::Invalid(Invalid::input(message).with("limit", most))
            }
            EventStoreError::Overflow => Self::too_large_a_sum(),
        }
    }
}

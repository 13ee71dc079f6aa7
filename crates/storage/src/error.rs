//! The closed set of ways in which a store fails.

/// Why a store did not do as asked. Callers add what they were doing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A uniqueness rule of the database refused the write; the text names the rule.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The database is locked, full or gone; nothing was written. Try again.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// What was read makes no sense, or a statement does not fit the schema.
    #[error("the database answered nonsense: {0}")]
    Corrupt(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict(database.message().to_owned()),
            sqlx::Error::Database(database) if is_passing(database.code().as_deref()) => Self::Unavailable(database.message().to_owned()),
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Corrupt(error.to_string()),
        }
    }
}

/// SQLite's codes for busy, locked, read-only, I/O error, full and cannot-open; the low byte is the family.
fn is_passing(code: Option<&str>) -> bool {
    let family = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    matches!(family, Some(5 | 6 | 8 | 10 | 13 | 14))
}

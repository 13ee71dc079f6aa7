//! The closed set of ways in which a store fails.

use sqlx::error::DatabaseError;

/// Why a store did not do as asked. Callers add what they were doing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A uniqueness rule of the database refused the write; the text names the rule.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The database is locked, full or gone; nothing was written. Try again.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A value holds what no database keeps: the character U+0000, which PostgreSQL's text cannot hold.
    #[error("{0}")]
    Unfit(String),
    /// What was read makes no sense, or a statement does not fit the schema.
    #[error("the database answered nonsense: {0}")]
    Corrupt(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict(database.message().to_owned()),
            sqlx::Error::Database(database) if is_passing(database.as_ref()) => Self::Unavailable(database.message().to_owned()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::BeginFailed
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
            _ => Self::Corrupt(error.to_string()),
        }
    }
}

/// Whether the same may go well a moment later.
fn is_passing(error: &(dyn DatabaseError + 'static)) -> bool {
    let code = error.code().unwrap_or_default();
    #[cfg(feature = "cluster")]
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return is_passing_on_postgres(&code);
    }
    is_passing_on_sqlite(&code)
}

/// SQLite's codes for busy, locked, read-only, I/O error, full and cannot-open; the low byte is the family.
fn is_passing_on_sqlite(code: &str) -> bool {
    let family = code.parse::<u32>().ok().map(|code| code & 0xff);
    matches!(family, Some(5 | 6 | 8 | 10 | 13 | 14))
}

/// PostgreSQL's codes (its manual, appendix A): connections lost (08), units of work that met each other (40: deadlock, serialization),
/// out of disk, memory or connections (53), locks not free (55P03), ended by an administrator, a timeout or a restart (57, 25P03), trouble
/// of the system below (58), a server that became a standby (25006), credentials that are being changed (28).
#[cfg(feature = "cluster")]
fn is_passing_on_postgres(code: &str) -> bool {
    matches!(code, "25006" | "25P03" | "55P03") || ["08", "28", "40", "53", "57", "58"].contains(&code.get(..2).unwrap_or_default())
}

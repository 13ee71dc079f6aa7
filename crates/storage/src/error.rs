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
    /// The database's file does not hold what was written. It takes nothing more, and answers what it can, until an operator has acted.
    #[error("the database is damaged: {0}: stop the server, run `flexprice check`, and restore a backup")]
    Damaged(String),
    /// A newer version of this program has changed the schema, in a way that this one does not know.
    #[error(
        "the database was written by a newer version of this program (its schema has the number {found}, and this version knows {known}): \
         use that version, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The last migration that ran.
        found: i64,
        /// The last that this version knows.
        known: i64,
    },
    /// What was read makes no sense, or a statement does not fit the schema.
    #[error("the database answered nonsense: {0}")]
    Corrupt(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict(database.message().to_owned()),
            sqlx::Error::Database(database) if is_damage(database.as_ref()) => Self::Damaged(database.message().to_owned()),
            sqlx::Error::Database(database) if is_passing(database.as_ref()) => Self::Unavailable(words(database.as_ref())),
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

/// Whether a file does not hold what was written: SQLite's families of malformed files, and of files that are none of its own; PostgreSQL's
/// class of corrupted data and indexes.
fn is_damage(error: &(dyn DatabaseError + 'static)) -> bool {
    let code = error.code().unwrap_or_default();
    #[cfg(feature = "cluster")]
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return code.starts_with("XX00") && code != "XX000";
    }
    matches!(sqlite_family(&code), Some(11 | 26))
}

/// What went wrong; where the message does not say what to do, that too.
fn words(error: &(dyn DatabaseError + 'static)) -> String {
    let read_only = "its file cannot be written: its disk is mounted read-only, or its permissions forbid it";
    match sqlite_family(&error.code().unwrap_or_default()) {
        Some(8) => format!("{} ({read_only})", error.message()),
        _ => error.message().to_owned(),
    }
}

/// The low byte of SQLite's codes.
fn sqlite_family(code: &str) -> Option<u32> {
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

/// SQLite's codes for busy, locked, read-only, I/O error, full and cannot-open; the low byte is the family.
fn is_passing_on_sqlite(code: &str) -> bool {
    matches!(sqlite_family(code), Some(5 | 6 | 8 | 10 | 13 | 14))
}

/// PostgreSQL's codes (its manual, appendix A): connections lost (08), units of work that met each other (40: deadlock, serialization),
/// out of disk, memory or connections (53), locks not free (55P03), ended by an administrator, a timeout or a restart (57, 25P03), trouble
/// of the system below (58), a server that became a standby (25006), credentials that are being changed (28).
#[cfg(feature = "cluster")]
fn is_passing_on_postgres(code: &str) -> bool {
    matches!(code, "25006" | "25P03" | "55P03") || ["08", "28", "40", "53", "57", "58"].contains(&code.get(..2).unwrap_or_default())
}

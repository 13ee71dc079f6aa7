//! Numbered, forward-only changes of the schema, one set per database. A test holds them to the same tables.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};

#[cfg(feature = "cluster")]
pub(crate) mod postgres;
pub(crate) mod sqlite;

/// Version, name and text of a migration. A released one never changes.
type Numbered = (i64, &'static str, &'static str);

/// Whoever runs it holds the lock.
fn migrator(migrations: &[Numbered]) -> Migrator {
    let migrations = migrations
        .iter()
        .map(|(version, name, text)| {
            let text = sqlx::SqlSafeStr::into_sql_str(*text);
            Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, text, false)
        })
        .collect();
    Migrator { migrations: Cow::Owned(migrations), locking: false, ..Migrator::DEFAULT }
}

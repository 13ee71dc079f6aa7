//! Numbered, forward-only changes of the schema, one set per database. A test holds them to the same tables.

use std::borrow::Cow;

use sqlx::migrate::{AppliedMigration, Migration, MigrationType, Migrator};

use crate::StoreError;

/// The migrations of a database, in the order in which they run: one line for the files of both.
macro_rules! numbered {
    ($database:literal) => {
        numbered!($database:
            1 "initial" "0001_initial.sql",
            2 "lookups" "0002_lookups.sql",
            3 "generations" "0003_generations.sql",
            4 "costsheets" "0004_costsheets.sql",
            5 "event_jobs" "0005_event_jobs.sql",
            6 "platform" "0006_platform.sql",
            7 "costsheet_lookups" "0007_costsheet_lookups.sql",
            8 "answers_without_secrets" "0008_answers_without_secrets.sql",
            9 "former_external_ids" "0009_former_external_ids.sql",
            10 "cost_ledger_and_clocks" "0010_cost_ledger_and_clocks.sql",
            11 "entitlements" "0011_entitlements.sql",
            12 "subscription_schedules" "0012_subscription_schedules.sql",
        )
    };
    ($database:literal: $($version:literal $name:literal $file:literal,)+) => {
        &[$(($version, $name, include_str!(concat!("../../migrations/", $database, "/", $file)))),+]
    };
}

#[cfg(feature = "cluster")]
pub(crate) mod postgres;
pub(crate) mod sqlite;
mod statistics;

/// Version, name and text of a migration. A released one never changes.
type Numbered = (i64, &'static str, &'static str);

/// How many of a program's migrations have not run; refuses a schema that ran others.
fn still_pending(known: &Migrator, applied: &[AppliedMigration]) -> Result<usize, StoreError> {
    let last = |versions: &mut dyn Iterator<Item = i64>| versions.max().unwrap_or(0);
    let found = last(&mut applied.iter().map(|migration| migration.version));
    let knows = last(&mut known.migrations.iter().map(|migration| migration.version));
    if found > knows {
        return Err(StoreError::Newer { found, known: knows });
    }
    Ok(known.migrations.len().saturating_sub(applied.len()))
}

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

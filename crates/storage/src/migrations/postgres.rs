//! The migrations of PostgreSQL.

use sqlx::PgConnection;
use sqlx::migrate::{Migrate, MigrateError};

use super::{Numbered, migrator, still_pending};
use crate::StoreError;

const MIGRATIONS: &[Numbered] = numbered!("postgres");

/// Waits for other processes that migrate, then runs what is left and returns how many that were. The lock stays with the connection:
/// the caller closes it.
pub(crate) async fn run(connection: &mut PgConnection) -> Result<usize, StoreError> {
    let refuse = |error: MigrateError| match error {
        MigrateError::Execute(error) => StoreError::from(error),
        error => StoreError::Corrupt(format!("migration failed: {error}")),
    };
    connection.lock().await.map_err(refuse)?;
    let pending = pending(connection).await?;
    migrator(MIGRATIONS).run_direct(None, connection, false).await.map_err(refuse)?;
    Ok(pending)
}

/// Changes nothing, so that it needs no lock.
pub(crate) async fn pending(connection: &mut PgConnection) -> Result<usize, StoreError> {
    let migrator = migrator(MIGRATIONS);
    let table: Option<String> =
        sqlx::query_scalar("SELECT to_regclass($1)::text").bind(&*migrator.table_name).fetch_one(&mut *connection).await?;
    let applied = match table {
        None => Vec::new(),
        Some(_) => {
            connection.list_applied_migrations(&migrator.table_name).await.map_err(|error| StoreError::Corrupt(error.to_string()))?
        }
    };
    still_pending(&migrator, &applied)
}

//! The migrations of SQLite.

use sqlx::SqlitePool;
use sqlx::migrate::Migrate;

use super::{Numbered, migrator};
use crate::StoreError;

const MIGRATIONS: &[Numbered] = &[
    (1, "initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
    (2, "lookups", include_str!("../../migrations/sqlite/0002_lookups.sql")),
    (3, "generations", include_str!("../../migrations/sqlite/0003_generations.sql")),
    (4, "costsheets", include_str!("../../migrations/sqlite/0004_costsheets.sql")),
    (5, "event_jobs", include_str!("../../migrations/sqlite/0005_event_jobs.sql")),
    (6, "platform", include_str!("../../migrations/sqlite/0006_platform.sql")),
];

pub(crate) async fn run(writer: &SqlitePool) -> Result<usize, StoreError> {
    let pending = pending(writer).await?;
    migrator(MIGRATIONS).run(writer).await.map_err(|error| StoreError::Corrupt(format!("migration failed: {error}")))?;
    Ok(pending)
}

pub(crate) async fn pending(writer: &SqlitePool) -> Result<usize, StoreError> {
    let refuse = |error: sqlx::migrate::MigrateError| StoreError::Corrupt(error.to_string());
    let migrator = migrator(MIGRATIONS);
    let mut connection = writer.acquire().await?;
    connection.ensure_migrations_table(&migrator.table_name).await.map_err(refuse)?;
    let applied = connection.list_applied_migrations(&migrator.table_name).await.map_err(refuse)?;
    Ok(migrator.migrations.len().saturating_sub(applied.len()))
}

#[cfg(test)]
mod tests {
    use sqlx::Row;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    /// Table, condition, and the column that must find the rows: never the environment alone.
    const LOOKUPS: &[(&str, &str, &str)] = &[
        ("subscription_line_items", "subscription_id = $3", "subscription_id"),
        ("subscription_line_items", "subscription_id IN ($3, $4)", "subscription_id"),
        ("invoice_line_items", "invoice_id = $3", "invoice_id"),
        ("invoice_line_items", "invoice_id IN ($3, $4)", "invoice_id"),
        ("prices", "entity_type = $3 AND entity_id = $4", "entity_id"),
        ("prices", "entity_type = $3 AND entity_id IN ($4, $5)", "entity_id"),
        ("prices", "id IN ($3, $4)", "id"),
        ("subscriptions", "customer_id = $3", "customer_id"),
        ("subscriptions", "plan_id = $3", "plan_id"),
        ("invoices", "customer_id = $3", "customer_id"),
        ("invoices", "subscription_id = $3", "subscription_id"),
        ("invoices", "idempotency_key = $3 AND invoice_status <> $4", "idempotency_key"),
        ("customers", "external_id = $3", "external_id"),
        ("features", "meter_id IN ($3, $4)", "meter_id"),
        ("meters", "event_name = $3", "event_name"),
        ("plans", "lookup_key = $3", "lookup_key"),
        ("prices", "lookup_key = $3", "lookup_key"),
        ("features", "lookup_key = $3", "lookup_key"),
        ("groups", "lookup_key = $3", "lookup_key"),
    ];

    async fn migrated() -> SqlitePool {
        // One connection: in memory, each would be a database of its own.
        let database = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.expect("opens");
        run(&database).await.expect("migrates");
        database
    }

    #[tokio::test]
    async fn lookups_use_the_index_of_their_column() {
        let database = migrated().await;
        let mut scans = Vec::new();
        for (table, condition, column) in LOOKUPS {
            let rows = format!("FROM {table} WHERE tenant_id = $1 AND environment_id = $2 AND {condition}");
            for sql in [
                format!("SELECT * {rows} LIMIT 1"),
                format!("SELECT * {rows} AND status = $9 ORDER BY created_at, id LIMIT $10"),
                format!("SELECT * {rows} ORDER BY created_at DESC NULLS LAST, id DESC LIMIT $10"),
                format!("SELECT COUNT(*) {rows} AND status = $9"),
            ] {
                let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&database).await;
                let plan: Vec<String> = plan.expect("a plan").iter().map(|step| step.get("detail")).collect();
                if !plan[0].contains(&format!(" {column}=?")) {
                    scans.push(format!("{sql}: {}", plan.join("; ")));
                }
            }
        }
        assert!(scans.is_empty(), "{}", scans.join("\n"));
    }

    #[tokio::test]
    async fn every_index_has_statistics() {
        let database = migrated().await;
        let without = "SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite_%' \
                       AND name NOT IN (SELECT idx FROM sqlite_stat1)";
        let without: Vec<String> = sqlx::query_scalar(without).fetch_all(&database).await.expect("rows");
        assert!(without.is_empty(), "a migration added {without:?}: end it as 0002 ends");
    }
}

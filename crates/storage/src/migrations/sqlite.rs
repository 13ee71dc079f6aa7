//! The migrations of SQLite.

use sqlx::SqlitePool;
use sqlx::migrate::{Migrate, MigrateError};

use super::{Numbered, migrator, statistics, still_pending};
use crate::StoreError;

const MIGRATIONS: &[Numbered] = numbered!("sqlite");

pub(crate) async fn run(writer: &SqlitePool) -> Result<usize, StoreError> {
    let pending = pending(writer).await?;
    migrator(MIGRATIONS).run(writer).await.map_err(|error| StoreError::Corrupt(format!("migration failed: {error}")))?;
    statistics::set(writer, pending > 0).await?;
    Ok(pending)
}

pub(crate) async fn pending(writer: &SqlitePool) -> Result<usize, StoreError> {
    let refuse = |error: MigrateError| match error {
        MigrateError::Execute(error) => StoreError::from(error),
        error => StoreError::Corrupt(error.to_string()),
    };
    let migrator = migrator(MIGRATIONS);
    let mut connection = writer.acquire().await?;
    connection.ensure_migrations_table(&migrator.table_name).await.map_err(refuse)?;
    let applied = connection.list_applied_migrations(&migrator.table_name).await.map_err(refuse)?;
    still_pending(&migrator, &applied)
}

#[cfg(test)]
mod tests {
    use sqlx::Row;
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

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
        ("costsheets", "lookup_key = $3", "lookup_key"),
        ("entitlements", "entity_id IN ($3, $4)", "entity_id"),
        ("entitlements", "feature_id IN ($3, $4)", "feature_id"),
    ];

    #[test]
    fn every_file_is_run() {
        assert_eq!(std::fs::read_dir("migrations/sqlite").expect("a directory").count(), MIGRATIONS.len());
    }

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

    /// Whoever names a thing by a key of its own looks it up by that key; subscriptions keep one, and nothing asks for it; the key of
    /// former external ids is what they are asked for.
    #[tokio::test]
    async fn lookup_keys_are_among_the_lookups() {
        let keyed = "SELECT tables.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns \
                     WHERE tables.type = 'table' AND columns.name IN ('lookup_key', 'external_id') \
                     AND tables.name NOT IN ('subscriptions', 'former_external_ids')";
        let keyed: Vec<String> = sqlx::query_scalar(keyed).fetch_all(&migrated().await).await.expect("rows");
        let is_guarded =
            |table: &String| LOOKUPS.iter().any(|(of, _, column)| of == table && matches!(*column, "lookup_key" | "external_id"));
        let unguarded: Vec<_> = keyed.iter().filter(|table| !is_guarded(table)).collect();
        assert!(keyed.len() > 5 && unguarded.is_empty(), "add to LOOKUPS, and an index if it needs one: {unguarded:?}");
    }

    /// Answers of releases that kept them whole: the key is gone from the row and from the file.
    #[tokio::test]
    async fn keys_are_taken_out_of_kept_answers() {
        let dir = tempfile::TempDir::new().expect("a directory");
        let file = dir.path().join("old.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let database = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("opens");
        migrator(&MIGRATIONS[..7]).run(&database).await.expect("the migrations of the release before");
        for (key, body) in [
            ("secret", r#"{"secret":{"id":"secret_1","name":"k"},"api_key":"sk_abcdefghijklmnop"}"#),
            ("empty", ""),
            ("other", r#"{"metadata":{"api_key":"sk_mine"}}"#),
        ] {
            let insert = "INSERT INTO idempotency_records VALUES ('t', 'e', $1, 'f', 201, $2, 0)";
            sqlx::query(insert).bind(key).bind(body).execute(&database).await.expect("written");
        }
        run(&database).await.expect("migrates");
        let body = async |key: &str| -> String {
            let sql = "SELECT response_body FROM idempotency_records WHERE idempotency_key = $1";
            sqlx::query_scalar(sql).bind(key).fetch_one(&database).await.expect("kept")
        };
        let cleaned = body("secret").await;
        assert!(cleaned.contains("secret_1") && cleaned.contains("shown once") && !cleaned.contains("sk_"), "{cleaned}");
        assert_eq!((body("empty").await.as_str(), body("other").await.contains("sk_mine")), ("", true));
        database.close().await;
        let bytes = std::fs::read(&file).expect("the file");
        let key = b"sk_abcdefghijklmnop";
        assert!(!bytes.windows(key.len()).any(|window| window == key), "the file holds the key");
    }

    async fn without_statistics(database: &SqlitePool) -> Vec<String> {
        let without = "SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite_%' \
                       AND name NOT IN (SELECT idx FROM sqlite_stat1)";
        sqlx::query_scalar(without).fetch_all(database).await.expect("rows")
    }

    #[tokio::test]
    async fn every_index_has_statistics() {
        assert_eq!(without_statistics(&migrated().await).await, Vec::<String>::new());
    }

    /// As after a crash between the last migration and its statistics.
    #[tokio::test]
    async fn what_has_no_statistics_gets_them_at_the_next_start() {
        let database = migrated().await;
        sqlx::query("DELETE FROM sqlite_stat1 WHERE tbl = 'plans'").execute(&database).await.expect("deleted");
        assert_eq!(run(&database).await.expect("migrates"), 0);
        assert_eq!(without_statistics(&database).await, Vec::<String>::new());
    }

    /// A database of the release before runs what is new and gets statistics for it, and connections that are open already use them.
    #[tokio::test]
    async fn open_connections_see_the_statistics_of_an_upgrade() {
        let dir = tempfile::TempDir::new().expect("a directory");
        let options = SqliteConnectOptions::new().filename(dir.path().join("old.db")).create_if_missing(true);
        let open = async || SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.expect("opens");
        let (writer, reader) = (open().await, open().await);
        migrator(&MIGRATIONS[..5]).run(&writer).await.expect("the migrations of the release before");
        let plan = async || -> String {
            let sql = "EXPLAIN QUERY PLAN SELECT * FROM costsheets WHERE tenant_id = '' AND environment_id = '' AND lookup_key = ''";
            // A plan alone does not look whether the schema is still the same; a read does.
            sqlx::query("SELECT count(*) FROM costsheets").fetch_one(&reader).await.expect("a read");
            sqlx::query(sql).persistent(false).fetch_one(&reader).await.expect("a plan").get("detail")
        };
        assert!(!plan().await.contains("lookup_key=?"), "the release before has no such index");
        assert_eq!(run(&writer).await.expect("migrates"), MIGRATIONS.len() - 5);
        assert_eq!(without_statistics(&writer).await, Vec::<String>::new());
        assert!(plan().await.contains("lookup_key=?"), "{}", plan().await);
    }
}

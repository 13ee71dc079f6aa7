//! What SQLite's planner must know. Without statistics it takes tenant and environment for selective columns and scans a whole
//! environment instead of using an index that ends in the column asked for. All rows may belong to one environment, so these two select
//! nothing; types select little; any other column selects a handful of rows. Set once and never measured: plans are the same everywhere.

use sqlx::SqlitePool;

use crate::StoreError;

/// Indexes that the planner knows nothing of.
const WITHOUT: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
    AND name NOT IN (SELECT idx FROM sqlite_stat1)";

/// The first ANALYZE makes the table where a database has none. The table is made anew, so that connections that are open already see
/// the schema change and read it again; the last ANALYZE makes this one do so.
const SET: &str = "
    ANALYZE sqlite_schema;
    DROP TABLE sqlite_stat1;
    ANALYZE sqlite_schema;
    INSERT INTO sqlite_stat1 (tbl, idx, stat)
    SELECT tbl, idx, '1000000 ' || group_concat(CASE
            WHEN is_unique AND seqno = last THEN 1
            WHEN name IN ('tenant_id', 'environment_id') THEN 1000000
            WHEN name LIKE '%\\_type' ESCAPE '\\' THEN 100000
            ELSE 10 END, ' ')
    FROM (
        -- The primary key of a table without row ids goes by the table's name.
        SELECT tables.name AS tbl, iif(indexes.origin = 'pk', tables.name, indexes.name) AS idx, indexes.\"unique\" AS is_unique,
            columns.seqno, columns.name, max(columns.seqno) OVER (PARTITION BY indexes.name) AS last
        FROM sqlite_schema AS tables, pragma_index_list(tables.name) AS indexes, pragma_index_info(indexes.name) AS columns
        WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tables.name NOT LIKE '\\_%' ESCAPE '\\'
        ORDER BY tbl, idx, columns.seqno
    )
    GROUP BY tbl, idx;
    ANALYZE sqlite_schema;
";

/// Gives every index its statistics when migrations ran, and when a process died between them and this.
pub(super) async fn set(writer: &SqlitePool, migrated: bool) -> Result<(), StoreError> {
    // The migrations up to 0005 pasted statistics of their own, so the table is there.
    if !migrated && sqlx::query_scalar::<_, i64>(WITHOUT).fetch_one(writer).await? == 0 {
        return Ok(());
    }
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(SET).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

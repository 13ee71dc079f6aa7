-- Runs over past events for meters that were made after them; one at a time per meter.
CREATE TABLE meter_backfills (
    id TEXT NOT NULL,
    meter_id TEXT NOT NULL,
    start_time INTEGER,
    end_time INTEGER,
    backfill_status TEXT NOT NULL,
    events_read INTEGER NOT NULL,
    entries_added INTEGER NOT NULL,
    events_failed INTEGER NOT NULL,
    last_failure TEXT NOT NULL,
    cursor_time INTEGER,
    cursor_id TEXT NOT NULL,
    finished_at INTEGER,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX meter_backfills_by_meter ON meter_backfills (tenant_id, environment_id, meter_id);
CREATE UNIQUE INDEX meter_backfills_running ON meter_backfills (tenant_id, environment_id, meter_id)
    WHERE backfill_status = 'RUNNING';

-- Objects of an external collector as they were sent, the newest of an id, and what became of them.
CREATE TABLE raw_events (
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    id TEXT NOT NULL,
    external_customer_id TEXT NOT NULL,
    event_name TEXT NOT NULL,
    event_time INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    problem TEXT NOT NULL,
    payload TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX raw_events_by_time ON raw_events (tenant_id, environment_id, event_time, id);

-- Runs that transform such objects again.
CREATE TABLE raw_reprocesses (
    id TEXT NOT NULL,
    reprocess_mode TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    batch_size INTEGER NOT NULL,
    external_customer_ids TEXT NOT NULL,
    event_names TEXT NOT NULL,
    event_ids TEXT NOT NULL,
    reprocess_status TEXT NOT NULL,
    events_read INTEGER NOT NULL,
    events_ingested INTEGER NOT NULL,
    cursor_time INTEGER,
    cursor_id TEXT NOT NULL,
    finished_at INTEGER,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;

-- Statistics, as 0002 explains.
ANALYZE sqlite_schema;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat)
SELECT tbl, idx, '1000000 ' || group_concat(CASE
        WHEN is_unique AND seqno = last THEN 1
        WHEN name IN ('tenant_id', 'environment_id') THEN 1000000
        WHEN name LIKE '%\_type' ESCAPE '\' THEN 100000
        ELSE 10 END, ' ')
FROM (
    -- The primary key of a table without row ids goes by the table's name.
    SELECT tables.name AS tbl, iif(indexes.origin = 'pk', tables.name, indexes.name) AS idx, indexes."unique" AS is_unique,
        columns.seqno, columns.name, max(columns.seqno) OVER (PARTITION BY indexes.name) AS last
    FROM sqlite_schema AS tables, pragma_index_list(tables.name) AS indexes, pragma_index_info(indexes.name) AS columns
    WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND tables.name NOT LIKE '\_%' ESCAPE '\'
    ORDER BY tbl, idx, columns.seqno
)
GROUP BY tbl, idx;
ANALYZE sqlite_schema;

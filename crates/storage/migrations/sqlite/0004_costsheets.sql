-- What usage costs the seller.
CREATE TABLE costsheets (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    lookup_key TEXT NOT NULL,
    description TEXT NOT NULL,
    metadata TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX costsheets_by_creation ON costsheets (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX costsheets_name ON costsheets (tenant_id, environment_id, name) WHERE status = 'published';
CREATE UNIQUE INDEX costsheets_lookup_key ON costsheets (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '';

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

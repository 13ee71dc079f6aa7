-- Lookups by a caller's own names. The unique indexes of 0001 leave empty names out, and a lookup by a bound value cannot use those.
CREATE INDEX customers_by_external_id ON customers (tenant_id, environment_id, external_id);
CREATE INDEX features_by_lookup_key ON features (tenant_id, environment_id, lookup_key);
CREATE INDEX groups_by_lookup_key ON groups (tenant_id, environment_id, lookup_key);
CREATE INDEX plans_by_lookup_key ON plans (tenant_id, environment_id, lookup_key);
CREATE INDEX prices_by_lookup_key ON prices (tenant_id, environment_id, lookup_key);
CREATE INDEX invoices_by_idempotency_key ON invoices (tenant_id, environment_id, idempotency_key);

-- What the planner must know. Without statistics it takes tenant and environment for selective columns and scans a whole environment
-- instead of using an index that ends in the column asked for. All rows may belong to one environment, so these two select nothing;
-- types select little; any other column selects a handful of rows. Set once and never measured: plans are the same everywhere.
-- A migration that adds an index ends with the statements below.
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

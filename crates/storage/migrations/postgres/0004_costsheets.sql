-- What usage costs the seller.
CREATE TABLE costsheets (
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    lookup_key text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    metadata jsonb NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX costsheets_by_creation ON costsheets (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX costsheets_name ON costsheets (tenant_id, environment_id, name) WHERE status = 'published';
CREATE UNIQUE INDEX costsheets_lookup_key ON costsheets (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '';

-- Runs over past events for meters that were made after them; one at a time per meter.
CREATE TABLE meter_backfills (
    id text COLLATE "C" NOT NULL,
    meter_id text COLLATE "C" NOT NULL,
    start_time timestamptz,
    end_time timestamptz,
    backfill_status text COLLATE "C" NOT NULL,
    events_read bigint NOT NULL,
    entries_added bigint NOT NULL,
    events_failed bigint NOT NULL,
    last_failure text COLLATE "C" NOT NULL,
    cursor_time timestamptz,
    cursor_id text COLLATE "C" NOT NULL,
    finished_at timestamptz,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX meter_backfills_by_meter ON meter_backfills (tenant_id, environment_id, meter_id);
CREATE UNIQUE INDEX meter_backfills_running ON meter_backfills (tenant_id, environment_id, meter_id)
    WHERE backfill_status = 'RUNNING';

-- Objects of an external collector as they were sent, the newest of an id, and what became of them.
CREATE TABLE raw_events (
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    external_customer_id text COLLATE "C" NOT NULL,
    event_name text COLLATE "C" NOT NULL,
    event_time timestamptz NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    problem text COLLATE "C" NOT NULL,
    payload text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX raw_events_by_time ON raw_events (tenant_id, environment_id, event_time, id);

-- Runs that transform such objects again.
CREATE TABLE raw_reprocesses (
    id text COLLATE "C" NOT NULL,
    reprocess_mode text COLLATE "C" NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    batch_size bigint NOT NULL,
    external_customer_ids jsonb NOT NULL,
    event_names jsonb NOT NULL,
    event_ids jsonb NOT NULL,
    reprocess_status text COLLATE "C" NOT NULL,
    events_read bigint NOT NULL,
    events_ingested bigint NOT NULL,
    cursor_time timestamptz,
    cursor_id text COLLATE "C" NOT NULL,
    finished_at timestamptz,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);

-- The outbox: what others are told of a change, written with it. Those of one object leave in the order of their sequence; that two
-- units of work cannot take the same place is what the key is for.
CREATE TABLE system_events (
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    event_name text COLLATE "C" NOT NULL,
    entity_type text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    snapshot jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, entity_id, sequence)
);
CREATE UNIQUE INDEX system_events_id ON system_events (tenant_id, environment_id, id);

-- The activity log: who changed what. Nothing in it is ever changed.
CREATE TABLE activities (
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    entity_type text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    actor_kind text COLLATE "C" NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX activities_of_entity ON activities (tenant_id, environment_id, entity_id, id);

-- What an environment, or a tenant under the empty environment, has chosen.
CREATE TABLE settings (
    id text COLLATE "C" NOT NULL,
    setting_key text COLLATE "C" NOT NULL,
    value jsonb NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE UNIQUE INDEX settings_key ON settings (tenant_id, environment_id, setting_key) WHERE status = 'published';

-- The outbox: what others are told of a change, written with it. Those of one object leave in the order of their sequence; that two
-- units of work cannot take the same place is what the key is for.
CREATE TABLE system_events (
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    id TEXT NOT NULL,
    event_name TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    user_id TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, entity_id, sequence)
) WITHOUT ROWID;
CREATE UNIQUE INDEX system_events_id ON system_events (tenant_id, environment_id, id);

-- The activity log: who changed what. Nothing in it is ever changed.
CREATE TABLE activities (
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    id TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    action TEXT NOT NULL,
    user_id TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX activities_of_entity ON activities (tenant_id, environment_id, entity_id, id);

-- What an environment, or a tenant under the empty environment, has chosen.
CREATE TABLE settings (
    id TEXT NOT NULL,
    setting_key TEXT NOT NULL,
    value TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX settings_key ON settings (tenant_id, environment_id, setting_key) WHERE status = 'published';

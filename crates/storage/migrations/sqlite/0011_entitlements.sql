-- What plans, add-ons and subscriptions give of a feature.
CREATE TABLE entitlements (
    id TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    feature_id TEXT NOT NULL,
    feature_type TEXT NOT NULL,
    is_enabled INTEGER NOT NULL,
    usage_limit INTEGER,
    usage_reset_period TEXT,
    is_soft_limit INTEGER NOT NULL,
    static_value TEXT NOT NULL,
    config_value TEXT NOT NULL,
    display_order INTEGER NOT NULL,
    parent_entitlement_id TEXT,
    start_date INTEGER,
    end_date INTEGER,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX entitlements_by_creation ON entitlements (tenant_id, environment_id, created_at, id);
CREATE INDEX entitlements_by_entity ON entitlements (tenant_id, environment_id, entity_id, created_at, id);
CREATE INDEX entitlements_by_feature ON entitlements (tenant_id, environment_id, feature_id, created_at, id);
-- One of a feature at a time: those with an end are parts of periods.
CREATE UNIQUE INDEX entitlements_of_feature ON entitlements (tenant_id, environment_id, entity_type, entity_id, feature_id)
    WHERE status = 'published' AND end_date IS NULL;

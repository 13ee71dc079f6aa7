-- What plans, add-ons and subscriptions give of a feature.
CREATE TABLE entitlements (
    id text COLLATE "C" NOT NULL,
    entity_type text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    feature_id text COLLATE "C" NOT NULL,
    feature_type text COLLATE "C" NOT NULL,
    is_enabled boolean NOT NULL,
    usage_limit bigint,
    usage_reset_period text COLLATE "C",
    is_soft_limit boolean NOT NULL,
    static_value text COLLATE "C" NOT NULL,
    config_value jsonb NOT NULL,
    display_order bigint NOT NULL,
    parent_entitlement_id text COLLATE "C",
    start_date timestamptz,
    end_date timestamptz,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX entitlements_by_creation ON entitlements (tenant_id, environment_id, created_at, id);
CREATE INDEX entitlements_by_entity ON entitlements (tenant_id, environment_id, entity_id, created_at, id);
CREATE INDEX entitlements_by_feature ON entitlements (tenant_id, environment_id, feature_id, created_at, id);
-- One of a feature at a time: those with an end are parts of periods.
CREATE UNIQUE INDEX entitlements_of_feature ON entitlements (tenant_id, environment_id, entity_type, entity_id, feature_id)
    WHERE status = 'published' AND end_date IS NULL;

-- The first schema. Times are microseconds since 1970 in UTC, decimals and JSON are text, booleans 0 or 1.
-- Deletes are soft: `status` is published, archived or deleted.

CREATE TABLE environments (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;

CREATE TABLE environment_clocks (
    environment_id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    instant INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE secrets (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    value_hash TEXT NOT NULL,
    display_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    user_type TEXT NOT NULL,
    roles TEXT NOT NULL,
    expires_at INTEGER,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX secrets_by_hash ON secrets (value_hash);

CREATE TABLE idempotency_records (
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    response_status INTEGER NOT NULL,
    response_body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, idempotency_key)
) WITHOUT ROWID;
CREATE INDEX idempotency_records_by_age ON idempotency_records (created_at);

CREATE TABLE due_work (
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX due_work_by_time ON due_work (due_at, id);
CREATE INDEX due_work_by_environment ON due_work (tenant_id, environment_id, due_at, id);
CREATE INDEX due_work_by_entity ON due_work (tenant_id, environment_id, entity_id);

CREATE TABLE sequences (
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, name)
) WITHOUT ROWID;

CREATE TABLE customers (
    id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    contact TEXT NOT NULL,
    address_line1 TEXT NOT NULL,
    address_line2 TEXT NOT NULL,
    address_city TEXT NOT NULL,
    address_state TEXT NOT NULL,
    address_postal_code TEXT NOT NULL,
    address_country TEXT NOT NULL,
    timezone TEXT NOT NULL,
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
CREATE INDEX customers_by_creation ON customers (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX customers_external_id ON customers (tenant_id, environment_id, external_id)
    WHERE status = 'published' AND external_id <> '';

CREATE TABLE meters (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    event_name TEXT NOT NULL,
    aggregation TEXT NOT NULL,
    filters TEXT NOT NULL,
    reset_usage TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX meters_by_creation ON meters (tenant_id, environment_id, created_at, id);
CREATE INDEX meters_by_event ON meters (tenant_id, environment_id, event_name);

CREATE TABLE features (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    lookup_key TEXT NOT NULL,
    description TEXT NOT NULL,
    kind TEXT NOT NULL,
    meter_id TEXT,
    unit_singular TEXT NOT NULL,
    unit_plural TEXT NOT NULL,
    reporting_unit TEXT,
    alert_settings TEXT,
    group_id TEXT,
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
CREATE INDEX features_by_creation ON features (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX features_lookup_key ON features (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '';
CREATE INDEX features_by_meter ON features (tenant_id, environment_id, meter_id);

CREATE TABLE groups (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    lookup_key TEXT NOT NULL,
    entity_type TEXT NOT NULL,
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
CREATE INDEX groups_by_creation ON groups (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX groups_lookup_key ON groups (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '';

CREATE TABLE plans (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    lookup_key TEXT NOT NULL,
    description TEXT NOT NULL,
    display_order INTEGER NOT NULL,
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
CREATE INDEX plans_by_creation ON plans (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX plans_lookup_key ON plans (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '';

CREATE TABLE prices (
    id TEXT NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT NOT NULL,
    lookup_key TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    currency TEXT NOT NULL,
    price_unit_type TEXT NOT NULL,
    billing_model TEXT NOT NULL,
    amount TEXT NOT NULL,
    tier_mode TEXT,
    tiers TEXT NOT NULL,
    transform_quantity TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    billing_period_count INTEGER NOT NULL,
    invoice_cadence TEXT NOT NULL,
    meter_id TEXT,
    trial_period_days INTEGER NOT NULL,
    min_quantity TEXT,
    start_date INTEGER NOT NULL,
    end_date INTEGER,
    parent_price_id TEXT,
    group_id TEXT,
    metadata TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX prices_by_creation ON prices (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX prices_lookup_key ON prices (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '' AND end_date IS NULL;
CREATE INDEX prices_by_entity ON prices (tenant_id, environment_id, entity_type, entity_id);

CREATE TABLE subscriptions (
    id TEXT NOT NULL,
    lookup_key TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    invoicing_customer_id TEXT,
    plan_id TEXT NOT NULL,
    subscription_status TEXT NOT NULL,
    subscription_type TEXT NOT NULL,
    currency TEXT NOT NULL,
    billing_anchor INTEGER NOT NULL,
    billing_cycle TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    billing_period_count INTEGER NOT NULL,
    start_date INTEGER NOT NULL,
    end_date INTEGER,
    current_period_start INTEGER NOT NULL,
    current_period_end INTEGER NOT NULL,
    cancelled_at INTEGER,
    cancel_at INTEGER,
    cancel_at_period_end INTEGER NOT NULL,
    timezone TEXT NOT NULL,
    collection_method TEXT NOT NULL,
    payment_behavior TEXT NOT NULL,
    payment_terms TEXT,
    proration_behavior TEXT NOT NULL,
    synced_price_sequence INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    version INTEGER NOT NULL,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX subscriptions_by_creation ON subscriptions (tenant_id, environment_id, created_at, id);
CREATE INDEX subscriptions_by_customer ON subscriptions (tenant_id, environment_id, customer_id);
CREATE INDEX subscriptions_by_plan ON subscriptions (tenant_id, environment_id, plan_id);

CREATE TABLE subscription_line_items (
    id TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    plan_display_name TEXT NOT NULL,
    price_id TEXT NOT NULL,
    price_type TEXT NOT NULL,
    meter_id TEXT,
    meter_display_name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    quantity TEXT NOT NULL,
    currency TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    billing_period_count INTEGER NOT NULL,
    invoice_cadence TEXT NOT NULL,
    start_date INTEGER NOT NULL,
    end_date INTEGER,
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
CREATE INDEX subscription_line_items_by_subscription ON subscription_line_items (tenant_id, environment_id, subscription_id);

CREATE TABLE invoices (
    id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    subscription_customer_id TEXT,
    subscription_id TEXT,
    invoice_type TEXT NOT NULL,
    invoice_status TEXT NOT NULL,
    payment_status TEXT NOT NULL,
    billing_reason TEXT NOT NULL,
    currency TEXT NOT NULL,
    invoice_number TEXT NOT NULL,
    billing_sequence INTEGER NOT NULL,
    description TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    period_start INTEGER,
    period_end INTEGER,
    due_date INTEGER,
    issue_date INTEGER NOT NULL,
    last_computed_at INTEGER,
    finalized_at INTEGER,
    voided_at INTEGER,
    paid_at INTEGER,
    idempotency_key TEXT NOT NULL,
    metadata TEXT NOT NULL,
    version INTEGER NOT NULL,
    subtotal TEXT NOT NULL,
    total_discount TEXT NOT NULL,
    total_prepaid_credits_applied TEXT NOT NULL,
    total_tax TEXT NOT NULL,
    total TEXT NOT NULL,
    adjustment_amount TEXT NOT NULL,
    amount_due TEXT NOT NULL,
    amount_paid TEXT NOT NULL,
    amount_remaining TEXT NOT NULL,
    refunded_amount TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX invoices_by_creation ON invoices (tenant_id, environment_id, created_at, id);
CREATE INDEX invoices_by_customer ON invoices (tenant_id, environment_id, customer_id, created_at);
CREATE INDEX invoices_by_subscription ON invoices (tenant_id, environment_id, subscription_id, period_start);
CREATE UNIQUE INDEX invoices_number ON invoices (tenant_id, environment_id, invoice_number)
    WHERE status = 'published' AND invoice_number <> '';
CREATE UNIQUE INDEX invoices_idempotency_key ON invoices (tenant_id, environment_id, idempotency_key)
    WHERE status = 'published' AND invoice_status <> 'VOIDED' AND idempotency_key <> '';
-- One bill of a subscription for a period and a reason (spec 40 section 11).
CREATE UNIQUE INDEX invoices_period ON invoices (tenant_id, environment_id, subscription_id, period_start, period_end, billing_reason)
    WHERE status = 'published' AND invoice_status <> 'VOIDED' AND subscription_id IS NOT NULL;

CREATE TABLE invoice_line_items (
    id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    subscription_id TEXT,
    subscription_line_item_id TEXT,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    plan_display_name TEXT NOT NULL,
    price_id TEXT,
    price_type TEXT NOT NULL,
    meter_id TEXT,
    meter_display_name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    amount TEXT NOT NULL,
    quantity TEXT NOT NULL,
    currency TEXT NOT NULL,
    period_start INTEGER,
    period_end INTEGER,
    explanation TEXT,
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
CREATE INDEX invoice_line_items_by_invoice ON invoice_line_items (tenant_id, environment_id, invoice_id);

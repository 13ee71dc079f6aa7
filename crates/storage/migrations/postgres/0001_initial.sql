-- The first schema. Text has the collation "C": it is sorted and folded alike on every server, and as SQLite does it.
-- Deletes are soft: `status` is published, archived or deleted.

CREATE TABLE environments (
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);

CREATE TABLE environment_clocks (
    environment_id text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    instant timestamptz NOT NULL
);

CREATE TABLE secrets (
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    value_hash text COLLATE "C" NOT NULL,
    display_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    user_type text COLLATE "C" NOT NULL,
    roles jsonb NOT NULL,
    expires_at timestamptz,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE UNIQUE INDEX secrets_by_hash ON secrets (value_hash);

CREATE TABLE idempotency_records (
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    response_status bigint NOT NULL,
    response_body text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, idempotency_key)
);
CREATE INDEX idempotency_records_by_age ON idempotency_records (created_at);

CREATE TABLE due_work (
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL,
    attempts bigint NOT NULL,
    last_error text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX due_work_by_time ON due_work (due_at, id);
CREATE INDEX due_work_by_environment ON due_work (tenant_id, environment_id, due_at, id);
CREATE INDEX due_work_by_entity ON due_work (tenant_id, environment_id, entity_id);

CREATE TABLE sequences (
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, name)
);

CREATE TABLE customers (
    id text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    email text COLLATE "C" NOT NULL,
    contact text COLLATE "C" NOT NULL,
    address_line1 text COLLATE "C" NOT NULL,
    address_line2 text COLLATE "C" NOT NULL,
    address_city text COLLATE "C" NOT NULL,
    address_state text COLLATE "C" NOT NULL,
    address_postal_code text COLLATE "C" NOT NULL,
    address_country text COLLATE "C" NOT NULL,
    timezone text COLLATE "C" NOT NULL,
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
CREATE INDEX customers_by_creation ON customers (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX customers_external_id ON customers (tenant_id, environment_id, external_id)
    WHERE status = 'published' AND external_id <> '';

CREATE TABLE meters (
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    event_name text COLLATE "C" NOT NULL,
    aggregation jsonb NOT NULL,
    filters jsonb NOT NULL,
    reset_usage text COLLATE "C" NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX meters_by_creation ON meters (tenant_id, environment_id, created_at, id);
CREATE INDEX meters_by_event ON meters (tenant_id, environment_id, event_name);

CREATE TABLE features (
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    lookup_key text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    meter_id text COLLATE "C",
    unit_singular text COLLATE "C" NOT NULL,
    unit_plural text COLLATE "C" NOT NULL,
    reporting_unit jsonb,
    alert_settings jsonb,
    group_id text COLLATE "C",
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
CREATE INDEX features_by_creation ON features (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX features_lookup_key ON features (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '';
CREATE INDEX features_by_meter ON features (tenant_id, environment_id, meter_id);

CREATE TABLE groups (
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    lookup_key text COLLATE "C" NOT NULL,
    entity_type text COLLATE "C" NOT NULL,
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
CREATE INDEX groups_by_creation ON groups (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX groups_lookup_key ON groups (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '';

CREATE TABLE plans (
    id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    lookup_key text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    display_order bigint NOT NULL,
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
CREATE INDEX plans_by_creation ON plans (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX plans_lookup_key ON plans (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '';

CREATE TABLE prices (
    id text COLLATE "C" NOT NULL,
    display_name text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    lookup_key text COLLATE "C" NOT NULL,
    entity_type text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    price_unit_type text COLLATE "C" NOT NULL,
    billing_model text COLLATE "C" NOT NULL,
    amount numeric NOT NULL,
    tier_mode text COLLATE "C",
    tiers jsonb NOT NULL,
    transform_quantity jsonb NOT NULL,
    billing_period text COLLATE "C" NOT NULL,
    billing_period_count bigint NOT NULL,
    invoice_cadence text COLLATE "C" NOT NULL,
    meter_id text COLLATE "C",
    trial_period_days bigint NOT NULL,
    min_quantity numeric,
    start_date timestamptz NOT NULL,
    end_date timestamptz,
    parent_price_id text COLLATE "C",
    group_id text COLLATE "C",
    metadata jsonb NOT NULL,
    sequence bigint NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX prices_by_creation ON prices (tenant_id, environment_id, created_at, id);
CREATE UNIQUE INDEX prices_lookup_key ON prices (tenant_id, environment_id, lookup_key)
    WHERE status = 'published' AND lookup_key <> '' AND end_date IS NULL;
CREATE INDEX prices_by_entity ON prices (tenant_id, environment_id, entity_type, entity_id);

CREATE TABLE subscriptions (
    id text COLLATE "C" NOT NULL,
    lookup_key text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    invoicing_customer_id text COLLATE "C",
    plan_id text COLLATE "C" NOT NULL,
    subscription_status text COLLATE "C" NOT NULL,
    subscription_type text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    billing_anchor timestamptz NOT NULL,
    billing_cycle text COLLATE "C" NOT NULL,
    billing_period text COLLATE "C" NOT NULL,
    billing_period_count bigint NOT NULL,
    start_date timestamptz NOT NULL,
    end_date timestamptz,
    current_period_start timestamptz NOT NULL,
    current_period_end timestamptz NOT NULL,
    cancelled_at timestamptz,
    cancel_at timestamptz,
    cancel_at_period_end boolean NOT NULL,
    timezone text COLLATE "C" NOT NULL,
    collection_method text COLLATE "C" NOT NULL,
    payment_behavior text COLLATE "C" NOT NULL,
    payment_terms text COLLATE "C",
    proration_behavior text COLLATE "C" NOT NULL,
    synced_price_sequence bigint NOT NULL,
    metadata jsonb NOT NULL,
    version bigint NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX subscriptions_by_creation ON subscriptions (tenant_id, environment_id, created_at, id);
CREATE INDEX subscriptions_by_customer ON subscriptions (tenant_id, environment_id, customer_id);
CREATE INDEX subscriptions_by_plan ON subscriptions (tenant_id, environment_id, plan_id);

CREATE TABLE subscription_line_items (
    id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    entity_type text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    plan_display_name text COLLATE "C" NOT NULL,
    price_id text COLLATE "C" NOT NULL,
    price_type text COLLATE "C" NOT NULL,
    meter_id text COLLATE "C",
    meter_display_name text COLLATE "C" NOT NULL,
    display_name text COLLATE "C" NOT NULL,
    quantity numeric NOT NULL,
    currency text COLLATE "C" NOT NULL,
    billing_period text COLLATE "C" NOT NULL,
    billing_period_count bigint NOT NULL,
    invoice_cadence text COLLATE "C" NOT NULL,
    start_date timestamptz NOT NULL,
    end_date timestamptz,
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
CREATE INDEX subscription_line_items_by_subscription ON subscription_line_items (tenant_id, environment_id, subscription_id);

CREATE TABLE invoices (
    id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    subscription_customer_id text COLLATE "C",
    subscription_id text COLLATE "C",
    invoice_type text COLLATE "C" NOT NULL,
    invoice_status text COLLATE "C" NOT NULL,
    payment_status text COLLATE "C" NOT NULL,
    billing_reason text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    invoice_number text COLLATE "C" NOT NULL,
    billing_sequence bigint NOT NULL,
    description text COLLATE "C" NOT NULL,
    billing_period text COLLATE "C" NOT NULL,
    period_start timestamptz,
    period_end timestamptz,
    due_date timestamptz,
    issue_date timestamptz NOT NULL,
    last_computed_at timestamptz,
    finalized_at timestamptz,
    voided_at timestamptz,
    paid_at timestamptz,
    idempotency_key text COLLATE "C" NOT NULL,
    metadata jsonb NOT NULL,
    version bigint NOT NULL,
    subtotal numeric NOT NULL,
    total_discount numeric NOT NULL,
    total_prepaid_credits_applied numeric NOT NULL,
    total_tax numeric NOT NULL,
    total numeric NOT NULL,
    adjustment_amount numeric NOT NULL,
    amount_due numeric NOT NULL,
    amount_paid numeric NOT NULL,
    amount_remaining numeric NOT NULL,
    refunded_amount numeric NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
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
    id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C",
    subscription_line_item_id text COLLATE "C",
    entity_type text COLLATE "C" NOT NULL,
    entity_id text COLLATE "C" NOT NULL,
    plan_display_name text COLLATE "C" NOT NULL,
    price_id text COLLATE "C",
    price_type text COLLATE "C" NOT NULL,
    meter_id text COLLATE "C",
    meter_display_name text COLLATE "C" NOT NULL,
    display_name text COLLATE "C" NOT NULL,
    amount numeric NOT NULL,
    quantity numeric NOT NULL,
    currency text COLLATE "C" NOT NULL,
    period_start timestamptz,
    period_end timestamptz,
    explanation jsonb,
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
CREATE INDEX invoice_line_items_by_invoice ON invoice_line_items (tenant_id, environment_id, invoice_id);

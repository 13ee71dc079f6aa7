-- What is to happen to subscriptions on a date, and can still be called off.
CREATE TABLE subscription_schedules (
    id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    schedule_type text COLLATE "C" NOT NULL,
    schedule_status text COLLATE "C" NOT NULL,
    scheduled_at timestamptz NOT NULL,
    executed_at timestamptz,
    cancelled_at timestamptz,
    configuration jsonb NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
);
CREATE INDEX subscription_schedules_by_creation ON subscription_schedules (tenant_id, environment_id, created_at, id);
CREATE INDEX subscription_schedules_by_subscription ON subscription_schedules (tenant_id, environment_id, subscription_id, created_at, id);
CREATE UNIQUE INDEX subscription_schedules_pending ON subscription_schedules (tenant_id, environment_id, subscription_id, schedule_type)
    WHERE schedule_status = 'pending';

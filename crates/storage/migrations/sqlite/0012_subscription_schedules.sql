-- What is to happen to subscriptions on a date, and can still be called off.
CREATE TABLE subscription_schedules (
    id TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    schedule_type TEXT NOT NULL,
    schedule_status TEXT NOT NULL,
    scheduled_at INTEGER NOT NULL,
    executed_at INTEGER,
    cancelled_at INTEGER,
    configuration TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, id)
) WITHOUT ROWID;
CREATE INDEX subscription_schedules_by_creation ON subscription_schedules (tenant_id, environment_id, created_at, id);
CREATE INDEX subscription_schedules_by_subscription ON subscription_schedules (tenant_id, environment_id, subscription_id, created_at, id);
CREATE UNIQUE INDEX subscription_schedules_pending ON subscription_schedules (tenant_id, environment_id, subscription_id, schedule_type)
    WHERE schedule_status = 'pending';

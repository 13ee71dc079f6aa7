-- Which ledger counts a meter that cost sheets price; those that are not listed are counted with billing.
CREATE TABLE meter_ledgers (
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    meter_id TEXT NOT NULL,
    counted_in TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, meter_id)
) WITHOUT ROWID;
INSERT INTO meter_ledgers (tenant_id, environment_id, meter_id, counted_in)
    SELECT DISTINCT tenant_id, environment_id, meter_id, 'USAGE' FROM prices WHERE entity_type = 'COSTSHEET' AND meter_id IS NOT NULL;
CREATE INDEX prices_by_meter ON prices (tenant_id, environment_id, meter_id);

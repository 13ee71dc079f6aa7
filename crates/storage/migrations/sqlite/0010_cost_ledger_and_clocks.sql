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

-- An advance that is under way: where to, what ran so far, and whether it is to stop.
ALTER TABLE environment_clocks ADD COLUMN
    advancing_to INTEGER;
ALTER TABLE environment_clocks ADD COLUMN
    advanced_work INTEGER NOT NULL DEFAULT 0;
ALTER TABLE environment_clocks ADD COLUMN
    advance_cancelled INTEGER NOT NULL DEFAULT 0;

-- What a subscription's invoices charge behind an instant, however many came before.
CREATE INDEX invoices_by_subscription_end ON invoices (tenant_id, environment_id, subscription_id, period_end);
CREATE INDEX invoice_line_items_by_subscription_end ON invoice_line_items (tenant_id, environment_id, subscription_id, period_end);

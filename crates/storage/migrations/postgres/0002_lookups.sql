-- Lookups by a caller's own names. The unique indexes of 0001 leave empty names out, and a lookup by a bound value cannot use those.
CREATE INDEX customers_by_external_id ON customers (tenant_id, environment_id, external_id);
CREATE INDEX features_by_lookup_key ON features (tenant_id, environment_id, lookup_key);
CREATE INDEX groups_by_lookup_key ON groups (tenant_id, environment_id, lookup_key);
CREATE INDEX plans_by_lookup_key ON plans (tenant_id, environment_id, lookup_key);
CREATE INDEX prices_by_lookup_key ON prices (tenant_id, environment_id, lookup_key);
CREATE INDEX invoices_by_idempotency_key ON invoices (tenant_id, environment_id, idempotency_key);

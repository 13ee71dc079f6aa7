-- Lookups of cost sheets by the caller's own key, as 0002 has them for the rest of the catalog.
CREATE INDEX costsheets_by_lookup_key ON costsheets (tenant_id, environment_id, lookup_key);

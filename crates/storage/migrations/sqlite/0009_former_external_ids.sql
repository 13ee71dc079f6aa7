-- External ids that published customers had before: their events still arrive under them, so nobody else may have them.
ALTER TABLE customers ADD COLUMN
    former_external_ids TEXT NOT NULL DEFAULT '[]';

CREATE TABLE former_external_ids (
    tenant_id TEXT NOT NULL,
    environment_id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, external_id)
) WITHOUT ROWID;
CREATE INDEX former_external_ids_by_customer ON former_external_ids (tenant_id, environment_id, customer_id);

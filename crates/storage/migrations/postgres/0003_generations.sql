-- How often something that processes keep in memory has changed; what all tenants share stands under the empty scope.
CREATE TABLE generations (
    tenant_id text COLLATE "C" NOT NULL,
    environment_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    generation bigint NOT NULL,
    PRIMARY KEY (tenant_id, environment_id, topic)
);

//! Servers of a cluster. Naming a host selects the server; an empty host keeps the embedded part.

use std::time::Duration;

use crate::config::secret::Secret;
use crate::config::section::section;

section! {
    /// ClickHouse, the event store of a cluster.
    ClickHouse at "clickhouse" used {
        address: String = "", "host:port; setting it selects ClickHouse as the event store, which needs the `cluster` feature; port 9000 is mapped to 8123";
        protocol: String = "native", "protocol that the port is given for" [one_of(&["native", "http"]), planned()];
        tls: bool = "false", "encrypt connections";
        tls_skip_verify: bool = "false", "accept any certificate" [planned()];
        username: String = "flexprice", "user";
        password: Secret = "", "password";
        database: String = "flexprice", "database";
        cluster: String = "", "name of the cluster in the servers' configuration; empty = a single server";
        max_memory_usage: u32 = "50", "most memory of one query, in GiB" [planned()];
        max_open_conns: u32 = "100", "connections at the same time; 0 = 10";
        max_idle_conns: u32 = "20", "connections kept open; 0 = 5" [planned()];
        dial_timeout: Duration = "0s", "longest wait for a connection; 0s = 10s";
        read_timeout: Duration = "0s", "longest wait for an answer; 0s = 30s";
    }
}

section! {
    /// PostgreSQL, the relational store of a cluster.
    Postgres at "postgres" used {
        host: String = "", "host of the writer; setting it selects PostgreSQL as the relational store, which needs the `cluster` feature";
        port: u16 = "5432", "port of the writer";
        user: String = "flexprice", "user";
        password: Secret = "", "password";
        dbname: String = "flexprice", "database";
        sslmode: String = "disable", "whether connections are encrypted" [one_of(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])];
        reader_host: String = "", "host of a read replica; empty or the writer's host = none";
        reader_port: u16 = "0", "port of the replica; 0 = the writer's";
        max_open_conns: u32 = "10", "connections at the same time, for writer and reader each" [at_least(1)];
        max_idle_conns: u32 = "5", "connections kept open, for writer and reader each";
        conn_max_lifetime_minutes: u32 = "60", "minutes after which a connection is replaced; 0 = never";
    }
}

section! {
    /// Redis, the shared cache and locks of a cluster.
    Redis at "redis" used {
        host: String = "", "host; setting it selects Redis for cache and locks, which needs the `cluster` feature";
        port: u16 = "6379", "port";
        username: String = "", "user";
        password: Secret = "", "password";
        db: u32 = "0", "number of the database";
        use_tls: bool = "false", "encrypt connections";
        pool_size: u32 = "10", "connections at the same time" [at_least(1)];
        timeout: Duration = "5s", "longest wait for an answer";
        key_prefix: String = "flexprice:local", "prefix of every key";
        cluster_mode: bool = "true", "speak the cluster protocol; false for a single server";
        sentinel_master_name: String = "", "selects Sentinel and overrides host, port and cluster_mode";
        sentinel_addrs: Vec<String> = "", "host:port of sentinels";
        sentinel_username: String = "", "user of the sentinels";
        sentinel_password: Secret = "", "password of the sentinels";
        route_reads_to_replicas: bool = "false", "read from replicas, with Sentinel only";
    }
}

section! {
    /// Read-through caches.
    Cache at "cache" planned {
        enabled: bool = "false", "master switch of the read-through caches";
    }
    with { inmemory: CacheInMemory, redis: CacheRedis }
}

section! {
    /// The cache inside the process.
    CacheInMemory at "cache.inmemory" planned {
        enabled: bool = "false", "cache inside the process";
    }
}

section! {
    /// The cache in Redis.
    CacheRedis at "cache.redis" planned {
        enabled: bool = "false", "cache in Redis";
    }
}

section! {
    /// Temporal, the workflow engine of a cluster.
    Temporal at "temporal" used {
        address: String = "", "host:port; setting it selects Temporal as the workflow engine, which needs the `cluster` feature";
        namespace: String = "default", "namespace";
        tls: bool = "false", "encrypt connections";
        api_key: Secret = "", "sent as a bearer token with every call; empty = none";
        api_key_name: String = "", "name of the key, for people" [planned()];
        task_queue: Vec<String> = "", "queues that this worker serves; empty = all";
        subscription_billing_every: Duration = "2m", "pause between two looks for due subscriptions and invoices to compute";
        draft_finalization_every: Duration = "30m", "pause between two looks for drafts to finalize";
        max_workflows_per_cron_run: u32 = "500", "most workflows that one scheduler run starts; 0 = no limit";
    }
    with { worker: TemporalWorker }
}

section! {
    /// Limits of a Temporal worker.
    TemporalWorker at "temporal.worker" used {
        max_concurrent_activity_execution_size: u32 = "10", "activities at the same time per queue; 0 = 10";
        max_concurrent_workflow_task_execution_size: u32 = "10", "workflow tasks at the same time per queue; 0 = 10";
        worker_activities_per_second: f64 = "5", "activities per second, queue and worker; 0 = 5";
        task_queue_activities_per_second: f64 = "0", "activities per second and queue over all workers; 0 = no limit";
    }
}

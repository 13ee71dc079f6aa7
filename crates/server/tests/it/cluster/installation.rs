//! One installation: what its processes share on the servers, made for a test and removed after it.

use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::faults::client::Client;
use crate::support::{Place, Ran};

use super::process::Process;

/// The installation's own API key, and its SHA-256: the key of local development does not work outside of it.
pub(crate) const KEY: &str = "sk_installation_of_a_test";
const KEY_SHA256: &str = "f83f7eb68f221b8a6a71a1459b41eb3784a5cdd92cc4048eb9615835636aba29";
const TENANT: &str = "00000000-0000-0000-0000-000000000000";
/// Partitions of the topic of events.
pub(crate) const PARTITIONS: u16 = 4;
/// How long consumers may take to count what was accepted, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where a server of `dev/services` is.
fn server(name: &str, default: &str) -> String {
    env::var(format!("FLEXPRICE_TEST_{name}")).unwrap_or_else(|_| default.to_owned())
}

/// An installation. Its processes end before it does.
pub(crate) struct Installation {
    pub(crate) place: Place,
    name: String,
}

impl Installation {
    /// Migrated and with topics, no process running.
    pub(crate) fn new() -> Self {
        let name = format!("it_{:08x}", rand::random::<u32>());
        let owner = format!(r#"{{"{KEY_SHA256}":{{"tenant_id":"{TENANT}","user_id":"{TENANT}","name":"test","is_active":true}}}}"#);
        let place = Place::new()
            .env("FLEXPRICE_POSTGRES_HOST", &server("POSTGRES_HOST", "127.0.0.1"))
            .env("FLEXPRICE_POSTGRES_PORT", &server("POSTGRES_PORT", "5432"))
            .env("FLEXPRICE_POSTGRES_PASSWORD", "flexprice123")
            .env("FLEXPRICE_POSTGRES_DBNAME", &name)
            .env("FLEXPRICE_CLICKHOUSE_ADDRESS", &server("CLICKHOUSE_ADDRESS", "127.0.0.1:8123"))
            .env("FLEXPRICE_CLICKHOUSE_USERNAME", "default")
            .env("FLEXPRICE_CLICKHOUSE_DATABASE", &name)
            .env("FLEXPRICE_KAFKA_BROKERS", &server("KAFKA_BROKERS", "127.0.0.1:29092"))
            .env("FLEXPRICE_KAFKA_TOPIC", &format!("{name}_events"))
            .env("FLEXPRICE_KAFKA_TOPICS_DEFAULTS_PARTITIONS", &PARTITIONS.to_string())
            .env("FLEXPRICE_KAFKA_TOPICS_DEFAULTS_REPLICATION_FACTOR", "1")
            .env("FLEXPRICE_EVENT_PROCESSING_TOPIC", &format!("{name}_events"))
            .env("FLEXPRICE_EVENT_PROCESSING_CONSUMER_GROUP", &format!("{name}_raw"))
            .env("FLEXPRICE_EVENT_PROCESSING_REPLAY_ENABLED", "false")
            .env("FLEXPRICE_METER_USAGE_TRACKING_TOPIC", &format!("{name}_events"))
            .env("FLEXPRICE_METER_USAGE_TRACKING_CONSUMER_GROUP", &format!("{name}_usage"))
            .env("FLEXPRICE_COSTSHEET_USAGE_TRACKING_TOPIC", &format!("{name}_events"))
            .env("FLEXPRICE_COSTSHEET_USAGE_TRACKING_CONSUMER_GROUP", &format!("{name}_costs"))
            .env("FLEXPRICE_REDIS_HOST", &server("REDIS_HOST", "127.0.0.1"))
            .env("FLEXPRICE_REDIS_PORT", &server("REDIS_PORT", "6379"))
            .env("FLEXPRICE_REDIS_CLUSTER_MODE", "false")
            .env("FLEXPRICE_REDIS_KEY_PREFIX", &name)
            // Workers of other tests serve queues of the same names: a namespace keeps them apart.
            .env("FLEXPRICE_TEMPORAL_NAMESPACE", &name)
            .env("FLEXPRICE_TEMPORAL_SUBSCRIPTION_BILLING_EVERY", "1s")
            .env("FLEXPRICE_AUTH_SECRET", "0f1e2d3c4b5a69788796a5b4c3d2e1f0")
            .env("FLEXPRICE_SECRETS_ENCRYPTION_KEY", "f0e1d2c3b4a5968778695a4b3c2d1e0f")
            .env("FLEXPRICE_AUTH_API_KEY_KEYS", &owner);
        let installation = Self { place, name };
        installation.sql(&format!("CREATE DATABASE {}", installation.name));
        for command in [vec!["migrate"], vec!["kafka", "topics", "apply"]] {
            let ran = installation.place.run(&command);
            assert_eq!(ran.code, Some(0), "{command:?}: {}{}", ran.out, ran.err);
        }
        installation
    }

    /// Makes the namespace of its workers, and says what processes that use it want in their environment.
    pub(crate) fn with_temporal(&self) -> [(&'static str, String); 1] {
        let address = server("TEMPORAL_ADDRESS", "127.0.0.1:7233");
        let tool = "../../dev/services";
        let (_, port) = address.rsplit_once(':').expect("an address with a port");
        let offset = port.parse::<i32>().expect("a port") - 7233;
        let create = ["temporal-cli", "operator", "namespace", "create", "--namespace", &self.name];
        let ran = Command::new(tool).args(create).env("SERVICES_PORT_OFFSET", offset.to_string()).output().expect("dev/services runs");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "Temporal at {address} (run dev/services up): {said}");
        [("FLEXPRICE_TEMPORAL_ADDRESS", address)]
    }

    /// Starts a process in a role and waits until it is ready.
    pub(crate) fn start(&self, mode: &str) -> Process {
        Process::start(&self.place, mode, &[])
    }

    /// A client of an API process.
    pub(crate) fn client(&self, api: &Process) -> Client {
        Client::with_key(&api.url, KEY)
    }

    /// Waits until no consumer is behind.
    pub(crate) fn settle(&self) {
        self.settle_without(("", ""));
    }

    /// The same for consumers that one setting leaves.
    pub(crate) fn settle_without(&self, off: (&str, &str)) {
        let asked = Instant::now();
        loop {
            let mut lag = self.place.flexprice(&["kafka", "lag"]);
            if !off.0.is_empty() {
                lag.env(off.0, off.1);
            }
            let ran = Ran::from(lag.output().expect("the binary runs"));
            assert_eq!(ran.code, Some(0), "{}", ran.err);
            if ran.out.ends_with("0 messages behind in all\n") && !ran.out.contains(" behind on ") {
                return;
            }
            assert!(asked.elapsed() < PATIENCE, "consumers do not catch up:\n{}", ran.out);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The name of a consumer group.
    pub(crate) fn named(&self, group: &str) -> String {
        format!("{}_{group}", self.name)
    }

    /// Where Kafka is.
    pub(crate) fn brokers(&self) -> String {
        server("KAFKA_BROKERS", "127.0.0.1:29092")
    }

    /// Runs a statement on the PostgreSQL server, outside the installation's database.
    pub(crate) fn sql(&self, statement: &str) {
        let (host, port) = (server("POSTGRES_HOST", "127.0.0.1"), server("POSTGRES_PORT", "5432"));
        let ran = Command::new("psql")
            .args(["-qX", "-h", &host, "-p", &port, "-U", "flexprice", "-d", "flexprice", "-c", statement])
            .env("PGPASSWORD", "flexprice123")
            .output()
            .expect("this test needs `psql`: run dev/services up");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "PostgreSQL at {host}:{port} (run dev/services up): {said}");
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // What a failed test leaves is removed as well as it goes.
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if std::thread::panicking() {
            let _left = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.sql(&drop)));
        } else {
            self.sql(&drop);
        }
    }
}

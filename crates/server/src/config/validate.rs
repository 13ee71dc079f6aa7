//! Whether this build may start with a configuration: modes it has, servers it can reach, secrets that are secret.

use domain::event::{EARLIEST, LATEST};
use domain::time::Timestamp;

use super::choice::Mode;
use super::load::Loaded;
use super::problem::{Problem, Problems};
use super::sections::{Config, DEV_API_KEY_SHA256, DEV_AUTH_SECRET, DEV_ENCRYPTION_KEY};

/// Whether the clients of the cluster profile are compiled in.
pub(super) const HAS_CLUSTER: bool = cfg!(feature = "cluster");

/// A shorter secret can be guessed offline (RFC 7518 §3.2 asks for 32 bytes, AES-256 has as many).
const SECRET_BYTES_MIN: usize = 32;
/// Fewer different characters come of a pressed key, not of chance: 32 random hexadecimal digits have 8 or more but once in 20 million.
const SECRET_CHARACTERS_MIN: usize = 8;

/// Checks what was read.
///
/// # Errors
/// [`Problems`] with every reason not to start.
pub fn check(loaded: &Loaded) -> Result<(), Problems> {
    let config = &loaded.config;
    let mut problems = Vec::new();
    if HAS_CLUSTER {
        check_cluster(config, &mut problems);
    } else {
        refuse_cluster(config, &mut problems);
    }
    // A body may take three quarters: the rest is left to small ones.
    if config.server.max_bodies_bytes / 4 * 3 < config.server.max_body_bytes {
        let least = config.server.max_body_bytes.div_ceil(3).saturating_mul(4);
        let reason = format!("leaves no room for a body of `server.max_body_bytes`; use {least} or more, or bound that one lower");
        problems.push(refused("server.max_bodies_bytes", reason));
    }
    if config.data.dir.as_os_str().is_empty() {
        problems.push(refused("data.dir", "names no directory"));
    }
    for (path, what, timeout) in [
        ("data.lock_timeout", "a change", config.data.lock_timeout),
        ("server.header_timeout", "a connection", config.server.header_timeout),
        ("server.idle_timeout", "a connection", config.server.idle_timeout),
    ] {
        if timeout.is_zero() {
            problems.push(refused(path, format!("leaves {what} no time at all; use a second or more")));
        }
    }
    if config.auth.api_key.header.trim().is_empty() {
        problems.push(refused("auth.api_key.header", "names no header"));
    }
    check_event_times(config, &mut problems);
    check_secrets(config, &mut problems);
    check_origins(config, &mut problems);
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

fn refused(path: &'static str, reason: impl Into<String>) -> Problem {
    Problem::Refused { path, reason: reason.into() }
}

/// The stores hold events of 1970 to 2105.
fn check_event_times(config: &Config, problems: &mut Vec<Problem>) {
    let read = |problems: &mut Vec<Problem>, path, text: &str| {
        let instant = text.trim().parse::<Timestamp>();
        if instant.is_err() {
            problems.push(refused(path, format!("`{text}` is no time such as 2024-01-31T00:00:00Z")));
        }
        instant.ok()
    };
    let earliest = read(problems, "event.earliest_timestamp", &config.event.earliest_timestamp);
    let end = read(problems, "event.timestamp_end", &config.event.timestamp_end);
    let (Some(earliest), Some(end)) = (earliest, end) else { return };
    if earliest < EARLIEST {
        problems.push(refused("event.earliest_timestamp", "lies before 1970-01-01T00:00:00Z"));
    }
    if end > LATEST {
        problems.push(refused("event.timestamp_end", "lies after 2106-01-01T00:00:00Z"));
    }
    if end <= earliest {
        problems.push(refused("event.timestamp_end", "leaves no time after event.earliest_timestamp"));
    }
}

/// A server that is configured and then ignored would split the data in two without a word.
fn refuse_cluster(config: &Config, problems: &mut Vec<Problem>) {
    let mode = config.deployment.mode;
    if mode != Mode::Local {
        let reason = format!("`{mode}` needs a build with the `cluster` feature; this build runs `local`: all of it in one process");
        problems.push(refused("deployment.mode", reason));
    }
    let selected = [
        ("postgres.host", "PostgreSQL", !config.postgres.host.is_empty()),
        ("kafka.brokers", "Kafka", !config.kafka.brokers.is_empty()),
        ("kafka_secondary.brokers", "a second Kafka cluster", !config.kafka_secondary.brokers.is_empty()),
        ("clickhouse.address", "ClickHouse", !config.clickhouse.address.is_empty()),
        ("redis.host", "Redis", !config.redis.host.is_empty()),
        ("redis.sentinel_addrs", "Redis Sentinel", !config.redis.sentinel_addrs.is_empty()),
        ("temporal.address", "Temporal", !config.temporal.address.is_empty()),
    ];
    for (path, server, _) in selected.into_iter().filter(|(_, _, is_set)| *is_set) {
        let reason = format!("selects {server}, which needs a build with the `cluster` feature; unset it to run on the embedded stores");
        problems.push(refused(path, reason));
    }
}

/// A role of a cluster shares its stores with other processes, and events flow from the log to the store that can take them from it.
fn check_cluster(config: &Config, problems: &mut Vec<Problem>) {
    let mode = config.deployment.mode;
    let missing = |problems: &mut Vec<Problem>, path, server: &str, is_missing: bool| {
        if is_missing {
            problems.push(refused(path, format!("is empty; `{mode}` shares its work with other processes and needs {server}")));
        }
    };
    if mode != Mode::Local {
        missing(problems, "postgres.host", "PostgreSQL", config.postgres.host.is_empty());
        missing(problems, "clickhouse.address", "ClickHouse", config.clickhouse.address.is_empty());
        missing(problems, "kafka.brokers", "Kafka", config.kafka.brokers.is_empty());
    }
    if mode == Mode::TemporalWorker {
        missing(problems, "temporal.address", "Temporal", config.temporal.address.is_empty());
    }
    if mode == Mode::Local && !config.kafka.brokers.is_empty() && config.clickhouse.address.is_empty() {
        let reason = "is empty; consumers write what they read from Kafka into ClickHouse: set it, or unset kafka.brokers";
        problems.push(refused("clickhouse.address", reason));
    }
    if !config.kafka_secondary.brokers.is_empty() {
        let reason = "selects a second Kafka cluster, which this build cannot publish to yet; unset it";
        problems.push(refused("kafka_secondary.brokers", reason));
    }
}

/// The values of local development are public: they may guard nothing that another machine can reach.
fn check_secrets(config: &Config, problems: &mut Vec<Problem>) {
    let is_private = config.deployment.mode == Mode::Local && config.server.address.is_loopback();
    let why = format!(
        "the value of local development is public, and {} in `{}` mode can be reached from other machines",
        config.server.address, config.deployment.mode
    );
    let (secret, key) = (config.auth.secret.expose(), config.secrets.encryption_key.expose());
    if secret.trim().is_empty() {
        problems.push(refused("auth.secret", "is empty; set FLEXPRICE_AUTH_SECRET, for example to the output of `openssl rand -hex 32`"));
    } else if !is_private && secret == DEV_AUTH_SECRET {
        problems
            .push(refused("auth.secret", format!("{why}; set FLEXPRICE_AUTH_SECRET, for example to the output of `openssl rand -hex 32`")));
    } else if let Some(weakness) = weakness(secret).filter(|_| !is_private) {
        problems.push(refused("auth.secret", format!("is weak: it {weakness}; use the output of `openssl rand -hex 32`")));
    }
    if key.trim().is_empty() {
        let reason = "is empty; set FLEXPRICE_SECRETS_ENCRYPTION_KEY, for example to the output of `openssl rand -hex 16`";
        problems.push(refused("secrets.encryption_key", reason));
    } else if !is_private && key == DEV_ENCRYPTION_KEY {
        let reason = format!("{why}; set FLEXPRICE_SECRETS_ENCRYPTION_KEY, for example to the output of `openssl rand -hex 16`");
        problems.push(refused("secrets.encryption_key", reason));
    } else if let Some(weakness) = weakness(key).filter(|_| !is_private) {
        let reason = format!("is weak: it {weakness}; use the output of `openssl rand -hex 16`");
        problems.push(refused("secrets.encryption_key", reason));
    }
    if !is_private && config.auth.api_key.keys.0.contains_key(DEV_API_KEY_SHA256) {
        let reason = format!(
            "{why}; set FLEXPRICE_AUTH_API_KEY_KEYS to keys of your own (JSON by SHA-256), or to {{}} for keys of the database only"
        );
        problems.push(refused("auth.api_key.keys", reason));
    }
}

/// Why a secret could be guessed.
fn weakness(secret: &str) -> Option<String> {
    let characters = secret.chars().collect::<std::collections::BTreeSet<_>>().len();
    if secret.len() < SECRET_BYTES_MIN {
        Some(format!("has {} bytes, and {SECRET_BYTES_MIN} are the least", secret.len()))
    } else if characters < SECRET_CHARACTERS_MIN {
        Some(format!("has {characters} different characters, and {SECRET_CHARACTERS_MIN} are the least"))
    } else {
        None
    }
}

/// The development key is known to every web page: none may read what a server answers to it.
fn check_origins(config: &Config, problems: &mut Vec<Problem>) {
    let (origins, path) = (&config.server.allowed_origins, "server.allowed_origins");
    if origins.is_empty() {
        return;
    }
    if config.auth.api_key.keys.0.get(DEV_API_KEY_SHA256).is_some_and(|key| key.is_active) {
        let reason = "lets web pages in, and all of them know the public development key; set FLEXPRICE_AUTH_API_KEY_KEYS to keys of \
                      your own, or to {} for keys of the database only";
        problems.push(refused(path, reason));
    }
    if let Some(wrong) = origins.iter().find(|origin| !(is_origin(origin) || *origin == "*" && origins.len() == 1)) {
        problems.push(refused(path, format!("`{wrong}` is no origin such as https://app.example; `*` stands alone")));
    }
}

/// Scheme, host and perhaps a port, and nothing after them.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    matches!(scheme, "http" | "https")
        && !authority.contains('@')
        && authority.parse::<axum::http::uri::Authority>().is_ok_and(|authority| !authority.host().is_empty())
}

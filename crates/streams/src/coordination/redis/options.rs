//! Which Redis, and how to reach it: section `redis` of the configuration.

use std::fmt;
use std::time::Duration;

use fred::types::config::{
    Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, Server, ServerConfig, TcpConfig, TlsConfig, TlsConnector,
    UnresponsiveConfig,
};

use super::super::CoordinationError;

/// How to reach Redis. Passwords do not print.
#[derive(Clone)]
pub struct RedisOptions {
    /// Host of the server, or of any node of the cluster.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User; empty = the default one.
    pub username: String,
    /// Password; empty = none.
    pub password: String,
    /// Number of the database; a cluster has 0 alone.
    pub db: u8,
    /// Encrypt connections, to sentinels too, and check the server against the system's certificates.
    pub use_tls: bool,
    /// Connections; each carries many calls at once.
    pub pool_size: usize,
    /// Longest wait for an answer, and for a connection.
    pub timeout: Duration,
    /// Stands before every key, with a colon between.
    pub key_prefix: String,
    /// Speak the cluster protocol.
    pub cluster_mode: bool,
    /// Name of the master that sentinels watch: selects Sentinel over `host`, `port` and `cluster_mode`. Empty = no Sentinel.
    pub sentinel_master_name: String,
    /// Sentinels as `host:port`; the port is 26379 when absent.
    pub sentinel_addrs: Vec<String>,
    /// User of the sentinels; empty = the default one.
    pub sentinel_username: String,
    /// Password of the sentinels; empty = none.
    pub sentinel_password: String,
    /// Permits reads from replicas. Coordination has none that may be late, so all of them go to the primary whatever this says.
    pub route_reads_to_replicas: bool,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 6379,
            username: String::new(),
            password: String::new(),
            db: 0,
            use_tls: false,
            pool_size: 10,
            timeout: Duration::from_secs(5),
            key_prefix: "flexprice:local".into(),
            cluster_mode: false,
            sentinel_master_name: String::new(),
            sentinel_addrs: Vec::new(),
            sentinel_username: String::new(),
            sentinel_password: String::new(),
            route_reads_to_replicas: false,
        }
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("servers", &self.servers())
            .field("db", &self.db)
            .field("use_tls", &self.use_tls)
            .finish_non_exhaustive()
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl RedisOptions {
    /// Where calls go, for logs.
    pub(super) fn servers(&self) -> String {
        if self.sentinel_master_name.is_empty() {
            format!("{}:{}", self.host, self.port)
        } else {
            format!("{} of sentinels {}", self.sentinel_master_name, self.sentinel_addrs.join(","))
        }
    }

    fn server(&self) -> Result<ServerConfig, CoordinationError> {
        if self.sentinel_master_name.is_empty() {
            let server = Server::new(self.host.as_str(), self.port);
            return Ok(match self.cluster_mode {
                true => ServerConfig::Clustered { hosts: vec![server], policy: fred::types::config::ClusterDiscoveryPolicy::UseCache },
                false => ServerConfig::Centralized { server },
            });
        }
        let hosts = self.sentinel_addrs.iter().map(|address| sentinel(address)).collect::<Result<Vec<_>, _>>()?;
        if hosts.is_empty() {
            return Err(CoordinationError("redis.sentinel_master_name is set, redis.sentinel_addrs is empty".into()));
        }
        Ok(ServerConfig::Sentinel {
            hosts,
            service_name: self.sentinel_master_name.clone(),
            username: non_empty(&self.sentinel_username),
            password: non_empty(&self.sentinel_password),
        })
    }

    pub(super) fn config(&self) -> Result<Config, CoordinationError> {
        let tls = match self.use_tls {
            true => {
                let connector = TlsConnector::default_rustls().map_err(|error| CoordinationError(format!("TLS: {error}")))?;
                Some(TlsConfig::from(connector))
            }
            false => None,
        };
        let server = self.server()?;
        let database = (!server.is_clustered() && self.db > 0).then_some(self.db);
        let (username, password) = (non_empty(&self.username), non_empty(&self.password));
        Ok(Config { fail_fast: false, username, password, server, database, tls, ..Config::default() })
    }

    pub(super) fn performance(&self) -> PerformanceConfig {
        PerformanceConfig { default_command_timeout: self.timeout, ..PerformanceConfig::default() }
    }

    pub(super) fn connection(&self) -> ConnectionConfig {
        ConnectionConfig {
            connection_timeout: self.timeout,
            internal_command_timeout: self.timeout,
            max_command_attempts: 1,
            max_command_buffer_len: QUEUED_CALLS_MAX,
            // A connection whose other end went without a word is closed and made anew, instead of after TCP's quarter of an hour.
            unresponsive: UnresponsiveConfig { max_timeout: Some(self.timeout), interval: self.timeout / 4 },
            tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
            ..ConnectionConfig::default()
        }
    }

    /// Tries for ever, and soon: a call in between fails at once, so waiting longer would help nobody.
    pub(super) fn reconnect() -> ReconnectPolicy {
        ReconnectPolicy::new_exponential(0, 50, 1_000, 2)
    }
}

/// Calls that wait to be written on one connection; one more fails.
const QUEUED_CALLS_MAX: usize = 10_000;

fn sentinel(address: &str) -> Result<Server, CoordinationError> {
    let Some((host, port)) = address.trim().rsplit_once(':') else {
        return Ok(Server::new(address.trim(), 26379));
    };
    let port = port.parse().map_err(|_| CoordinationError(format!("redis.sentinel_addrs: {address} is not host:port")))?;
    Ok(Server::new(host, port))
}

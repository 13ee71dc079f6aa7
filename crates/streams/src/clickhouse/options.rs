//! Where the ClickHouse server is, and the bounds of what is asked of it.

use std::fmt;
use std::time::Duration;

/// How to reach and use a ClickHouse server or cluster.
#[derive(Clone)]
pub struct ClickHouseOptions {
    /// `host`, `host:port` or an HTTP URL. The ports of the native protocol mean those of HTTP beside it (9000: 8123, 9440: 8443), so that
    /// an address written for a native client works; an explicit `http://` or `https://` URL is taken as it is.
    pub address: String,
    /// Made by [`migrate`](super::ClickHouseEventStore::migrate) when missing.
    pub database: String,
    /// User name.
    pub username: String,
    /// Never shown.
    pub password: String,
    /// Whether an address without scheme means HTTPS. Trusts the certificates of the operating system.
    pub tls: bool,
    /// The cluster's name in the servers' configuration; absent for a single server.
    pub cluster: Option<String>,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Longest time of one read, on the server and here.
    pub query_timeout: Duration,
    /// Longest time of one insert or change of the schema.
    pub insert_timeout: Duration,
    /// Requests at once; more wait.
    pub connections_max: usize,
    /// Repetitions of a request after a passing failure.
    pub retries_max: u32,
    /// Rows of one insert, which the server takes as one block and holds in memory. A larger batch becomes several inserts.
    pub insert_rows_max: usize,
}

impl Default for ClickHouseOptions {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:9000".to_owned(),
            database: "flexprice".to_owned(),
            username: String::new(),
            password: String::new(),
            tls: false,
            cluster: None,
            connect_timeout: Duration::from_secs(5),
            query_timeout: Duration::from_secs(30),
            insert_timeout: Duration::from_secs(60),
            connections_max: 32,
            retries_max: 3,
            insert_rows_max: 400_000,
        }
    }
}

impl fmt::Debug for ClickHouseOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickHouseOptions")
            .field("address", &self.address)
            .field("database", &self.database)
            .field("username", &self.username)
            .field("tls", &self.tls)
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl ClickHouseOptions {
    /// The URL of the HTTP interface.
    pub(super) fn url(&self) -> String {
        let address = self.address.trim().trim_end_matches('/');
        if address.starts_with("http://") || address.starts_with("https://") {
            return address.to_owned();
        }
        let (scheme, standard_port) = if self.tls { ("https", 8443) } else { ("http", 8123) };
        // A colon within brackets, or one of several without, belongs to an IPv6 address.
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') && (host.ends_with(']') || !host.contains(':')) => (host, port.parse().ok()),
            _ => (address, None),
        };
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        let port: u16 = match port {
            None | Some(9000 | 9440) => standard_port,
            Some(port) => port,
        };
        format!("{scheme}://{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_addresses_mean_http_beside_them() {
        for (address, tls, expected) in [
            ("clickhouse:9000", false, "http://clickhouse:8123"),
            ("clickhouse:9440", true, "https://clickhouse:8443"),
            ("clickhouse", false, "http://clickhouse:8123"),
            ("clickhouse", true, "https://clickhouse:8443"),
            ("127.0.0.1:8123", false, "http://127.0.0.1:8123"),
            ("10.0.0.1:18123", true, "https://10.0.0.1:18123"),
            ("[::1]:9000", false, "http://[::1]:8123"),
            ("::1", false, "http://[::1]:8123"),
            ("http://clickhouse:9000/", true, "http://clickhouse:9000"),
            ("https://clickhouse.example", false, "https://clickhouse.example"),
        ] {
            let options = ClickHouseOptions { address: address.to_owned(), tls, ..ClickHouseOptions::default() };
            assert_eq!(options.url(), expected, "{address}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let options = ClickHouseOptions { password: "hidden".to_owned(), ..ClickHouseOptions::default() };
        assert!(!format!("{options:?}").contains("hidden"));
    }
}

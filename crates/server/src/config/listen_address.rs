//! Where to listen: `host:port`, and whether other machines can reach it.

use std::fmt;
use std::net::IpAddr;

/// A listen address; port 0 takes any free port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    host: String,
    port: u16,
}

impl ListenAddress {
    /// Reads `host:port`, `[::1]:port` or `:port` (all interfaces).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').filter(|inner| inner.parse::<IpAddr>().is_ok())?,
            None if host.contains(':') => return None,
            None => host,
        };
        if host.contains(|c: char| c.is_whitespace() || c == '/') {
            return None;
        }
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Some(Self { host: host.to_owned(), port })
    }

    /// Host and port to bind.
    #[must_use]
    pub fn target(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Only this machine can connect. A host name other than `localhost` counts as reachable.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') { write!(f, "[{}]:{}", self.host, self.port) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str, loopback: bool) {
        let address = ListenAddress::parse(text).unwrap_or_else(|| panic!("{text} is refused"));
        assert_eq!((address.to_string().as_str(), address.is_loopback()), (shown, loopback));
    }

    #[test]
    fn loopback_is_told_from_the_rest() {
        check("127.0.0.1:8080", "127.0.0.1:8080", true);
        check("127.9.9.9:0", "127.9.9.9:0", true);
        check("localhost:8080", "localhost:8080", true);
        check("[::1]:8080", "[::1]:8080", true);
        check(":8080", "0.0.0.0:8080", false);
        check("0.0.0.0:8080", "0.0.0.0:8080", false);
        check("[::]:8080", "[::]:8080", false);
        check("10.0.0.5:80", "10.0.0.5:80", false);
        check("billing.example:80", "billing.example:80", false);
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in ["8080", "", "host", "host:port", "::1:80", "a:b:1", "http://a:80", "a:70000", "[a]:80", "[::1:80"] {
            assert_eq!(ListenAddress::parse(text), None, "{text}");
        }
    }
}

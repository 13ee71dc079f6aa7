//! How to reach the brokers: addresses, encryption and authentication, as properties of the Kafka client.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};

use super::error::KafkaError;

/// A repeated complaint about unreachable brokers is logged at most once in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);

/// The brokers and how to speak with them.
#[derive(Clone, Debug, Default)]
pub struct KafkaOptions {
    /// `host:port` of some brokers; the others are found through them.
    pub brokers: Vec<String>,
    /// Name of this client in the brokers' logs and quotas; empty = `flexprice`.
    pub client_id: String,
    /// Encryption and authentication.
    pub security: KafkaSecurity,
}

/// Encryption and authentication of connections.
#[derive(Clone, Debug, Default)]
pub struct KafkaSecurity {
    /// Encrypt connections.
    pub tls: bool,
    /// PEM file of trusted authorities; none = those of the system.
    pub tls_ca_cert_file: Option<PathBuf>,
    /// Name to expect in the certificate. The client has no such setting: anything but empty is refused.
    pub tls_server_name: String,
    /// Authenticate, which implies encryption.
    pub sasl: Option<KafkaSasl>,
}

/// Who we are.
#[derive(Clone)]
pub struct KafkaSasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// User.
    pub user: String,
    /// Password; never printed.
    pub password: String,
}

impl fmt::Debug for KafkaSasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSasl").field("mechanism", &self.mechanism).field("user", &self.user).finish_non_exhaustive()
    }
}

impl KafkaOptions {
    /// The properties that every client of these brokers has.
    pub(super) fn config(&self) -> Result<ClientConfig, KafkaError> {
        if self.brokers.iter().all(|broker| broker.trim().is_empty()) {
            return Err(KafkaError::Settings("no broker is given".to_owned()));
        }
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Warning);
        config.set("bootstrap.servers", self.brokers.join(","));
        config.set("client.id", if self.client_id.is_empty() { "flexprice" } else { &self.client_id });
        config.set("socket.keepalive.enable", "true");
        config.set("reconnect.backoff.ms", "100");
        config.set("reconnect.backoff.max.ms", "5000");
        for (key, value) in self.security.properties()? {
            config.set(key, value);
        }
        Ok(config)
    }
}

impl KafkaSecurity {
    /// As properties of the client. SASL is spoken over TLS alone (spec 61).
    fn properties(&self) -> Result<Vec<(&'static str, String)>, KafkaError> {
        let mut properties = Vec::new();
        if !self.tls_server_name.is_empty() {
            let hint = "tls_server_name is not supported: the name checked is the broker's advertised host, so advertise the certificate's";
            return Err(KafkaError::Settings(hint.to_owned()));
        }
        if self.tls || self.sasl.is_some() {
            let ca = self.tls_ca_cert_file.as_ref().map_or_else(|| "probe".to_owned(), |path| path.display().to_string());
            properties.push(("ssl.ca.location", ca));
            properties.push(("ssl.endpoint.identification.algorithm", "https".to_owned()));
        }
        let protocol = match (&self.sasl, self.tls) {
            (Some(_), _) => "sasl_ssl",
            (None, true) => "ssl",
            (None, false) => "plaintext",
        };
        properties.push(("security.protocol", protocol.to_owned()));
        if let Some(sasl) = &self.sasl {
            match sasl.mechanism.as_str() {
                "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" => {}
                "OAUTHBEARER" => {
                    let hint = "sasl_mechanism OAUTHBEARER is not supported; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512";
                    return Err(KafkaError::Settings(hint.to_owned()));
                }
                other => {
                    let hint = format!("sasl_mechanism `{other}` is none of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512");
                    return Err(KafkaError::Settings(hint));
                }
            }
            if sasl.user.is_empty() || sasl.password.is_empty() {
                return Err(KafkaError::Settings("sasl needs a user and a password".to_owned()));
            }
            properties.push(("sasl.mechanism", sasl.mechanism.clone()));
            properties.push(("sasl.username", sasl.user.clone()));
            properties.push(("sasl.password", sasl.password.clone()));
        }
        Ok(properties)
    }
}

/// Passes the client's log on, without a flood while brokers are away.
#[derive(Default)]
pub(super) struct Log {
    complained: Mutex<Option<Instant>>,
    cause: Mutex<Option<String>>,
}

impl Log {
    pub(super) fn line(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                self.complain(facility, message);
            }
            RDKafkaLogLevel::Warning => tracing::warn!(facility, "kafka: {message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(facility, "kafka: {message}"),
        }
    }

    fn complain(&self, facility: &str, message: &str) {
        let due = self.complained.lock().is_ok_and(|mut last| {
            let due = last.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL);
            if due {
                *last = Some(Instant::now());
            }
            due
        });
        if due { tracing::warn!(facility, "kafka: {message}") } else { tracing::debug!(facility, "kafka: {message}") }
    }

    /// Takes what the client says of its state.
    pub(super) fn error(&self, error: &Native, reason: &str) {
        // That all brokers are down follows why each of them is, and says less.
        if !matches!(error, Native::Global(RDKafkaErrorCode::AllBrokersDown)) {
            *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
        self.complain("error", &format!("{error}: {reason}"));
    }

    /// Whether the client has complained.
    pub(super) fn has_cause(&self) -> bool {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// An error with what the client complained of last: a question to brokers that cannot be reached says only that it failed, why no
    /// connection came about (a certificate, a password, a closed port) stands in the log alone.
    pub(super) fn explained(&self, error: Native) -> KafkaError {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (KafkaError::from(error), cause) {
            (KafkaError::Unavailable(what), Some(cause)) => KafkaError::Unavailable(format!("{what}: {cause}")),
            (error, _) => error,
        }
    }
}

/// The context of clients that only ask.
#[derive(Default)]
pub(super) struct Quiet(pub(super) Log);

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.line(level, facility, message);
    }

    fn error(&self, error: Native, reason: &str) {
        self.0.error(&error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for Quiet {}

#[cfg(test)]
mod tests {
    use super::*;

    fn sasl(mechanism: &str) -> Option<KafkaSasl> {
        Some(KafkaSasl { mechanism: mechanism.to_owned(), user: "u".to_owned(), password: "secret".to_owned() })
    }

    #[test]
    fn security_becomes_properties() {
        let none = KafkaSecurity::default();
        let tls = KafkaSecurity { tls: true, ..KafkaSecurity::default() };
        let ca = KafkaSecurity { tls: true, tls_ca_cert_file: Some("/etc/ca.pem".into()), ..KafkaSecurity::default() };
        let plain = KafkaSecurity { sasl: sasl("PLAIN"), ..KafkaSecurity::default() };
        let scram = KafkaSecurity { sasl: sasl("SCRAM-SHA-512"), tls: true, ..KafkaSecurity::default() };
        let https = ("ssl.endpoint.identification.algorithm", "https");
        let user = [("sasl.username", "u"), ("sasl.password", "secret")];
        let table: Vec<(KafkaSecurity, Vec<(&str, &str)>)> = vec![
            (none, vec![("security.protocol", "plaintext")]),
            (tls, vec![("ssl.ca.location", "probe"), https, ("security.protocol", "ssl")]),
            (ca, vec![("ssl.ca.location", "/etc/ca.pem"), https, ("security.protocol", "ssl")]),
            (
                plain,
                [vec![("ssl.ca.location", "probe"), https, ("security.protocol", "sasl_ssl"), ("sasl.mechanism", "PLAIN")], user.to_vec()]
                    .concat(),
            ),
            (
                scram,
                [
                    vec![("ssl.ca.location", "probe"), https, ("security.protocol", "sasl_ssl"), ("sasl.mechanism", "SCRAM-SHA-512")],
                    user.to_vec(),
                ]
                .concat(),
            ),
        ];
        for (security, expected) in table {
            let expected: Vec<_> = expected.into_iter().map(|(key, value)| (key, value.to_owned())).collect();
            assert_eq!(security.properties().unwrap(), expected, "{security:?}");
        }
    }

    #[test]
    fn the_client_knows_every_property() {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let security = KafkaSecurity { sasl: sasl(mechanism), ..KafkaSecurity::default() };
            let options = KafkaOptions { brokers: vec!["127.0.0.1:1".to_owned()], client_id: String::new(), security };
            options.config().unwrap().create_native_config().unwrap();
        }
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        let no_password = KafkaSasl { mechanism: "PLAIN".to_owned(), user: "u".to_owned(), password: String::new() };
        for (security, part) in [
            (KafkaSecurity { sasl: sasl("OAUTHBEARER"), ..KafkaSecurity::default() }, "OAUTHBEARER"),
            (KafkaSecurity { sasl: sasl("GSSAPI"), ..KafkaSecurity::default() }, "GSSAPI"),
            (KafkaSecurity { sasl: sasl(""), ..KafkaSecurity::default() }, "none of"),
            (KafkaSecurity { sasl: Some(no_password), ..KafkaSecurity::default() }, "password"),
            (KafkaSecurity { tls: true, tls_server_name: "kafka".to_owned(), ..KafkaSecurity::default() }, "tls_server_name"),
        ] {
            let error = security.properties().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(KafkaOptions::default().config().unwrap_err().to_string().contains("no broker"));
        assert!(!format!("{:?}", sasl("PLAIN")).contains("secret"));
    }
}

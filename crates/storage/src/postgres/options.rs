//! How PostgreSQL is reached.

use std::fmt;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Whether and how connections are encrypted, as PostgreSQL's own clients name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// When the server insists.
    Allow,
    /// When the server can.
    #[default]
    Prefer,
    /// Always; the server's certificate is not checked.
    Require,
    /// Always, with a certificate of a known authority.
    VerifyCa,
    /// Always, with a certificate of a known authority for the server's name.
    VerifyFull,
}

impl SslMode {
    /// Reads the usual names: `disable`, `allow`, `prefer`, `require`, `verify-ca`, `verify-full`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    const fn driver(self) -> PgSslMode {
        match self {
            Self::Disable => PgSslMode::Disable,
            Self::Allow => PgSslMode::Allow,
            Self::Prefer => PgSslMode::Prefer,
            Self::Require => PgSslMode::Require,
            Self::VerifyCa => PgSslMode::VerifyCa,
            Self::VerifyFull => PgSslMode::VerifyFull,
        }
    }
}

/// How PostgreSQL is reached: a writer and, when there is one, a reader that follows it by streaming replication.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The writer's host.
    pub host: String,
    /// The writer's port.
    pub port: u16,
    /// The role; the same on the reader.
    pub user: String,
    /// Its password. Never printed.
    pub password: String,
    /// The database; the same on the reader.
    pub dbname: String,
    /// Encryption, of both.
    pub ssl_mode: SslMode,
    /// A file with the authorities to trust, in PEM; the system's without.
    pub ssl_root_cert: Option<std::path::PathBuf>,
    /// The reader's host; without one, everything is read from the writer.
    pub reader_host: Option<String>,
    /// The reader's port; the writer's without.
    pub reader_port: Option<u16>,
    /// Most connections of each pool, at least 1. Writer and reader have a pool each.
    pub max_open_conns: u32,
    /// Connections of each pool that are kept while idle. Those beyond it are opened as needed and closed after a minute without use.
    pub max_idle_conns: u32,
    /// A connection is replaced at this age.
    pub conn_max_lifetime: Duration,
    /// How long a request waits for a free connection before it gives up as unavailable.
    pub acquire_timeout: Duration,
    /// How long one statement may take, waiting for locks included, and how long a unit of work may stand idle.
    pub statement_timeout: Duration,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 5432,
            user: "flexprice".into(),
            password: String::new(),
            dbname: "flexprice".into(),
            ssl_mode: SslMode::default(),
            ssl_root_cert: None,
            reader_host: None,
            reader_port: None,
            max_open_conns: 10,
            max_idle_conns: 5,
            conn_max_lifetime: Duration::from_secs(60 * 60),
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            application_name: "flexprice".into(),
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("writer", &format_args!("{}:{}", self.host, self.port))
            .field("reader", &self.reader())
            .field("user", &self.user)
            .field("dbname", &self.dbname)
            .field("ssl_mode", &self.ssl_mode)
            .field("max_open_conns", &self.max_open_conns)
            .finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Host and port of the reader.
    fn reader(&self) -> Option<(&str, u16)> {
        let host = self.reader_host.as_deref().filter(|host| !host.is_empty())?;
        Some((host, self.reader_port.unwrap_or(self.port)))
    }

    pub(super) fn connect_writer(&self) -> PgConnectOptions {
        self.connect(&self.host, self.port)
    }

    pub(super) fn connect_reader(&self) -> Option<PgConnectOptions> {
        self.reader().map(|(host, port)| self.connect(host, port))
    }

    fn connect(&self, host: &str, port: u16) -> PgConnectOptions {
        let millis = self.statement_timeout.as_millis().to_string();
        let connect = PgConnectOptions::new_without_pgpass()
            .host(host)
            .port(port)
            .username(&self.user)
            .password(&self.password)
            .database(&self.dbname)
            .ssl_mode(self.ssl_mode.driver())
            .application_name(&self.application_name)
            .statement_cache_capacity(256)
            .options([("statement_timeout", millis.as_str()), ("idle_in_transaction_session_timeout", millis.as_str())]);
        match &self.ssl_root_cert {
            Some(file) => connect.ssl_root_cert(file),
            None => connect,
        }
    }
}

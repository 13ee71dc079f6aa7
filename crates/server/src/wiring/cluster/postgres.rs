//! PostgreSQL: the relational store of a cluster.

use std::time::Duration;

use anyhow::Context;
use storage::{Database, PostgresOptions, SslMode, StoreError};

use super::super::wait::{NotUp, until_up};
use crate::config::Config;
use crate::finding::{Check, Finding};
use crate::gate::Gate;

/// Connects, waiting until the server is up.
pub(in super::super) async fn open(config: &Config, gate: &Gate) -> anyhow::Result<Database> {
    let options = options(config)?;
    let server = format!("PostgreSQL at {}:{}", options.host, options.port);
    until_up(gate, &server, || async {
        let connect = async {
            let database = Database::connect(&options).await?;
            database.pending_migrations().await.map(|_| database)
        };
        connect.await.map_err(|error| match error {
            StoreError::Unavailable(cause) => NotUp::Yet(cause),
            other => NotUp::Ever(anyhow::Error::new(other).context(server.clone())),
        })
    })
    .await
}

fn options(config: &Config) -> anyhow::Result<PostgresOptions> {
    let postgres = &config.postgres;
    let minutes = u64::from(postgres.conn_max_lifetime_minutes);
    let defaults = PostgresOptions::default();
    Ok(PostgresOptions {
        host: postgres.host.clone(),
        port: postgres.port,
        user: postgres.user.clone(),
        password: postgres.password.expose().to_owned(),
        dbname: postgres.dbname.clone(),
        ssl_mode: SslMode::parse(&postgres.sslmode).with_context(|| format!("postgres.sslmode `{}` is not known", postgres.sslmode))?,
        reader_host: Some(postgres.reader_host.clone()).filter(|host| !host.is_empty()),
        reader_port: Some(postgres.reader_port).filter(|port| *port != 0),
        max_open_conns: postgres.max_open_conns,
        max_idle_conns: postgres.max_idle_conns,
        // A century stands for never.
        conn_max_lifetime: if minutes == 0 { Duration::from_secs(3_155_760_000) } else { Duration::from_secs(60 * minutes) },
        application_name: format!("flexprice-{}", config.deployment.mode),
        ..defaults
    })
}

pub(super) async fn inspect(config: &Config) -> Option<Check> {
    if config.postgres.host.is_empty() {
        return None;
    }
    let look = async {
        let database = Database::connect(&options(config)?).await?;
        let pending = database.pending_migrations().await?;
        database.close().await;
        anyhow::Ok(pending)
    };
    let at = format!("{}:{}/{}", config.postgres.host, config.postgres.port, config.postgres.dbname);
    let finding = match look.await {
        Ok(0) => Finding::Good(at),
        Ok(pending) => {
            Finding::Warning(format!("{at}: {pending} migrations are pending: the next start, or `flexprice migrate`, runs them"))
        }
        Err(error) => Finding::Bad(format!("{at}: {error:#}")),
    };
    Some(("PostgreSQL", finding))
}

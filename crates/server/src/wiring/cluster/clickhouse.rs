//! ClickHouse: the event store of a cluster.

use std::time::Duration;

use streams::{ClickHouseEventStore, ClickHouseOptions, EventStore as _, EventStoreError};

use super::super::settings::or_default;
use super::super::wait::{NotUp, until_up};
use crate::config::Config;
use crate::finding::{Check, Finding};
use crate::gate::Gate;

/// Connects, waiting until the server is up, and brings the tables up to date.
pub(super) async fn open(config: &Config, gate: &Gate) -> anyhow::Result<ClickHouseEventStore> {
    let store = ClickHouseEventStore::new(options(config));
    let server = format!("ClickHouse at {}", config.clickhouse.address);
    until_up(gate, &server, || async {
        store.migrate().await.map_err(|error| match error {
            EventStoreError::Unavailable(cause) => NotUp::Yet(cause),
            other => NotUp::Ever(anyhow::Error::new(other).context(server.clone())),
        })
    })
    .await?;
    Ok(store)
}

fn options(config: &Config) -> ClickHouseOptions {
    let clickhouse = &config.clickhouse;
    let defaults = ClickHouseOptions::default();
    let connections = usize::try_from(clickhouse.max_open_conns).unwrap_or(usize::MAX);
    ClickHouseOptions {
        address: clickhouse.address.clone(),
        database: clickhouse.database.clone(),
        username: clickhouse.username.clone(),
        password: clickhouse.password.expose().to_owned(),
        tls: clickhouse.tls,
        cluster: Some(clickhouse.cluster.clone()).filter(|name| !name.is_empty()),
        connect_timeout: or_default(clickhouse.dial_timeout, Duration::from_secs(10)),
        query_timeout: or_default(clickhouse.read_timeout, Duration::from_secs(30)),
        connections_max: if connections == 0 { 10 } else { connections },
        ..defaults
    }
}

pub(super) async fn inspect(config: &Config) -> Option<Check> {
    let address = &config.clickhouse.address;
    if address.is_empty() {
        return None;
    }
    let finding = match ClickHouseEventStore::new(options(config)).check().await {
        Ok(()) => Finding::Good(address.clone()),
        Err(error) => Finding::Bad(format!("{address}: {error}: if the tables are missing, run `flexprice migrate`")),
    };
    Some(("ClickHouse", finding))
}

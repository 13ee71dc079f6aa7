//! The servers of a cluster: one file for each, from its section of the configuration to the part of the system that speaks to it.

mod clickhouse;
mod kafka;
mod postgres;
mod redis;
mod rounds;
mod temporal;

use std::sync::Arc;
use std::time::Duration;

use api::ApiSettings;
use app::{App, Foundation, Sharing};
use storage::Database;
use streams::EventStore;

use super::embedded;
use super::service::Stop;
use crate::config::{Config, Mode};
use crate::finding::Check;
use crate::gate::Gate;

pub use self::kafka::{LagRow, lag, plan_topics, redrive, topics};
pub(super) use self::postgres::open as open_database;

/// How often a process hears what the database knows of changes.
const HEAR_PAUSE: Duration = Duration::from_secs(2);

/// The stores, when any of them is a server; `None` when all are embedded.
pub(super) async fn foundation(config: &Config, database: &Database, gate: &Gate) -> anyhow::Result<Option<Foundation>> {
    let shares_database = !config.postgres.host.is_empty();
    let selected = [!config.clickhouse.address.is_empty(), !config.kafka.brokers.is_empty(), shares_database];
    if !selected.contains(&true) {
        return Ok(None);
    }
    let sharing = if shares_database { Sharing::Shared(redis::connect(config).await?) } else { Sharing::Alone };
    let mut foundation = if config.clickhouse.address.is_empty() {
        Foundation::embedded(database.clone(), Arc::new(embedded::open_events(config)?))
    } else {
        let store = Arc::new(clickhouse::open(config, gate).await?);
        // Without a log both would be written in one request: there is nothing to keep apart.
        let costs: Option<Arc<dyn EventStore>> = if config.kafka.brokers.is_empty() { None } else { Some(Arc::new(store.reading_costs())) };
        Foundation { costs, log_store: Some(store.clone()), ..Foundation::embedded(database.clone(), store) }
    };
    foundation.sharing = sharing;
    foundation.log = kafka::log(config, gate).await?;
    Ok(Some(foundation))
}

/// Brings the tables of the event store up to date.
pub(super) async fn migrate_events(config: &Config, gate: &Gate) -> anyhow::Result<()> {
    clickhouse::open(config, gate).await.map(|_| ())
}

/// Starts what the process's role asks for besides the API, and adds to readiness what it needs.
pub(super) async fn start(config: &Config, app: &App, gate: &Gate, settings: &mut ApiSettings) -> anyhow::Result<Vec<Stop>> {
    let mode = config.deployment.mode;
    let mut running = Vec::new();
    if !config.postgres.host.is_empty() {
        running.push(hear_generations(app.clone()));
    }
    if matches!(mode, Mode::Local | Mode::Consumer) && !config.kafka.brokers.is_empty() {
        running.extend(kafka::start_consumers(config, app)?);
    }
    if matches!(mode, Mode::Local | Mode::TemporalWorker) && !config.temporal.address.is_empty() {
        running.push(temporal::start_worker(config, app, gate, settings).await?);
    }
    Ok(running)
}

/// Hears of changes whose process died between its commit and telling of it.
fn hear_generations(app: App) -> Stop {
    let task = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(HEAR_PAUSE);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = app.hear_generations().await {
                tracing::warn!(%error, "changes of other processes cannot be read from the database");
            }
        }
    });
    Box::pin(async move { task.abort() })
}

/// What `doctor` finds about the servers.
pub(super) async fn inspect(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.extend(postgres::inspect(config).await);
    checks.extend(clickhouse::inspect(config).await);
    checks.extend(kafka::inspect(config).await);
    checks.extend(redis::inspect(config).await);
    checks.extend(temporal::inspect(config).await);
    checks
}

//! The consumers that store and count what the log holds.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use app::App;
use app::event::LogOutcome;
use async_trait::async_trait;
use streams::kafka::{ConsumerOptions, Handled, HandlerError, KafkaConsumer, LogHandler, RecordBatch};
use streams::{Ledger, LogPartition, Stored};

use super::super::super::service::Stop;
use super::options::{Consumer, consumers, options};
use crate::config::Config;

/// How often is looked whether a meter belongs to another ledger than the one that counts it.
const MOVE_PAUSE: Duration = Duration::from_secs(2);

/// Starts the consumers of this process.
pub(in crate::wiring::cluster) fn start_consumers(config: &Config, app: &App) -> anyhow::Result<Vec<Stop>> {
    let kafka = options(config);
    let mut running: Vec<Stop> = Vec::new();
    for consumer in consumers(config) {
        let Consumer { ledger, topic, group, topic_dlq, rate_limit } = consumer;
        let options =
            ConsumerOptions { rate_limit, session_timeout: config.kafka.session_timeout, ..ConsumerOptions::new(group, topic, topic_dlq) };
        let handler = Arc::new(StoreEvents { app: app.clone(), ledger });
        let started = KafkaConsumer::start(&kafka, options, handler);
        let started = started.with_context(|| format!("the consumer {group} of {topic} does not start"))?;
        tracing::info!(group, topic, rate_limit, "consuming");
        running.push(Box::pin(started.stop()));
    }
    if consumers(config).iter().any(|consumer| consumer.ledger == Ledger::Costs) {
        running.push(move_meters(app.clone()));
    }
    Ok(running)
}

/// Moves meters to and from the ledger of costs as prices come and go.
fn move_meters(app: App) -> Stop {
    let task = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(MOVE_PAUSE);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = app.move_meters().await {
                tracing::warn!(%error, "meters stay in their ledgers for the moment");
            }
        }
    });
    Box::pin(async move { task.abort() })
}

/// What a consumer does with a batch: one use case.
struct StoreEvents {
    app: App,
    ledger: Ledger,
}

#[async_trait]
impl LogHandler for StoreEvents {
    async fn position(&self, partition: &LogPartition) -> Result<Option<i64>, HandlerError> {
        self.app.log_position(self.ledger, partition).await.map_err(HandlerError::new)
    }

    async fn handle(&self, batch: RecordBatch) -> Result<Handled, HandlerError> {
        let RecordBatch { partition, after, last, records } = batch;
        let outcome = self.app.store_logged(self.ledger, partition, after, records, last).await.map_err(HandlerError::new)?;
        Ok(match outcome {
            LogOutcome::Dead(dead) => Handled::Dead(dead),
            LogOutcome::Stored(Stored { position, settled: true, .. }) => Handled::Settled { position },
            LogOutcome::Stored(Stored { position, settled: false, .. }) => Handled::Moved { position },
        })
    }
}

//! The event log of an API process: what it publishes, and when that is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use app::event::{EventLog, EventLogError, LogLag};
use async_trait::async_trait;
use domain::event::Event;
use domain::scope::Scope;
use streams::kafka::{KafkaAdmin, KafkaError, KafkaProducer, PartitionLag};
use streams::{Ledger, LogPartition};

use super::super::super::wait::{NotUp, until_up};
use super::super::rounds::Rounds;
use super::options::{ANSWER_TIMEOUT, all_consumers, consumers, options, producer_options};
use crate::config::Config;
use crate::gate::Gate;

/// Longest wait of a readiness check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an invoice waits for consumers that are behind.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a stopping process waits for what it has begun to publish.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The log, when brokers are configured; waits until they answer and have the topic of events.
pub(in crate::wiring::cluster) async fn log(config: &Config, gate: &Gate) -> anyhow::Result<Option<Arc<dyn EventLog>>> {
    if config.kafka.brokers.is_empty() {
        return Ok(None);
    }
    let kafka = options(config);
    let producer = KafkaProducer::new(&kafka, producer_options(config))?;
    let server = format!("Kafka at {}", config.kafka.brokers.join(","));
    until_up(gate, &server, || async {
        producer.check(CHECK_TIMEOUT).await.map_err(|error| match error {
            // It may be made while we wait.
            KafkaError::Unavailable(_) | KafkaError::UnknownTopic(_) => NotUp::Yet(error.to_string()),
            other => NotUp::Ever(anyhow::Error::new(other).context(server.clone())),
        })
    })
    .await?;
    let read_by = |ledger| {
        let consumers = consumers(config).into_iter().filter(|consumer| consumer.ledger == ledger);
        consumers.map(|consumer| (consumer.group.to_owned(), consumer.topic.to_owned())).collect()
    };
    let (stored_by, counted_by) = (read_by(Ledger::Events), read_by(Ledger::Usage));
    let of_meters = all_consumers(config).into_iter().map(|(_, consumer)| consumer).filter(|consumer| consumer.ledger != Ledger::Events);
    let metered_by = of_meters.map(|consumer| (consumer.group.to_owned(), consumer.topic.to_owned())).collect();
    let (admin, settling) = (KafkaAdmin::new(kafka, ANSWER_TIMEOUT), Rounds::default());
    Ok(Some(Arc::new(KafkaLog { producer, admin, stored_by, counted_by, metered_by, settling })))
}

/// The event log on Kafka: publishes, and knows when what was published is counted.
struct KafkaLog {
    producer: KafkaProducer,
    admin: KafkaAdmin,
    /// Group and topic of each consumer that stores events.
    stored_by: Vec<(String, String)>,
    /// Group and topic of each consumer that counts.
    counted_by: Vec<(String, String)>,
    /// Group and topic of each consumer of either ledger of meters, also of those that other processes run.
    metered_by: Vec<(String, String)>,
    /// Invoices that are computed at the same time wait together.
    settling: Rounds,
}

impl KafkaLog {
    async fn settle_once(&self, groups: &[(String, String)]) -> Result<(), String> {
        for (group, topic) in groups {
            match self.admin.caught_up(group, topic, SETTLE_TIMEOUT).await {
                Ok(true) => {}
                Ok(false) => return Err(format!("{group} has not read all of {topic} within {} s", SETTLE_TIMEOUT.as_secs())),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// Messages that these groups have not read of their topics.
    async fn unread(&self, groups: &[(String, String)]) -> Result<u64, EventLogError> {
        let mut messages = 0;
        for (group, topic) in groups {
            let partitions = self.admin.lag(group, topic).await.map_err(|error| EventLogError::Unavailable(error.to_string()))?;
            messages += partitions.iter().map(|partition| u64::try_from(partition.messages()).unwrap_or(0)).sum::<u64>();
        }
        Ok(messages)
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn publish(&self, scope: &Scope, events: Vec<Event>) -> Result<(), EventLogError> {
        use streams::kafka::EventLogError as Native;
        self.producer.publish(scope, events).await.map_err(|error| match error {
            Native::Overloaded => EventLogError::Overloaded,
            Native::Unavailable(cause) => EventLogError::Unavailable(cause),
            Native::TooLarge { .. } => EventLogError::TooLarge(error.to_string()),
        })
    }

    async fn settle(&self) -> Result<(), EventLogError> {
        self.settling.join(|| self.settle_once(&self.counted_by)).await.map_err(EventLogError::Unavailable)
    }

    async fn settle_both(&self) -> Result<Vec<(LogPartition, i64)>, EventLogError> {
        let mut ends = BTreeMap::new();
        for (group, topic) in &self.metered_by {
            let partitions = self.admin.lag(group, topic).await.map_err(|error| EventLogError::Unavailable(error.to_string()))?;
            for PartitionLag { partition, end, .. } in partitions {
                ends.entry(LogPartition { topic: topic.clone(), partition }).or_insert(end);
            }
        }
        // Those that were asked first have moved on meanwhile, which is waited for as well.
        self.settle_once(&self.metered_by).await.map_err(EventLogError::Unavailable)?;
        Ok(ends.into_iter().collect())
    }

    async fn lag(&self) -> Result<LogLag, EventLogError> {
        Ok(LogLag { events: self.unread(&self.stored_by).await?, usage: self.unread(&self.counted_by).await? })
    }

    async fn check(&self) -> Result<(), EventLogError> {
        self.producer.check(CHECK_TIMEOUT).await.map_err(|error| EventLogError::Unavailable(error.to_string()))
    }

    async fn close(&self) {
        if !self.producer.close(CLOSE_TIMEOUT).await {
            tracing::warn!("events are still unacknowledged; whoever sent them has heard so");
        }
    }
}

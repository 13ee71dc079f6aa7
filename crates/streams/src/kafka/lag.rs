//! How far a group is behind the end of a topic, and waiting until it is not: billing reads usage only after what was acknowledged has
//! been counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::oneshot;

use super::client::{KafkaOptions, Quiet};
use super::error::KafkaError;

/// How often committed offsets are looked at while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The longest look for why a question failed.
const CAUSE_WAIT: Duration = Duration::from_millis(500);

/// Asks and arranges: topics, groups, offsets.
pub struct KafkaAdmin {
    pub(super) kafka: KafkaOptions,
    /// The longest wait for one answer.
    pub(super) timeout: Duration,
}

/// One partition as a group sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionLag {
    /// Which.
    pub partition: i32,
    /// The offset of the oldest message.
    pub low: i64,
    /// The offset that the next message will get.
    pub end: i64,
    /// The offset that the group would read next; none = it has never committed.
    pub committed: Option<i64>,
}

impl PartitionLag {
    /// Messages that the group has not read.
    pub fn messages(&self) -> i64 {
        (self.end - self.committed.unwrap_or(self.low).max(self.low)).max(0)
    }
}

impl KafkaAdmin {
    /// Nothing is connected yet. `timeout` is the longest wait for one answer of the brokers.
    pub fn new(kafka: KafkaOptions, timeout: Duration) -> Self {
        Self { kafka, timeout }
    }

    /// The lag of a group on each partition of a topic.
    pub async fn lag(&self, group: &str, topic: &str) -> Result<Vec<PartitionLag>, KafkaError> {
        let observer = self.observer(group)?;
        let (topic, timeout) = (topic.to_owned(), self.timeout);
        blocking(move || {
            let ends = observer.watermarks(&topic, timeout)?;
            let committed = observer.committed(&topic, ends.keys().copied(), timeout)?;
            let lag = |(&partition, &(low, end)): (&i32, &(i64, i64))| PartitionLag {
                partition,
                low,
                end,
                committed: committed.get(&partition).copied(),
            };
            Ok(ends.iter().map(lag).collect())
        })
        .await
    }

    /// Waits until the group has read everything that the topic holds now. False: it has not within `timeout`.
    pub async fn caught_up(&self, group: &str, topic: &str, timeout: Duration) -> Result<bool, KafkaError> {
        let deadline = Instant::now() + timeout;
        let observer = Arc::new(self.observer(group)?);
        let (name, request) = (topic.to_owned(), self.timeout);
        let first = Arc::clone(&observer);
        let mut open: BTreeMap<i32, i64> = blocking(move || {
            let watermarks = first.watermarks(&name, request)?;
            // What is empty, or has lost all its messages to age, needs no reader.
            Ok(watermarks.into_iter().filter(|(_, (low, end))| end > low).map(|(partition, (_, end))| (partition, end)).collect())
        })
        .await?;
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (observer, topic, partitions) = (Arc::clone(&observer), topic.to_owned(), open.keys().copied().collect::<Vec<_>>());
            if partitions.is_empty() {
                return Ok(true);
            }
            let committed = blocking(move || observer.committed(&topic, partitions.into_iter(), request)).await?;
            open.retain(|partition, end| committed.get(partition).is_none_or(|at| at < end));
            if !open.is_empty() && Instant::now() >= deadline {
                return Ok(false);
            }
        }
    }

    /// A client that reads a group's offsets without joining it.
    pub(super) fn observer(&self, group: &str) -> Result<Observer, KafkaError> {
        Observer::new(&self.kafka, group)
    }
}

/// Reads offsets of a group and ends of topics; blocks.
pub(super) struct Observer(BaseConsumer<Quiet>);

impl Observer {
    pub(super) fn new(kafka: &KafkaOptions, group: &str) -> Result<Self, KafkaError> {
        let mut config = kafka.config()?;
        config.set("group.id", group).set("enable.auto.commit", "false");
        Ok(Self(BaseConsumer::from_config_and_context(&config, Quiet::default())?))
    }

    /// The partitions of a topic.
    pub(super) fn partitions(&self, topic: &str, timeout: Duration) -> Result<Vec<i32>, KafkaError> {
        let metadata = self.ask(|client| client.fetch_metadata(Some(topic), timeout))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        match found {
            Some(found) if !found.partitions().is_empty() => Ok(found.partitions().iter().map(|partition| partition.id()).collect()),
            _ => Err(KafkaError::UnknownTopic(topic.to_owned())),
        }
    }

    /// Per partition the offset of the oldest message and the end.
    pub(super) fn watermarks(&self, topic: &str, timeout: Duration) -> Result<BTreeMap<i32, (i64, i64)>, KafkaError> {
        let mut ends = BTreeMap::new();
        let deadline = Instant::now() + timeout;
        for partition in self.partitions(topic, timeout)? {
            let ask = || self.ask(|client| retried(deadline, || client.fetch_watermarks(topic, partition, timeout)));
            ends.insert(partition, ask()?);
        }
        Ok(ends)
    }

    /// The committed offsets of the group, where there are some.
    pub(super) fn committed(
        &self,
        topic: &str,
        partitions: impl Iterator<Item = i32>,
        timeout: Duration,
    ) -> Result<BTreeMap<i32, i64>, KafkaError> {
        self.ask(|client| committed(client, topic, partitions, timeout))
    }

    /// Asks the brokers; an error says why they could not be reached.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&BaseConsumer<Quiet>) -> Result<T, Native>) -> Result<T, KafkaError> {
        question(&self.0).map_err(|error| {
            // What the client has to say waits in its queue until somebody looks there, behind its log.
            let (log, since) = (&self.0.context().0, Instant::now());
            while !log.has_cause() && since.elapsed() < CAUSE_WAIT {
                let _event = self.0.poll(Duration::from_millis(10));
            }
            log.explained(error)
        })
    }
}

/// Asks again, until the deadline, while the client itself has not heard yet of a partition that the brokers have just told of.
fn retried<T>(deadline: Instant, ask: impl Fn() -> Result<T, Native>) -> Result<T, Native> {
    loop {
        match ask() {
            Err(Native::MetadataFetch(RDKafkaErrorCode::UnknownPartition)) if Instant::now() < deadline => thread::sleep(POLL_INTERVAL),
            answer => return answer,
        }
    }
}

/// The committed offsets of a consumer's group, where there are some.
pub(super) fn committed<C: rdkafka::consumer::ConsumerContext>(
    consumer: &impl Consumer<C>,
    topic: &str,
    partitions: impl Iterator<Item = i32>,
    timeout: Duration,
) -> Result<BTreeMap<i32, i64>, Native> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, partition);
    }
    let answered = consumer.committed_offsets(asked, timeout)?;
    let mut offsets = BTreeMap::new();
    for element in answered.elements() {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            offsets.insert(element.partition(), offset);
        }
    }
    Ok(offsets)
}

/// Runs what waits for the brokers in a thread of its own. An end of the runtime waits for the threads that it has lent, and so would wait
/// for brokers that are gone: without end where the thread is the last to hold a client, and closes it.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, KafkaError> + Send + 'static) -> Result<T, KafkaError> {
    let (done, outcome) = oneshot::channel();
    let run = move || {
        // Nobody may be waiting.
        let _ = done.send(work());
    };
    let spawned = thread::Builder::new().name("kafka-ask".to_owned()).spawn(run);
    spawned.map_err(|error| KafkaError::Unavailable(format!("no thread can be started: {error}")))?;
    outcome.await.map_err(|_| KafkaError::Unavailable("a question to the brokers broke off".to_owned()))?
}

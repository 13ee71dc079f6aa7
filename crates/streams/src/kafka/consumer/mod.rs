//! The consumer of one topic in one group. Every partition it owns has a task that reads a batch, hands it to the [`LogHandler`] until it
//! has taken it, and then says what is to be committed. The store's own position decides where reading begins, so neither a lost
//! commit nor a rebalance counts anything twice or leaves anything out (ADR 0006).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::KafkaOptions;
use super::dead_letters::DeadLetters;
use super::error::KafkaError;

/// Callbacks of the group.
mod group;

/// How far behind.
mod lag;

/// What the group is told.
mod commits;

/// The trait that is fed.
mod handler;

/// A member of the group: starts and stops the partitions' tasks.
mod member;

/// Rate limit.
mod pace;

/// Batches in memory.
mod turns;

/// One partition: read, hand over, retry, commit.
mod partition;

/// One partition: reading a batch.
mod batch;

/// Where reading begins.
mod start;

pub use handler::{Handled, LogHandler, RecordBatch};

/// The least that brokers allow as they are shipped: so long nobody reads the partitions of a process that was killed (ADR 0006).
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// How a topic is consumed.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// Where messages go that nobody can handle.
    pub topic_dlq: String,
    /// What reads: the name in the header of dead letters.
    pub handler_name: String,
    /// Messages per second of this process, evenly spaced; 0 = no limit.
    pub rate_limit: u32,
    /// Most events in a batch.
    pub batch_events_max: usize,
    /// Most bytes of messages in a batch.
    pub batch_bytes_max: usize,
    /// A batch that is not full is handed over at this age: as soon as no message waits, or at once where messages are let through slowly.
    pub batch_age_max: Duration,
    /// Batches in memory at the same time, over all partitions. One whose handler fails is dropped, and read again later.
    pub batches_in_flight_max: usize,
    /// The handler has so long for a batch; then the batch comes again.
    pub handler_timeout: Duration,
    /// Bytes of messages fetched ahead per partition.
    pub prefetch_bytes_max: usize,
    /// A member that is silent for so long is thought dead.
    pub session_timeout: Duration,
    /// How long a batch in the handler's hands is waited for when its partition goes or the process stops.
    pub drain_timeout: Duration,
    /// How often the lag is measured.
    pub lag_interval: Duration,
    /// A partition that is behind and gets nothing for so long begins anew.
    pub stall_timeout: Duration,
    /// The longest wait for an answer of the brokers.
    pub request_timeout: Duration,
    /// How long a stop waits for brokers that do not answer: a third of it for what they were asked before, the rest for the farewell to
    /// the group, for which the client itself waits 5 s.
    pub close_timeout: Duration,
}

impl ConsumerOptions {
    /// With the defaults for everything else.
    pub fn new(group: &str, topic: &str, topic_dlq: &str) -> Self {
        Self {
            group: group.to_owned(),
            topic: topic.to_owned(),
            topic_dlq: topic_dlq.to_owned(),
            handler_name: group.to_owned(),
            rate_limit: 0,
            batch_events_max: 50_000,
            batch_bytes_max: 32 << 20,
            batch_age_max: Duration::from_millis(500),
            batches_in_flight_max: 4,
            handler_timeout: Duration::from_secs(600),
            prefetch_bytes_max: 16 << 20,
            session_timeout: SESSION_TIMEOUT,
            drain_timeout: Duration::from_secs(10),
            lag_interval: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(15),
        }
    }

    fn config(&self, kafka: &KafkaOptions) -> Result<ClientConfig, KafkaError> {
        let mut config = kafka.config()?;
        config
            .set("group.id", &self.group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", self.session_timeout.as_millis().to_string())
            .set("heartbeat.interval.ms", (self.session_timeout / 15).max(Duration::from_millis(100)).as_millis().to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Where reading begins is decided by the store; an offset that the log no longer has must be noticed, not papered over.
            .set("auto.offset.reset", "error")
            .set("queued.max.messages.kbytes", (self.prefetch_bytes_max / 1024).max(1).to_string())
            .set("fetch.max.bytes", self.prefetch_bytes_max.max(1_100_000).to_string())
            .set("max.partition.fetch.bytes", (self.prefetch_bytes_max / 4).clamp(1 << 16, 8 << 20).to_string())
            .set("queued.min.messages", "100000")
            // A topic made later, or grown, is noticed in this time.
            .set("topic.metadata.refresh.interval.ms", "15000");
        Ok(config)
    }

    fn validate(&self) -> Result<(), KafkaError> {
        let missing = [("group", &self.group), ("topic", &self.topic), ("topic_dlq", &self.topic_dlq)];
        if let Some((name, _)) = missing.iter().find(|(_, value)| value.is_empty()) {
            return Err(KafkaError::Settings(format!("a consumer needs a {name}")));
        }
        if self.topic == self.topic_dlq {
            return Err(KafkaError::Settings(format!("topic `{}` cannot be its own dead letters", self.topic)));
        }
        if self.batch_events_max == 0 || self.batch_bytes_max == 0 || self.batches_in_flight_max == 0 || self.lag_interval.is_zero() {
            let hint = "batches must hold at least one event, one must be in flight, and the lag interval must not be zero";
            return Err(KafkaError::Settings(hint.to_owned()));
        }
        Ok(())
    }
}

/// How a partition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionState {
    /// It asks the store where to begin.
    Starting,
    /// It reads.
    Reading,
    /// The handler does not take its batch; why.
    Retrying(String),
    /// It is not read, because that would lose events; why.
    Refused(String),
}

/// Partitions that this consumer owns, with their state.
#[derive(Clone, Debug, Default)]
pub(super) struct Board(Arc<Mutex<BTreeMap<i32, PartitionState>>>);

impl Board {
    pub(super) fn set(&self, partition: i32, state: PartitionState) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, state);
    }

    pub(super) fn remove(&self, partition: i32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&partition);
    }
}

/// A running consumer. Dropping it ends it at once, as if the process died; [`KafkaConsumer::stop`] ends it in order.
pub struct KafkaConsumer {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
    board: Board,
}

impl KafkaConsumer {
    /// Joins the group and begins. The brokers need not be there yet. Must be called within a tokio runtime.
    pub fn start(kafka: &KafkaOptions, options: ConsumerOptions, handler: Arc<dyn LogHandler>) -> Result<Self, KafkaError> {
        options.validate()?;
        // What is wrong with the settings shows now, not in the task.
        options.config(kafka)?.create_native_config()?;
        let dead_letters = DeadLetters::new(kafka, &options)?;
        let (stop, stopped) = watch::channel(false);
        let board = Board::default();
        let parts = partition::Parts {
            pace: pace::Pace::new(options.rate_limit),
            turns: turns::Turns::new(&options),
            kafka: kafka.clone(),
            board: board.clone(),
            options,
            handler,
            dead_letters,
        };
        let task = tokio::spawn(member::run(Arc::new(parts), stopped));
        Ok(Self { stop, task: Some(task), board })
    }

    /// The partitions that this consumer owns now, each with its state.
    pub fn partitions(&self) -> BTreeMap<i32, PartitionState> {
        self.board.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops reading, waits for batches in the handler's hands up to the drain timeout, commits and leaves the group. Brokers that do not
    /// answer are waited for some seconds; then the client is left to close by itself.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the kafka consumer ended badly");
        }
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Waits until told to stop, or until nobody is left who could tell.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

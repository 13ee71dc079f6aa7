//! The callbacks of a group's member: who owns which partitions, and how far each of them has come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError as Native;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::{Notify, mpsc};

use super::super::client::Log;

/// What the group decided. It waits for our answer (assign, unassign), which we give when the partitions' work is in order.
#[derive(Debug)]
pub(super) enum Decision {
    /// These partitions come to us, beside those that we have.
    Assigned(Vec<i32>),
    /// These go.
    Revoked(Vec<i32>),
}

/// How a partition of ours comes on.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// The offset it goes on with, once that is known.
    next: Option<i64>,
    /// Messages before it, as measured since it came to `next`.
    lag: i64,
    /// What the brokers have not been told, or have refused.
    uncommitted: Option<i64>,
}

/// The context of a member.
pub(super) struct Group {
    pub(super) group: String,
    pub(super) topic: String,
    log: Log,
    decisions: mpsc::UnboundedSender<Decision>,
    /// Set before the client is closed: nobody waits for decisions any more.
    closing: AtomicBool,
    /// Partitions that are ours.
    owned: Mutex<BTreeMap<i32, Progress>>,
    /// Held while a commit is under way.
    pub(super) committing: Arc<tokio::sync::Mutex<()>>,
    /// Something is to be committed.
    settled: Arc<Notify>,
}

impl Group {
    pub(super) fn new(group: &str, topic: &str, decisions: mpsc::UnboundedSender<Decision>) -> Self {
        let (log, closing, owned) = (Log::default(), AtomicBool::new(false), Mutex::default());
        let (group, topic) = (group.to_owned(), topic.to_owned());
        Self { group, topic, log, decisions, closing, owned, committing: Arc::default(), settled: Arc::default() }
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn own(&self, partitions: &[i32]) {
        self.owned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(partitions.iter().map(|partition| (*partition, Progress::default())));
    }

    /// A partition goes on with an offset.
    pub(super) fn progress(&self, partition: i32, next: i64) {
        if let Some(progress) = self.owned.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&partition) {
            (progress.next, progress.lag) = (Some(next), 0);
        }
    }

    /// A partition has settled all before an offset, and goes on with it: the group is to hear of it.
    pub(super) fn settle(&self, partition: i32, next: i64) {
        if let Some(progress) = self.owned.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&partition) {
            *progress = Progress { next: Some(next), lag: 0, uncommitted: Some(next) };
        }
        self.settled.notify_one();
    }

    /// Wakes when something is to be committed.
    pub(super) fn settled(&self) -> Arc<Notify> {
        Arc::clone(&self.settled)
    }

    /// Offsets of our partitions that the brokers do not have yet.
    pub(super) fn uncommitted(&self) -> Vec<(i32, i64)> {
        let owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.iter().filter_map(|(partition, progress)| Some((*partition, progress.uncommitted?))).collect()
    }

    /// The brokers have these. What was settled meanwhile they do not.
    pub(super) fn committed(&self, offsets: &[(i32, i64)]) {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, next) in offsets {
            if let Some(progress) = owned.get_mut(partition).filter(|progress| progress.uncommitted == Some(*next)) {
                progress.uncommitted = None;
            }
        }
    }

    /// Our partitions, each with the offset it goes on with, once that is known.
    pub(super) fn owned(&self) -> BTreeMap<i32, Option<i64>> {
        let owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.iter().map(|(partition, progress)| (*partition, progress.next)).collect()
    }

    /// Shows how many messages a partition has before it, if it still is ours. `next` is where it was then.
    pub(super) fn measured(&self, partition: i32, next: Option<i64>, lag: i64) {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = owned.get_mut(&partition) {
            if progress.next == next {
                progress.lag = lag;
            }
            self.gauge_lag(partition, lag);
        }
    }

    /// Messages that a partition has before it, as measured last.
    pub(super) fn lag(&self, partition: i32) -> i64 {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner).get(&partition).map_or(0, |progress| progress.lag)
    }

    pub(super) fn disown(&self, partitions: &[i32]) {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        for partition in partitions {
            owned.remove(partition);
            // Its new owner reports it; ours must not stay behind.
            self.gauge_lag(*partition, 0);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge of messages")]
    fn gauge_lag(&self, partition: i32, lag: i64) {
        let (group, topic, partition) = (self.group.clone(), self.topic.clone(), partition.to_string());
        metrics::gauge!("flexprice_kafka_consumer_lag", "group" => group, "topic" => topic, "partition" => partition).set(lag as f64);
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, error: Native, reason: &str) {
        self.log.error(&error, &format!("group {}: {reason}", self.group));
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, decision: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let partitions: Vec<i32> = list.elements_for_topic(&self.topic).iter().map(|element| element.partition()).collect();
        let closing = self.closing.load(Ordering::Acquire);
        let assigned = decision == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        tracing::info!(group = %self.group, topic = %self.topic, ?partitions, assigned, "kafka group rebalanced");
        if closing {
            let answered =
                if assigned { consumer.incremental_assign(&TopicPartitionList::new()) } else { consumer.incremental_unassign(list) };
            if let Err(error) = answered {
                tracing::debug!(group = %self.group, %error, "kafka group left with an error");
            }
            return;
        }
        metrics::counter!("flexprice_kafka_rebalances_total", "group" => self.group.clone()).increment(1);
        let decision = if assigned { Decision::Assigned(partitions) } else { Decision::Revoked(partitions) };
        // Nobody listens only when the member is being dropped, and then it is closing.
        let _ = self.decisions.send(decision);
    }
}

//! The callbacks of a group's member: who owns which partitions, and how far the group is behind.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as Native, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::mpsc;

use super::super::client::Log;

/// What the group decided. It waits for our answer (assign, unassign), which we give when the partitions' work is in order.
#[derive(Debug)]
pub(super) enum Decision {
    /// These partitions come to us, beside those that we have.
    Assigned(Vec<i32>),
    /// These go.
    Revoked(Vec<i32>),
}

/// The context of a member.
pub(super) struct Group {
    pub(super) group: String,
    pub(super) topic: String,
    log: Log,
    decisions: mpsc::UnboundedSender<Decision>,
    /// Set before the client is closed: nobody waits for decisions any more.
    closing: AtomicBool,
    /// Partitions that are ours, for the gauges.
    owned: Mutex<BTreeSet<i32>>,
}

impl Group {
    pub(super) fn new(group: &str, topic: &str, decisions: mpsc::UnboundedSender<Decision>) -> Self {
        let (log, closing, owned) = (Log::default(), AtomicBool::new(false), Mutex::default());
        Self { group: group.to_owned(), topic: topic.to_owned(), log, decisions, closing, owned }
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn own(&self, partitions: &[i32]) {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner).extend(partitions);
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
        self.log.complain("error", &format!("group {}: {error}: {reason}", self.group));
    }

    fn stats(&self, statistics: Statistics) {
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        let owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        for partition in topic.partitions.values().filter(|partition| owned.contains(&partition.partition)) {
            if partition.consumer_lag >= 0 {
                self.gauge_lag(partition.partition, partition.consumer_lag);
            }
        }
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

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            metrics::counter!("flexprice_kafka_commit_errors_total", "group" => self.group.clone()).increment(1);
            tracing::warn!(group = %self.group, %error, "kafka offsets were not committed; the next commit covers them");
        }
    }
}

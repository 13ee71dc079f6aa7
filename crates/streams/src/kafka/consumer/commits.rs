//! Tells the group how far its partitions have come, again and again until the brokers have taken it. They refuse a commit of the
//! generation before, also for a partition that stays, and the client reports that only to who waits for the answer: so one task waits,
//! while the partitions go on. Else a topic that falls silent after a rebalance would never be read to its end, and bills wait for that.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::super::error::KafkaError;
use super::super::lag::blocking;
use super::group::Group;

/// Before what was refused is committed again: a rebalance takes longer.
const AGAIN: Duration = Duration::from_millis(500);

/// Commits what partitions have settled, all that there is in one request, until the consumer is gone.
pub(super) async fn keep(consumer: Weak<StreamConsumer<Group>>) {
    loop {
        let Some(settled) = consumer.upgrade().map(|consumer| consumer.context().settled()) else { return };
        settled.notified().await;
        let Some(consumer) = consumer.upgrade() else { return };
        // Whose partitions were given to others has nothing to say; what it settles next comes here again.
        if consumer.assignment_lost() {
            continue;
        }
        let Err(error) = commit(&consumer).await else { continue };
        let group = consumer.context();
        metrics::counter!("flexprice_kafka_commit_errors_total", "group" => group.group.clone()).increment(1);
        tracing::warn!(group = %group.group, %error, "kafka offsets were not committed; they will be committed again");
        drop(consumer);
        tokio::time::sleep(AGAIN).await;
        settled.notify_one();
    }
}

/// Commits what is not committed yet and waits for the answer; one at a time, so that no offset comes after a later one.
pub(super) async fn commit(consumer: &Arc<StreamConsumer<Group>>) -> Result<(), KafkaError> {
    let group = consumer.context();
    let turn = Arc::clone(&group.committing).lock_owned().await;
    let offsets = group.uncommitted();
    if offsets.is_empty() {
        return Ok(());
    }
    let mut list = TopicPartitionList::new();
    for (partition, next) in &offsets {
        list.add_partition_offset(&group.topic, *partition, Offset::Offset(*next))?;
    }
    let client = Arc::clone(consumer);
    // The turn ends with the request, also when nobody waits for it any more.
    let work = move || {
        let _turn = turn;
        Ok(client.commit(&list, CommitMode::Sync)?)
    };
    blocking(work).await?;
    group.committed(&offsets);
    Ok(())
}

//! Tells the group how far its partitions have come, again and again until the brokers have taken it. They refuse a commit of the
//! generation before, also for a partition that stays, and the client does not report that: so one task asks, while the partitions go on.
//! Else a topic that falls silent after a rebalance would never be read to its end, and invoices wait for that.

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
pub(super) async fn keep(consumer: Weak<StreamConsumer<Group>>, timeout: Duration) {
    loop {
        let Some(settled) = consumer.upgrade().map(|consumer| consumer.context().settled()) else { return };
        settled.notified().await;
        let Some(consumer) = consumer.upgrade() else { return };
        // Whose partitions were given to others has nothing to say; what it settles next comes here again.
        if consumer.assignment_lost() {
            continue;
        }
        let Err(error) = commit(&consumer, timeout).await else { continue };
        let group = consumer.context();
        metrics::counter!("flexprice_kafka_commit_errors_total", "group" => group.group.clone()).increment(1);
        tracing::warn!(group = %group.group, %error, "kafka offsets were not committed; they will be committed again");
        drop(consumer);
        tokio::time::sleep(AGAIN).await;
        settled.notify_one();
    }
}

/// Commits what is not committed yet and looks whether the brokers have taken it; one at a time, so that no offset comes after a later one.
///
/// The client's own waiting has no end when the brokers are gone, and it tells nobody what became of a commit that is not waited for. So
/// they are asked, which they answer after the commit, in the order in which they are sent.
pub(super) async fn commit(consumer: &Arc<StreamConsumer<Group>>, timeout: Duration) -> Result<(), KafkaError> {
    let group = consumer.context();
    let turn = Arc::clone(&group.committing).lock_owned().await;
    let mut offsets = group.uncommitted();
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
        client.commit(&list, CommitMode::Async)?;
        Ok(client.committed_offsets(list, timeout)?)
    };
    let found = blocking(work).await?;
    let all = offsets.len();
    offsets.retain(|(partition, next)| {
        let found = found.find_partition(&group.topic, *partition).map(|element| element.offset());
        matches!(found, Some(Offset::Offset(committed)) if committed >= *next)
    });
    group.committed(&offsets);
    match all - offsets.len() {
        0 => Ok(()),
        refused => Err(KafkaError::Unavailable(format!("the brokers did not take the offsets of {refused} of {all} partitions"))),
    }
}

//! Measures how many messages each owned partition has before it, also while a store that is away keeps the consumer from reading: the
//! client's own statistics stand still then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};

use super::super::error::KafkaError;
use super::super::lag::{blocking, committed};
use super::group::Group;

/// Measures again and again until the consumer is gone.
pub(super) async fn watch(consumer: Weak<StreamConsumer<Group>>, interval: Duration, timeout: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(consumer) = consumer.upgrade() else { return };
        let measured = blocking(move || measure(&consumer, timeout)).await;
        if let Err(error) = measured {
            tracing::debug!(%error, "the lag could not be measured");
        }
    }
}

fn measure(consumer: &Arc<StreamConsumer<Group>>, timeout: Duration) -> Result<(), KafkaError> {
    let group = consumer.context();
    for (partition, progress) in group.owned() {
        let (low, end) = consumer.fetch_watermarks(&group.topic, partition, timeout)?;
        // A partition that has not begun yet counts from the commit.
        let next = match progress {
            Some(next) => Some(next),
            None => committed(&**consumer, &group.topic, std::iter::once(partition), timeout)?.get(&partition).copied(),
        };
        group.measured(partition, progress, (end - next.unwrap_or(low).max(low)).max(0));
    }
    Ok(())
}

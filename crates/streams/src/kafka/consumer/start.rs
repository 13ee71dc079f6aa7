//! Where reading a partition begins: after what the store holds, and not before what the group has committed.

use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};

use super::super::error::KafkaError;
use super::super::lag::{blocking, committed};
use super::group::Group;
use crate::LogPartition;

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The first offset to read.
    pub(super) offset: i64,
    /// Offsets that nobody has read and the log no longer holds.
    pub(super) lost: i64,
}

/// Why a partition must not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The topic was made anew, or lost its end.
    #[error(
        "{partition} ends at offset {end}, but {who} is at {at}: the topic was created again or lost its end; reading on would leave out events. \
         Give the topic another name, or remove its old rows and commits"
    )]
    BeyondEnd {
        /// The partition.
        partition: LogPartition,
        /// Who knows of more.
        who: &'static str,
        /// The next offset it wants.
        at: i64,
        /// The next offset that the log will give.
        end: i64,
    },
}

/// Decides where to begin. `low` is the oldest offset of the log, `end` the one its next message will get.
///
/// The store's position is its last *new* event, the commit may be further for copies; so the later of the two is right.
pub(super) fn decide(
    partition: &LogPartition,
    position: Option<i64>,
    committed: Option<i64>,
    (low, end): (i64, i64),
) -> Result<Start, Refusal> {
    let stored = position.map(|position| position + 1);
    for (who, at) in [("the store", stored), ("the group's commit", committed)] {
        if let Some(at) = at.filter(|at| *at > end) {
            return Err(Refusal::BeyondEnd { partition: partition.clone(), who, at, end });
        }
    }
    Ok(match stored.max(committed) {
        None => Start { offset: low, lost: 0 },
        Some(known) => Start { offset: known.max(low), lost: (low - known).max(0) },
    })
}

/// What the brokers know of a partition: its oldest offset and end, and the group's commit.
pub(super) async fn ask(
    consumer: &std::sync::Arc<StreamConsumer<Group>>,
    partition: &LogPartition,
    timeout: Duration,
) -> Result<(Option<i64>, (i64, i64)), KafkaError> {
    let (consumer, partition) = (std::sync::Arc::clone(consumer), partition.clone());
    blocking(move || {
        let watermarks = consumer.fetch_watermarks(&partition.topic, partition.partition, timeout)?;
        let committed = committed(&*consumer, &partition.topic, std::iter::once(partition.partition), timeout)?;
        Ok((committed.get(&partition.partition).copied(), watermarks))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_after_what_is_known() {
        let partition = LogPartition { topic: "events".to_owned(), partition: 3 };
        let at = |offset| Ok(Start { offset, lost: 0 });
        for (position, committed, watermarks, expected) in [
            (None, None, (0, 0), at(0)),
            (None, None, (7, 9), at(7)),
            (Some(4), None, (0, 9), at(5)),
            (None, Some(6), (0, 9), at(6)),
            // A crash between store and commit.
            (Some(7), Some(6), (0, 9), at(8)),
            // The last batches held copies alone.
            (Some(2), Some(6), (0, 9), at(6)),
            (Some(8), Some(9), (0, 9), at(9)),
            // Aged out, all of it read.
            (Some(2), Some(6), (6, 9), at(6)),
            (Some(2), Some(4), (6, 9), Ok(Start { offset: 6, lost: 2 })),
        ] {
            assert_eq!(decide(&partition, position, committed, watermarks), expected, "{position:?} {committed:?} {watermarks:?}");
        }
        for (position, committed) in [(Some(9), None), (None, Some(10)), (Some(9), Some(3))] {
            let refusal = decide(&partition, position, committed, (0, 9)).unwrap_err().to_string();
            assert!(refusal.contains("events/3 ends at offset 9"), "{refusal}");
        }
    }
}

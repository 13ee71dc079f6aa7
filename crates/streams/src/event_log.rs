//! The event log as its readers see it, and the store they write: each batch carries its place in the log, and the store remembers how far
//! it has come, so that a batch counts once however often it is delivered (ADR 0005).

use std::fmt;

use async_trait::async_trait;
use domain::event::Event;
use domain::ids::MeterId;
use domain::scope::Scope;

use crate::{EventStoreError, MeteredEvent};

/// One partition of one topic of the event log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition's number within the topic, from 0.
    pub partition: i32,
}

impl fmt::Display for LogPartition {
    /// `topic/partition`: the name under which the store remembers the position.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// An event as it is read from the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// Its place in the partition.
    pub offset: i64,
    /// Whose it is.
    pub scope: Scope,
    /// As it was accepted.
    pub event: Event,
}

/// An event as the log holds it, measured.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    /// Its place in the partition.
    pub offset: i64,
    /// Whose it is.
    pub scope: Scope,
    /// The event and what it adds to each meter. `Ledger::Events` does not read the entries.
    pub event: MeteredEvent,
}

/// Events of one partition in its order: all of what the log holds after `after` up to and with `last`. Offsets may have gaps (control
/// records, messages that are no events).
#[derive(Clone, Debug)]
pub struct LoggedBatch {
    /// Where it was read.
    pub partition: LogPartition,
    /// The store's own position when the batch was begun, as [`LogStore::position`] or the last [`Stored`] gave it; not the offset that
    /// the consumer committed. The batch may begin behind a committed offset, never behind this.
    pub after: Option<i64>,
    /// The last offset of the batch, also where it holds no event.
    pub last: i64,
    /// Ascending by offset, each greater than `after` and not greater than `last`.
    pub events: Vec<LoggedEvent>,
}

/// What a consumer group writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ledger {
    /// The raw events as they were accepted.
    Events,
    /// What each event adds to each meter.
    Usage,
    /// What each event adds to meters that cost sheets alone use. Events that add nothing to them are not in it.
    Costs,
}

impl Ledger {
    /// Every ledger.
    pub const ALL: [Self; 3] = [Self::Events, Self::Usage, Self::Costs];

    /// Those that hold all events.
    pub const OF_ALL_EVENTS: [Self; 2] = [Self::Events, Self::Usage];
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The store's position of this partition now: `after` of the next batch. It is the offset of the last *new* event, so copies at the
    /// end of a batch leave it below the batch's `last`, and a batch of copies alone leaves it where it was.
    pub position: Option<i64>,
    /// Whether the batch is settled: its new events are stored and the others are copies, so the next batch begins after its `last` and the
    /// log may be told so. If not, another writer was quicker and nothing of this batch was stored: read on after `position`.
    pub settled: bool,
    /// Events that this call stored.
    pub new: usize,
    /// Events that were known before, or twice in the batch.
    pub duplicates: usize,
}

/// An event store that is fed from the event log.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// The offset of the last event stored from a partition; `None` before the first.
    async fn position(&self, ledger: Ledger, partition: &LogPartition) -> Result<Option<i64>, EventStoreError>;

    /// Stores what is new of a batch in one atomic step, if the store still stands at the batch's `after`; else stores nothing of it and
    /// says where it stands. Safe to repeat with the same batch after any error: what was stored is not stored again.
    async fn append_logged(&self, ledger: Ledger, batch: LoggedBatch) -> Result<Stored, EventStoreError>;

    /// Gives the ledger `to` what it lacks of a meter and `from` has, as it was counted. Both ledgers' readers must have read each partition up
    /// to the offset given with it, before which all is looked at; what lies behind is for them. Safe to repeat after any error.
    async fn carry_over(
        &self,
        scope: &Scope,
        meter_id: &MeterId,
        from: Ledger,
        to: Ledger,
        read_up_to: &[(LogPartition, i64)],
    ) -> Result<(), EventStoreError>;
}

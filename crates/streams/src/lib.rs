//! Streams of usage: the event store with its usage ledger, behind one narrow trait. Only this crate knows the storage engine.

/// The trait, and what goes in and out.
mod event_store;

/// The bound of an answer.
mod room;

/// The log that feeds a store, and what of it was stored.
mod event_log;

/// What processes share besides the stores.
mod coordination;

/// The event store in one directory.
mod embedded;

/// The event store on a ClickHouse server or cluster.
#[cfg(feature = "cluster")]
mod clickhouse;

/// The event log on Kafka.
#[cfg(feature = "cluster")]
pub mod kafka;

#[cfg(feature = "cluster")]
pub use clickhouse::{ClickHouseEventStore, ClickHouseOptions};
pub use coordination::{Coordination, CoordinationError, LocalCoordination, Lock, RateLimit};
#[cfg(feature = "cluster")]
pub use coordination::{RedisCoordination, RedisOptions};
pub use embedded::{EmbeddedEventStore, EmbeddedOptions, VerifiedFiles, known_damage, verify_embedded_files};
pub use event_log::{Ledger, LogPartition, LogRecord, LogStore, LoggedBatch, LoggedEvent, Stored};
pub use event_store::{
    Appended, COPIES_KEPT, CountedEvent, EventFilter, EventOrder, EventStore, EventStoreError, GroupKey, GroupUsage, GroupedPart,
    GroupedQuery, LateEntry, MeteredEvent, RefusedCopy, RowFilter, ScanReceiver, ScannedEvent, UsageQuery,
};

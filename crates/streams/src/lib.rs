//! Streams of usage: the event store with its usage ledger, behind one narrow trait. Only this crate knows the storage engine.

/// The trait, and what goes in and out.
mod event_store;

/// The log that feeds a store, and what of it was stored.
mod event_log;

/// The event store in one directory.
mod embedded;

pub use embedded::{EmbeddedEventStore, EmbeddedOptions};
pub use event_log::{Ledger, LogPartition, LogStore, LoggedBatch, LoggedEvent, Stored};
pub use event_store::{Appended, EventFilter, EventOrder, EventStore, EventStoreError, MeteredEvent, UsageQuery, WindowUsage};

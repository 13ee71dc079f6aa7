//! Streams of usage: the event store with its usage ledger, behind one narrow trait. Only this crate knows the storage engine.

/// The trait, and what goes in and out.
mod event_store;

/// The event store in one directory.
mod embedded;

pub use embedded::{EmbeddedEventStore, EmbeddedOptions};
pub use event_store::{Appended, EventFilter, EventOrder, EventStore, EventStoreError, MeteredEvent, UsageQuery, WindowUsage};

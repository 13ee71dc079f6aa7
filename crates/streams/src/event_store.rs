//! The event store: accepted events, their ledger entries and the aggregates that answer usage quickly.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::event::Event;
use domain::ids::MeterId;
use domain::meter::{Aggregate, LedgerEntry, Window};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};

/// An event with what it adds to each meter that matches it.
#[derive(Clone, Debug)]
pub struct MeteredEvent {
    /// As it was accepted.
    pub event: Event,
    /// One entry per matching meter; may be empty.
    pub entries: Vec<LedgerEntry>,
}

/// What became of an appended event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is stored and counted.
    New,
    /// An event of this id was accepted before; nothing changed.
    Duplicate,
}

/// A question for the usage of one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// Whose usage, by external customer id; the usages add up to one. Empty means every customer of the scope.
    pub external_customer_ids: Vec<String>,
    /// Of what.
    pub meter_id: MeterId,
    /// When, by event time.
    pub period: Period,
}

/// Usage of one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowUsage {
    /// The whole window, also where the asked period cuts it.
    pub window: Period,
    /// The rows inside both window and asked period.
    pub usage: Aggregate,
}

/// Which events to read. Absent conditions hold for all.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only of this customer.
    pub external_customer_id: Option<String>,
    /// Only of this name.
    pub event_name: Option<String>,
    /// Only this event.
    pub event_id: Option<String>,
    /// Only of this source.
    pub source: Option<String>,
    /// Only with these first-level properties: any of the values, by the rule of meter filters.
    pub properties: BTreeMap<String, Vec<String>>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// In which order events are read; events of one time by their ids, the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EventOrder {
    /// Newest first.
    #[default]
    Descending,
    /// Oldest first.
    Ascending,
}

/// Why the event store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum EventStoreError {
    /// More is waiting to be written than the queue holds; try again after a moment.
    #[error("the event store is overloaded")]
    Overloaded,
    /// The disk is full or the store is closed; nothing of the request was kept or it is not known whether it was: send it again.
    #[error("the event store is unavailable: {0}")]
    Unavailable(String),
    /// What was read makes no sense.
    #[error("the event store is corrupt: {0}")]
    Corrupt(String),
    /// A sum leaves 128 bits.
    #[error("the usage is too large to be summed")]
    Overflow,
}

/// Stores events once and answers usage. Every backend passes the same contract suite.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Stores a batch and counts it. When this returns, what is new is durable and visible to every read; a copy of an event of the
    /// same scope and id, earlier or in this batch, changes nothing. The answers stand in the order of the events.
    async fn append(&self, scope: &Scope, events: Vec<MeteredEvent>) -> Result<Vec<Appended>, EventStoreError>;

    /// The usage of several meters, all from one consistent state, in the order of the queries.
    async fn usage(&self, scope: &Scope, queries: Vec<UsageQuery>) -> Result<Vec<Aggregate>, EventStoreError>;

    /// The usage per window that has rows, ascending.
    async fn usage_by_window(&self, scope: &Scope, query: UsageQuery, window: Window) -> Result<Vec<WindowUsage>, EventStoreError>;

    /// One event by its id.
    async fn event(&self, scope: &Scope, event_id: &str) -> Result<Option<Event>, EventStoreError>;

    /// Up to `limit` events that match, strictly after the (event time, id) of `after` in the asked order.
    async fn events(
        &self,
        scope: &Scope,
        filter: EventFilter,
        order: EventOrder,
        after: Option<(Timestamp, String)>,
        limit: usize,
    ) -> Result<Vec<Event>, EventStoreError>;

    /// The number of events that match.
    async fn count_events(&self, scope: &Scope, filter: EventFilter) -> Result<u64, EventStoreError>;

    /// Proves that the store reads and writes: for readiness.
    async fn check(&self) -> Result<(), EventStoreError>;

    /// Waits until what was acknowledged is safe and releases the store.
    async fn close(&self);
}

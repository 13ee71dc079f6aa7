//! The event store: accepted events, their ledger entries and the aggregates that answer usage quickly.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UsageQuery {
    /// Whose usage, by external customer id; the usages add up to one. Empty means every customer of the scope.
    pub external_customer_ids: Vec<String>,
    /// Of what.
    pub meter_id: MeterId,
    /// When, by event time.
    pub period: Period,
}

/// Which ledger rows to add up, by what their events carry. Empty conditions hold for all.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RowFilter {
    /// Any of these sources.
    pub sources: Vec<String>,
    /// Each of these first-level properties with any of its values, by the rule of meter filters.
    pub properties: BTreeMap<String, Vec<String>>,
}

/// By what rows are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GroupKey {
    /// The value of the meter's own `group_by`.
    Meter,
    /// The event's source.
    Source,
    /// The text of a first-level property (`PropertyValue::text`); empty where the event has none.
    Property(String),
}

/// A question for the usage of meters, told apart by window, by group or by both. All of it is answered from one reading of the rows, by
/// the aggregates alone where nothing but windows tells rows apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupedQuery {
    /// Whose usage, by external customer id; the usages add up to one. Empty means every customer of the scope.
    pub external_customer_ids: Vec<String>,
    /// Only of these rows.
    pub filter: RowFilter,
    /// Of what, when, and by what it is told apart: each has an answer of its own.
    pub parts: Vec<GroupedPart>,
    /// Most rows of all answers together; beyond it the question is refused with `TooManyGroups`.
    pub groups_max: usize,
}

/// One meter in a [`GroupedQuery`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupedPart {
    /// Of what.
    pub meter_id: MeterId,
    /// When, by event time.
    pub period: Period,
    /// One group per combination of these; nothing makes one group of all.
    pub by: Vec<GroupKey>,
    /// Usage per window of each group; without, the asked period is the only window.
    pub window: Option<Window>,
}

/// Usage of one group in one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupUsage {
    /// Its values, in the order of the keys that were asked for.
    pub group: Vec<String>,
    /// The whole window, also where the asked period cuts it; the asked period without windows.
    pub window: Period,
    /// The rows of the group inside both window and asked period.
    pub usage: Aggregate,
}

/// An entry that an event gets after it was counted, for a meter that was not there then.
#[derive(Clone, Debug)]
pub struct LateEntry {
    /// The event, by its id.
    pub event_id: String,
    /// Whose it is, as the event says.
    pub external_customer_id: String,
    /// Event time, as the event says.
    pub timestamp: Timestamp,
    /// What it adds.
    pub entry: LedgerEntry,
}

/// An event as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedEvent {
    /// Whose it is.
    pub external_customer_id: String,
    /// Event time.
    pub timestamp: Timestamp,
    /// What it added to meters, in the order of meter ids; empty when no meter matched. Stores keep the first 16 bytes of a unique hash: the
    /// others read as 0.
    pub entries: Vec<LedgerEntry>,
}

/// A copy of an event that was refused because its id was known.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusedCopy {
    /// The copy as it was sent; `ingested_at` tells when it was refused.
    pub event: Event,
}

/// Refused copies that are kept per event: the newest.
pub const COPIES_KEPT: usize = 10;

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

/// What of an event is needed to measure it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedEvent {
    /// Its id.
    pub id: String,
    /// Event time.
    pub timestamp: Timestamp,
    /// As they were sent.
    pub properties: String,
}

impl From<Event> for ScannedEvent {
    fn from(Event { id, timestamp, properties, .. }: Event) -> Self {
        Self { id, timestamp, properties }
    }
}

/// Takes in some events of a scan, and says whether it wants more.
pub type ScanReceiver<'r> = &'r mut (dyn FnMut(Vec<ScannedEvent>) -> ControlFlow<()> + Send);

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
#[derive(Clone, Debug, thiserror::Error)]
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
    /// Files do not hold what was written. The store takes nothing more, and answers what it can, until an operator has acted.
    #[error("the event store is damaged: {0}: it takes no events until `flexprice check` finds it sound again")]
    Damaged(String),
    /// More windows and groups than were asked for.
    #[error("the answer falls into more than {0} windows and groups")]
    TooManyGroups(usize),
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

    /// The usage per window and group that has rows, ascending by window and group; an answer per part, in the order of the parts.
    async fn usage_by_group(&self, scope: &Scope, query: GroupedQuery) -> Result<Vec<Vec<GroupUsage>>, EventStoreError>;

    /// Those of some events that have been counted, by their ids. In a cluster an event may be known and not counted yet.
    async fn counted(&self, scope: &Scope, event_ids: &[String]) -> Result<HashMap<String, CountedEvent>, EventStoreError>;

    /// Gives events that were counted before a meter was there their entry of it. An event that has one already, or that has not been
    /// counted yet, keeps what it has or will have: safe to repeat, and beside events that arrive. Returns how many were added.
    async fn add_entries(&self, scope: &Scope, entries: Vec<LateEntry>) -> Result<u64, EventStoreError>;

    /// The newest refused copies of an event, at most [`COPIES_KEPT`], newest first. Kept as far as a crash allows: a copy that was refused in
    /// the moment before one may be missing here, which changes no total.
    async fn copies(&self, scope: &Scope, event_id: &str) -> Result<Vec<RefusedCopy>, EventStoreError>;

    /// The number of events per window that has any, ascending. More than `windows_max` are refused with `TooManyGroups`.
    async fn count_events_by_window(
        &self,
        scope: &Scope,
        period: Period,
        window: Window,
        windows_max: usize,
    ) -> Result<Vec<(Period, u64)>, EventStoreError>;

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

    /// Hands out all events that match, each once, in no particular order and some at a time, so that memory is bounded and the time grows with
    /// their number alone. Events that arrive meanwhile may be among them. After an error, what was handed out is not all.
    async fn scan(&self, scope: &Scope, filter: EventFilter, receive: ScanReceiver<'_>) -> Result<(), EventStoreError>;

    /// The number of events that match.
    async fn count_events(&self, scope: &Scope, filter: EventFilter) -> Result<u64, EventStoreError>;

    /// Proves that the store reads and writes: for readiness.
    async fn check(&self) -> Result<(), EventStoreError>;

    /// Waits until what was acknowledged is safe and releases the store.
    async fn close(&self);
}

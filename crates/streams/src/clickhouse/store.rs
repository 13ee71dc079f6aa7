//! The event store on ClickHouse, behind both traits: fed by the event log, or directly where none is configured.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::event::Event;
use domain::ids::MeterId;
use domain::meter::{Aggregate, Window};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};

use super::append::{Outcome, RACES_MAX, Writer, direct_batch, unite};
use super::block::{Block, TableRow};
use super::carry;
use super::copies::{self, Refused};
use super::engine::Engine;
use super::late::{self, LateWriter};
use super::migrate;
use super::options::ClickHouseOptions;
use super::position::position;
use super::read;
use crate::{
    Appended, CountedEvent, EventFilter, EventOrder, EventStore, EventStoreError, GroupUsage, GroupedQuery, LateEntry, Ledger,
    LogPartition, LogStore, LoggedBatch, LoggedEvent, MeteredEvent, RefusedCopy, ScanReceiver, Stored, UsageQuery,
};

/// Whose turn it is to write.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// The event store on a ClickHouse server or cluster (ADR 0005).
pub struct ClickHouseEventStore {
    engine: Engine,
    /// Names this process in the rows it writes, so that it knows its own insert from another's.
    writer: String,
    /// One writer per ledger and partition at a time.
    writing: Mutex<HashMap<(Ledger, LogPartition), Turn>>,
}

/// What readiness writes.
struct ProbeRow;

impl TableRow for ProbeRow {
    const TABLE: &'static str = "probe";

    fn write(rows: &[Self], block: &mut Block) {
        block.numbers("written", "UInt8", rows.iter().map(|_| [1]));
    }
}

impl ClickHouseEventStore {
    /// A store that connects with its first request. Within an async runtime.
    pub fn new(options: ClickHouseOptions) -> Self {
        // 64 random bits, as the standard library seeds its maps; they only have to differ between processes.
        let writer = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Self { engine: Engine::new(options), writer, writing: Mutex::default() }
    }

    /// Makes database and tables, or brings them to the newest definition. Several processes may do so at once.
    ///
    /// # Errors
    /// `Unavailable` when the server does not answer or refuses; `Corrupt` when a step differs from what was applied.
    pub async fn migrate(&self) -> Result<(), EventStoreError> {
        migrate::migrate(&self.engine).await
    }

    /// The same store for whoever reads the ledger of costs: its usage and what it has counted come from there.
    #[must_use]
    pub fn reading_costs(&self) -> Self {
        Self { engine: self.engine.reading(Ledger::Costs), writer: self.writer.clone(), writing: Mutex::default() }
    }

    async fn write(&self, ledger: Ledger, batch: &LoggedBatch) -> Result<Outcome, EventStoreError> {
        let turn = self.turn(ledger, &batch.partition);
        let _turn = turn.lock().await;
        Writer { engine: &self.engine, ledger, name: &self.writer }.append(batch).await
    }

    fn turn(&self, ledger: Ledger, partition: &LogPartition) -> Turn {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        writing.entry((ledger, partition.clone())).or_default().clone()
    }

    /// Stores events that no log holds, behind whatever was stored that way before, and marks in `answer` what was new.
    async fn write_direct(
        &self,
        ledger: Ledger,
        scope: &Scope,
        events: &[MeteredEvent],
        answer: &mut [Appended],
    ) -> Result<(), EventStoreError> {
        let partition = direct();
        for _ in 0..RACES_MAX {
            let after = self.position(ledger, &partition).await?;
            let events = events.iter().map(|event| LoggedEvent { offset: 0, scope: scope.clone(), event: event.clone() }).collect();
            let outcome = self.write(ledger, &direct_batch(partition.clone(), after, events)).await?;
            unite(answer, &outcome.events);
            // Offsets of direct appends do not say which events they are: another's must not settle ours.
            if !outcome.overtaken() {
                return Ok(());
            }
        }
        Err(EventStoreError::Overloaded)
    }
}

/// Where direct appends count their offsets.
fn direct() -> LogPartition {
    LogPartition { topic: "direct".to_owned(), partition: 0 }
}

#[async_trait]
impl LogStore for ClickHouseEventStore {
    async fn position(&self, ledger: Ledger, partition: &LogPartition) -> Result<Option<i64>, EventStoreError> {
        Ok(position(&self.engine, ledger, &partition.to_string(), &self.writer).await?.last)
    }

    async fn append_logged(&self, ledger: Ledger, batch: LoggedBatch) -> Result<Stored, EventStoreError> {
        let outcome = self.write(ledger, &batch).await?;
        if ledger == Ledger::Events {
            let looked_at = batch.events.iter().zip(&outcome.events);
            let copies: Vec<Refused<'_>> = looked_at
                .filter(|(_, outcome)| **outcome == Some(Appended::Duplicate))
                .map(|(logged, _)| (&logged.scope, &logged.event.event, logged.offset))
                .collect();
            copies::keep(&self.engine, &batch.partition.to_string(), &copies).await;
        }
        Ok(outcome.stored)
    }

    async fn carry_over(
        &self,
        scope: &Scope,
        meter_id: &MeterId,
        from: Ledger,
        to: Ledger,
        read_up_to: &[(LogPartition, i64)],
    ) -> Result<(), EventStoreError> {
        carry::over(&self.engine, scope, meter_id, (from, to), read_up_to).await
    }
}

#[async_trait]
impl EventStore for ClickHouseEventStore {
    /// For a deployment without event log, and for tests: each call is an insert into either ledger. An event counts as new if either had not
    /// seen it, so a request repeated after an error completes what the first left half done.
    async fn append(&self, scope: &Scope, events: Vec<MeteredEvent>) -> Result<Vec<Appended>, EventStoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let mut answer = vec![Appended::Duplicate; events.len()];
        for ledger in Ledger::OF_ALL_EVENTS {
            self.write_direct(ledger, scope, &events, &mut answer).await?;
        }
        // No offset is used up by copies alone: chance tells those of one request from another's.
        let offsets = i64::from(rand::random::<u32>()) << 24..;
        let looked_at = events.iter().zip(&answer).zip(offsets);
        let copies: Vec<Refused<'_>> = looked_at
            .filter(|((_, answer), _)| **answer == Appended::Duplicate)
            .map(|((event, _), offset)| (scope, &event.event, offset))
            .collect();
        copies::keep(&self.engine, &direct().to_string(), &copies).await;
        Ok(answer)
    }

    async fn usage(&self, scope: &Scope, queries: Vec<UsageQuery>) -> Result<Vec<Aggregate>, EventStoreError> {
        read::usage(&self.engine, scope, &queries).await
    }

    async fn usage_by_group(&self, scope: &Scope, query: GroupedQuery) -> Result<Vec<Vec<GroupUsage>>, EventStoreError> {
        read::usage_by_group(&self.engine, scope, &query).await
    }

    async fn counted(&self, scope: &Scope, event_ids: &[String]) -> Result<HashMap<String, CountedEvent>, EventStoreError> {
        read::counted(&self.engine, scope, event_ids).await
    }

    async fn add_entries(&self, scope: &Scope, entries: Vec<LateEntry>) -> Result<u64, EventStoreError> {
        let mut by_meter: BTreeMap<&str, Vec<&LateEntry>> = BTreeMap::new();
        for late in &entries {
            by_meter.entry(late.entry.meter_id.as_str()).or_default().push(late);
        }
        let mut added = 0;
        for (meter_id, entries) in by_meter {
            let partition = late::partition(scope, meter_id);
            let turn = self.turn(Ledger::Usage, &partition);
            let _turn = turn.lock().await;
            let partition = partition.to_string();
            let writer = LateWriter { engine: &self.engine, scope, meter_id, partition: &partition, name: &self.writer };
            added += writer.add(&entries).await?;
        }
        Ok(added)
    }

    async fn copies(&self, scope: &Scope, event_id: &str) -> Result<Vec<RefusedCopy>, EventStoreError> {
        read::copies(&self.engine, scope, event_id).await
    }

    async fn count_events_by_window(
        &self,
        scope: &Scope,
        period: Period,
        window: Window,
        windows_max: usize,
    ) -> Result<Vec<(Period, u64)>, EventStoreError> {
        read::count_events_by_window(&self.engine, scope, period, window, windows_max).await
    }

    async fn event(&self, scope: &Scope, event_id: &str) -> Result<Option<Event>, EventStoreError> {
        read::event(&self.engine, scope, event_id).await
    }

    async fn events(
        &self,
        scope: &Scope,
        filter: EventFilter,
        order: EventOrder,
        after: Option<(Timestamp, String)>,
        limit: usize,
    ) -> Result<Vec<Event>, EventStoreError> {
        read::events(&self.engine, scope, &filter, order, after, limit).await
    }

    async fn scan(&self, scope: &Scope, filter: EventFilter, receive: ScanReceiver<'_>) -> Result<(), EventStoreError> {
        read::scan(&self.engine, scope, &filter, receive).await
    }

    async fn count_events(&self, scope: &Scope, filter: EventFilter) -> Result<u64, EventStoreError> {
        read::count_events(&self.engine, scope, &filter).await
    }

    async fn check(&self) -> Result<(), EventStoreError> {
        migrate::check(&self.engine).await?;
        self.engine.insert(&[ProbeRow], "").await
    }

    async fn close(&self) {
        self.engine.close();
    }
}

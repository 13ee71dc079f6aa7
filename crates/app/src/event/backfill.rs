//! Counts past events for a meter that was made after them (spec 10 §17): events are read page by page in the order of time, and those
//! that have no entry of the meter get one. Safe to repeat and beside events that arrive; after a crash it goes on at its cursor.

use domain::event::Event;
use domain::ids::BackfillId;
use domain::invalid::{Invalid, require_field};
use domain::meter::{BackfillStatus, Meter, MeterBackfill};
use domain::platform::EntityType;
use domain::scope::{Scope, Status};
use domain::time::Timestamp;
use storage::due_work::DueWork;
use storage::{Condition, Direction, ListQuery, Sort};
use streams::{EventFilter, EventOrder, LateEntry};

use super::meter_index::MetersByName;
use crate::change::Entity;
use crate::due_work::{self, Kind};
use crate::{App, Context, Error, Pending, Result};

/// Events read at once.
const PAGE: usize = 2_000;
/// Pages of one piece of work: a piece is short, whoever drives it, and lets other work pass.
const PAGES_PER_PIECE: usize = 25;

/// Where a backfill stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillState {
    /// The backfill with its progress.
    pub backfill: MeterBackfill,
    /// How often its present piece failed.
    pub attempts: i64,
    /// Why it failed last; empty when it did not.
    pub last_error: String,
}

/// What one page added.
#[derive(Default)]
struct PageRead {
    events: usize,
    failed: i64,
    last_failure: String,
    entries: Vec<LateEntry>,
    last: Option<(Timestamp, String)>,
}

impl Entity for MeterBackfill {
    const TYPE: EntityType = EntityType::Meter;
    const NAME: &'static str = "backfill";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn taken(&self) -> String {
        "a backfill of this meter runs already: ask for it with GET, and wait until it has ended".to_owned()
    }

    fn unique(&self) -> Option<(&'static str, &str)> {
        Some(("meter_id", self.meter_id.as_str()))
    }
}

impl App {
    /// Plans to count past events for a meter. Refused while another backfill of the meter runs, and for an archived meter.
    pub async fn start_backfill(
        &self,
        context: &Context,
        meter_id: &str,
        start_time: Option<Timestamp>,
        end_time: Option<Timestamp>,
    ) -> Result<Pending<MeterBackfill>> {
        let in_order = start_time.zip(end_time).is_none_or(|(start, end)| start <= end);
        require_field(in_order, "end_time", "end_time must not be before start_time")?;
        let mut change = self.begin(context).await?;
        let meter: Meter = change.require(meter_id).await?;
        if meter.audit.status != Status::Published {
            return Err(Invalid::operation("the meter is archived: it counts nothing any more").with("id", &meter.id).into());
        }
        let backfill = MeterBackfill {
            id: BackfillId::new(self.ids()),
            meter_id: meter.id,
            start_time,
            end_time,
            backfill_status: BackfillStatus::Running,
            events_read: 0,
            entries_added: 0,
            events_failed: 0,
            last_failure: String::new(),
            cursor_time: None,
            cursor_id: String::new(),
            finished_at: None,
            audit: self.audit(context),
        };
        change.create(&backfill).await?;
        change.plan(Kind::BackfillMeter, backfill.id.as_str(), self.now(&context.scope)).await?;
        Ok(change.done(backfill))
    }

    /// The newest backfill of a meter.
    pub async fn backfill_state(&self, scope: &Scope, meter_id: &str) -> Result<BackfillState> {
        let meter: Meter = self.require(scope, meter_id).await?;
        let query = ListQuery {
            conditions: vec![Condition::eq("meter_id", &meter.id)],
            sort: vec![Sort { column: "created_at", direction: Direction::Descending }],
            limit: 1,
            offset: 0,
        };
        let newest = self.list::<MeterBackfill>(scope, &query).await?.items.pop();
        let backfill = newest.ok_or_else(|| Error::not_found("a backfill of meter", meter_id))?;
        let planned = due_work::planned(&mut self.database(), Kind::BackfillMeter, scope, backfill.id.as_str()).await?;
        let (attempts, last_error) = planned.map(|planned| (planned.attempts, planned.last_error)).unwrap_or_default();
        Ok(BackfillState { backfill, attempts, last_error })
    }

    /// Reads the next pages of a backfill, and plans the piece after them while events are left.
    pub(crate) async fn run_backfill(&self, found: &DueWork) -> Result<()> {
        let scope = &found.scope;
        let stored: Option<MeterBackfill> = storage::get(&mut self.database(), scope, &found.entity_id).await?;
        let Some(mut backfill) = stored.filter(|backfill| backfill.backfill_status == BackfillStatus::Running) else {
            return self.cancel_due_work(Kind::BackfillMeter, scope, &found.entity_id).await;
        };
        let meter: Meter = self.require(scope, backfill.meter_id.as_str()).await?;
        if meter.audit.status != Status::Published {
            let given_up = PageRead { last_failure: "the meter was archived meanwhile".to_owned(), ..PageRead::default() };
            self.keep_progress(scope, &backfill, given_up, 0, BackfillStatus::Failed).await?;
            return Ok(());
        }
        if backfill.cursor_time.is_none() {
            self.require_counted_with_billing(scope, [&meter.id]).await?;
            self.await_events_in_flight().await?;
        }
        let meters = MetersByName::from([(meter.event_name.trim().to_owned(), vec![meter.clone()])]);
        for _ in 0..PAGES_PER_PIECE {
            let mut page = self.read_page(scope, &meter, &meters, &backfill).await?;
            let entries = std::mem::take(&mut page.entries);
            let added = if entries.is_empty() { 0 } else { self.events().add_entries(scope, entries).await? };
            let status = if page.events < PAGE { BackfillStatus::Completed } else { BackfillStatus::Running };
            match self.keep_progress(scope, &backfill, page, added, status).await? {
                Some(moved) if status == BackfillStatus::Running => backfill = moved,
                // Done; or another process does the same work and is ahead.
                _ => return Ok(()),
            }
        }
        self.plan_next_piece(Kind::BackfillMeter, found).await
    }

    async fn read_page(&self, scope: &Scope, meter: &Meter, meters: &MetersByName, backfill: &MeterBackfill) -> Result<PageRead> {
        let filter = EventFilter {
            event_name: Some(meter.event_name.trim().to_owned()),
            from: backfill.start_time,
            until: backfill.end_time,
            ..EventFilter::default()
        };
        let events = self.events().events(scope, filter, EventOrder::Ascending, backfill.cursor(), PAGE).await?;
        let mut page = PageRead { events: events.len(), ..PageRead::default() };
        page.last = events.last().map(|last| (last.timestamp, last.id.clone()));
        for event in events {
            match self.measure_all(meters, &event) {
                Ok(entries) => page.entries.extend(entries.into_iter().map(|entry| late(&event, entry))),
                Err(invalid) => {
                    page.failed += 1;
                    page.last_failure = format!("event {}: {}", event.id, invalid.message);
                }
            }
        }
        Ok(page)
    }

    /// Moves the cursor, unless another process has moved it from where this one began; then `None`.
    async fn keep_progress(
        &self,
        scope: &Scope,
        before: &MeterBackfill,
        page: PageRead,
        added: u64,
        status: BackfillStatus,
    ) -> Result<Option<MeterBackfill>> {
        let mut change = self.begin(&Context::system(scope.clone())).await?;
        let stored: Option<MeterBackfill> = storage::get(change.work(), scope, before.id.as_str()).await?;
        let is_ours = |stored: &MeterBackfill| stored.backfill_status == BackfillStatus::Running && stored.cursor() == before.cursor();
        let Some(stored) = stored.filter(is_ours) else { return Ok(None) };
        let mut backfill = stored.clone();
        backfill.events_read += i64::try_from(page.events).unwrap_or(i64::MAX);
        backfill.entries_added += i64::try_from(added).unwrap_or(i64::MAX);
        backfill.events_failed += page.failed;
        if !page.last_failure.is_empty() {
            backfill.last_failure = page.last_failure;
        }
        if let Some((time, id)) = page.last {
            backfill.cursor_time = Some(time);
            backfill.cursor_id = id;
        }
        backfill.backfill_status = status;
        if status != BackfillStatus::Running {
            backfill.finished_at = Some(self.now(scope));
            change.cancel_work(Kind::BackfillMeter, backfill.id.as_str()).await?;
        }
        change.update(&stored, &mut backfill).await?;
        change.commit().await?;
        Ok(Some(backfill))
    }

    /// Waits until every event that may have been measured without a meter that is there now is stored: those that this process measures,
    /// and those that a log holds.
    async fn await_events_in_flight(&self) -> Result<()> {
        drop(self.shared.ingesting.write().await);
        // Whoever went away after sending has its events in the store's queue; an empty request comes after them.
        self.events().check().await?;
        self.settle_events().await
    }
}

fn late(event: &Event, entry: domain::meter::LedgerEntry) -> LateEntry {
    LateEntry { event_id: event.id.clone(), external_customer_id: event.external_customer_id.clone(), timestamp: event.timestamp, entry }
}

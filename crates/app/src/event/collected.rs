//! Raw objects of an external collector: kept as they are, transformed, taken in; and transformed again by a run (spec 10 §13). One bad
//! object stops no other.

use std::sync::Arc;

use std::collections::BTreeMap;

use domain::event::{CollectedEvent, Event, RawOutcome, RawReprocess, ReprocessMode, ReprocessStatus, object_id, transform};
use domain::ids::ReprocessId;
use domain::invalid::require_field;
use domain::platform::EntityType;
use domain::time::Timestamp;
use sha2::{Digest, Sha256};
use storage::due_work::DueWork;
use storage::raw_events::{self, RawEvent};

use super::IncomingEvent;
use crate::change::Entity;
use crate::due_work::Kind;
use crate::platform::authenticate::hex;
use crate::{App, Context, Pending, Result};

/// Most objects of one request, and of one batch of a run.
const OBJECTS_MAX: usize = 1_000;
/// Batches of one piece of work: a piece is short, and lets other work pass.
const BATCHES_PER_PIECE: usize = 10;

/// Which raw objects to transform again. Empty lists hold for all.
#[derive(Clone, Debug)]
pub struct ReprocessRequest {
    /// All, or those that were not taken in.
    pub mode: ReprocessMode,
    /// Objects at or after this instant.
    pub start_time: Timestamp,
    /// Objects before this instant; before now without.
    pub end_time: Option<Timestamp>,
    /// Objects taken in at once: 1 to 1000; 1000 without.
    pub batch_size: Option<i64>,
    /// Only of these customers.
    pub external_customer_ids: Vec<String>,
    /// Only of these event names.
    pub event_names: Vec<String>,
    /// Only these ids.
    pub event_ids: Vec<String>,
}

impl Entity for RawReprocess {
    const TYPE: EntityType = EntityType::Event;
    const NAME: &'static str = "run over raw objects";

    fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl App {
    /// Keeps 1 to 1000 raw objects, transforms them and takes in what they become. When this returns all of that is durable.
    pub async fn ingest_raw(&self, context: &Context, objects: Vec<String>) -> Result<()> {
        require_field((1..=OBJECTS_MAX).contains(&objects.len()), "events", "events must hold 1 to 1000 objects")?;
        let now = self.now(&context.scope);
        let raw = objects.into_iter().map(|payload| (payload, now)).collect();
        let kept = self.take_in(context, raw).await?;
        let mut work = self.database().begin().await?;
        raw_events::keep(&mut work, &context.scope, &kept).await?;
        Ok(work.commit().await?)
    }

    /// Transforms raw objects and takes in the events; what became of each, by id, each id once.
    async fn take_in(&self, context: &Context, raw: Vec<(String, Timestamp)>) -> Result<Vec<RawEvent>> {
        let meters = Arc::clone(&self.meters(&context.scope).await?.all);
        let mut kept = BTreeMap::new();
        let mut incoming = Vec::new();
        for (payload, received_at) in raw {
            let transformed = transform(&payload).and_then(|collected| {
                let Some(collected) = collected else { return Ok(None) };
                let event = as_event(&collected, received_at);
                event.validate()?;
                self.shared.settings.events.times.check(event.timestamp)?;
                self.measure_all(&meters, &event)?;
                Ok(Some(collected))
            });
            let (outcome, problem) = match &transformed {
                Ok(Some(_)) => (RawOutcome::Ingested, String::new()),
                Ok(None) => (RawOutcome::Dropped, String::new()),
                Err(invalid) => (RawOutcome::Failed, invalid.message.clone()),
            };
            let collected = transformed.ok().flatten();
            let id = object_id(&payload).unwrap_or_else(|| format!("raw_{}", hex(&Sha256::digest(payload.as_bytes())[..16])));
            let event = RawEvent {
                id: id.clone(),
                external_customer_id: collected.as_ref().map(|event| event.external_customer_id.clone()).unwrap_or_default(),
                event_name: collected.as_ref().map(|event| event.name.clone()).unwrap_or_default(),
                event_time: collected.as_ref().map_or(received_at, |event| event.timestamp),
                event_id: collected.as_ref().map(|event| event.id.clone()).unwrap_or_default(),
                outcome,
                problem,
                payload,
                received_at,
            };
            incoming.extend(collected.map(as_incoming));
            kept.insert(id, event);
        }
        if !incoming.is_empty() {
            self.ingest_events(context, incoming).await?;
        }
        Ok(kept.into_values().collect())
    }

    /// Plans a run that transforms raw objects again.
    pub async fn start_reprocess(&self, context: &Context, request: ReprocessRequest) -> Result<Pending<RawReprocess>> {
        let now = self.now(&context.scope);
        let end_time = request.end_time.unwrap_or(now);
        require_field(request.start_time <= end_time, "end_date", "end_date must not be before start_date")?;
        let most = i64::try_from(OBJECTS_MAX).unwrap_or(i64::MAX);
        let batch_size = request.batch_size.unwrap_or(most);
        require_field((1..=most).contains(&batch_size), "batch_size", "batch_size must be 1 to 1000")?;
        for (field, list) in [
            ("external_customer_ids", &request.external_customer_ids),
            ("event_names", &request.event_names),
            ("event_ids", &request.event_ids),
        ] {
            require_field(list.len() <= OBJECTS_MAX, field, "a list holds at most 1000 values")?;
        }
        let run = RawReprocess {
            id: ReprocessId::new(self.ids()),
            reprocess_mode: request.mode,
            start_time: request.start_time,
            end_time,
            batch_size,
            external_customer_ids: request.external_customer_ids,
            event_names: request.event_names,
            event_ids: request.event_ids,
            reprocess_status: ReprocessStatus::Running,
            events_read: 0,
            events_ingested: 0,
            cursor_time: None,
            cursor_id: String::new(),
            finished_at: None,
            audit: self.audit(context),
        };
        let mut change = self.begin(context).await?;
        change.create(&run).await?;
        change.plan(Kind::ReprocessRawEvents, run.id.as_str(), now).await?;
        Ok(change.done(run))
    }

    /// Transforms the next raw objects of a run, and plans the piece after them while some are left. Done twice it changes nothing: the
    /// events are known by their ids.
    pub(crate) async fn run_reprocess(&self, found: &DueWork) -> Result<()> {
        let context = Context::system(found.scope.clone());
        for _ in 0..BATCHES_PER_PIECE {
            let stored: Option<RawReprocess> = storage::get(&mut self.database(), &found.scope, &found.entity_id).await?;
            let Some(run) = stored.filter(|run| run.reprocess_status == ReprocessStatus::Running) else {
                return self.cancel_due_work(Kind::ReprocessRawEvents, &found.scope, &found.entity_id).await;
            };
            let batch = raw_events::next_of(&mut self.database(), &found.scope, &run, run.batch_size).await?;
            let last = batch.last().map(|last| (last.event_time, last.id.clone()));
            let read = i64::try_from(batch.len()).unwrap_or(i64::MAX);
            let is_last = read < run.batch_size;
            let taken = self.take_in(&context, batch.into_iter().map(|raw| (raw.payload, raw.received_at)).collect()).await?;
            let mut change = self.begin(&context).await?;
            let stored: Option<RawReprocess> = storage::get(change.work(), &found.scope, run.id.as_str()).await?;
            let is_ours = |stored: &RawReprocess| (stored.cursor_time, &stored.cursor_id) == (run.cursor_time, &run.cursor_id);
            // Another process does the same work and is ahead.
            let Some(before) = stored.filter(is_ours) else { return Ok(()) };
            let mut run = before.clone();
            raw_events::keep(change.work(), &found.scope, &taken).await?;
            run.events_read += read;
            let ingested = taken.iter().filter(|event| event.outcome == RawOutcome::Ingested).count();
            run.events_ingested += i64::try_from(ingested).unwrap_or(i64::MAX);
            if let Some((time, id)) = last {
                run.cursor_time = Some(time);
                run.cursor_id = id;
            }
            if is_last {
                run.reprocess_status = ReprocessStatus::Completed;
                run.finished_at = Some(self.now(&found.scope));
                change.cancel_work(Kind::ReprocessRawEvents, run.id.as_str()).await?;
            }
            change.update(&before, &mut run).await?;
            change.commit().await?;
            if is_last {
                return Ok(());
            }
        }
        self.plan_next_piece(Kind::ReprocessRawEvents, found).await
    }
}

fn as_event(collected: &CollectedEvent, ingested_at: Timestamp) -> Event {
    Event {
        id: collected.id.clone(),
        name: collected.name.clone(),
        external_customer_id: collected.external_customer_id.clone(),
        customer_id: String::new(),
        timestamp: collected.timestamp,
        ingested_at,
        source: collected.source.clone(),
        properties: collected.properties.clone(),
    }
}

fn as_incoming(collected: CollectedEvent) -> IncomingEvent {
    IncomingEvent {
        event_id: collected.id,
        event_name: collected.name,
        external_customer_id: collected.external_customer_id,
        customer_id: String::new(),
        timestamp: Some(collected.timestamp),
        source: collected.source,
        properties: collected.properties,
    }
}

//! Events come in: checked, stamped, measured, stored and counted before the answer (spec 10 §§1, 5).

use std::sync::Arc;

use domain::event::{Event, Properties};
use domain::invalid::{Invalid, require_field};
use domain::meter::{Expression, LedgerEntry};
use domain::time::Timestamp;
use sha2::{Digest, Sha256};
use streams::{Appended, MeteredEvent};

use super::meter_index::MetersByName;
use crate::platform::authenticate::hex;
use crate::{App, Context, Error, Result};

/// Most events of one request.
const EVENTS_MAX: usize = 1000;

/// An event as it was sent.
#[derive(Clone, Debug, Default)]
pub struct IncomingEvent {
    /// The caller's idempotency key; made up when empty.
    pub event_id: String,
    /// What happened.
    pub event_name: String,
    /// Who did it.
    pub external_customer_id: String,
    /// Stored as sent.
    pub customer_id: String,
    /// When it happened; now without.
    pub timestamp: Option<Timestamp>,
    /// Free text.
    pub source: String,
    /// A JSON object; empty when absent.
    pub properties: String,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// The ids of the events, in order.
    pub event_ids: Vec<String>,
    /// How many were not known before; `None` when that is found out later, by the consumers of an event log.
    pub new: Option<usize>,
}

impl App {
    /// Takes in 1 to 1000 events, all or none. When this returns they are durable; without an event log they are counted, too. Copies of
    /// known events change nothing.
    pub async fn ingest_events(&self, context: &Context, incoming: Vec<IncomingEvent>) -> Result<Ingested> {
        let events = incoming.len();
        let outcome = self.stamp_and_store(context, incoming).await;
        match &outcome {
            Ok(Ingested { new: Some(new), .. }) => {
                measure("new", *new);
                measure("duplicate", events - new);
            }
            Ok(Ingested { new: None, .. }) => measure("published", events),
            Err(Error::Invalid(_)) => measure("refused", events),
            Err(_) => measure("failed", events),
        }
        outcome
    }

    async fn stamp_and_store(&self, context: &Context, incoming: Vec<IncomingEvent>) -> Result<Ingested> {
        require_field((1..=EVENTS_MAX).contains(&incoming.len()), "events", "events must hold 1 to 1000 events")?;
        let _ingesting = self.shared.ingesting.read().await;
        let meters = Arc::clone(&self.meters(&context.scope).await?.all);
        let now = self.now(&context.scope);
        let mut metered = Vec::with_capacity(incoming.len());
        let mut event_ids = Vec::with_capacity(incoming.len());
        for (index, incoming) in incoming.into_iter().enumerate() {
            let at_index = |invalid: Invalid| Error::Invalid(invalid.with("index", index));
            let event = self.stamp(context, incoming, index, now);
            event.validate().and_then(|()| self.shared.settings.events.times.check(event.timestamp)).map_err(at_index)?;
            let entries = self.measure_all(&meters, &event).map_err(at_index)?;
            event_ids.push(event.id.clone());
            metered.push(MeteredEvent { event, entries });
        }
        if let Some(log) = &self.shared.log {
            // Measured all the same: an event that no consumer could count is refused here, where its sender hears of it.
            log.publish(&context.scope, metered.into_iter().map(|metered| metered.event).collect()).await?;
            return Ok(Ingested { event_ids, new: None });
        }
        let appended = self.events().append(&context.scope, metered).await?;
        let new = appended.iter().filter(|appended| **appended == Appended::New).count();
        Ok(Ingested { event_ids, new: Some(new) })
    }

    fn stamp(&self, context: &Context, incoming: IncomingEvent, index: usize, now: Timestamp) -> Event {
        let id = match (incoming.event_id.is_empty(), &context.idempotency) {
            (false, _) => incoming.event_id,
            // A repeated request makes the same ids, so that its copies are known.
            (true, Some(key)) => {
                let hash = Sha256::digest(format!("{}\n{}\n{index}", key.key, key.fingerprint).as_bytes());
                format!("event_{}", hex(&hash[..16]))
            }
            (true, None) => self.ids().id("event"),
        };
        let trimmed = incoming.event_name.trim();
        let name = if trimmed.len() == incoming.event_name.len() { incoming.event_name } else { trimmed.to_owned() };
        Event {
            id,
            name,
            external_customer_id: incoming.external_customer_id,
            customer_id: incoming.customer_id,
            timestamp: incoming.timestamp.unwrap_or(now),
            ingested_at: now,
            source: incoming.source,
            properties: incoming.properties,
        }
    }

    /// What the event adds to each meter of its name.
    pub(super) fn measure_all(&self, meters: &MetersByName, event: &Event) -> std::result::Result<Vec<LedgerEntry>, Invalid> {
        let Some(meters) = meters.get(&event.name) else { return Ok(Vec::new()) };
        let properties = Properties::parse(&event.properties)
            .map_err(|error| Invalid::field("properties", format!("properties must be a JSON object: {error}")))?;
        let mut entries = Vec::with_capacity(meters.len());
        for meter in meters {
            let entry = self.measure(meter, &event.name, &properties).map_err(|error| {
                let of = meter.aggregation.expression.as_ref().map_or(meter.aggregation.field.as_str(), Expression::text);
                Invalid::input(format!("{error} in {of}: send a smaller number")).with("event_id", &event.id)
            })?;
            entries.extend(entry);
        }
        Ok(entries)
    }
}

/// Counts events by what became of them.
pub(super) fn measure(result: &'static str, events: usize) {
    metrics::counter!("flexprice_events_total", "result" => result).increment(events as u64);
}

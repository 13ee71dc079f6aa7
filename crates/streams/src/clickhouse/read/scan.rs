//! All events that match, in no order: slices of time, each of which is one query of bounded size that may be repeated by itself.

use std::ops::ControlFlow;

use clickhouse::Row;
use domain::meter::Filter;
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::Deserialize;

use super::events::{Place, condition, has_properties, is_beyond, named, property_filters};
use super::usage::between;
use crate::clickhouse::engine::Engine;
use crate::{EventFilter, EventStoreError, ScanReceiver, ScannedEvent};

/// What one query reads, about.
const SLICE_BYTES: u64 = 8 << 20;
/// What an event takes beside its properties, about.
const EVENT_BYTES: u64 = 100;
/// Events handed out at once: other tasks get a turn between.
const CHUNK: usize = 1_000;
const MINUTE_MICROS: i64 = 60_000_000;

#[derive(Row, Deserialize)]
struct SliceRow {
    /// A minute since 1970.
    last: i64,
    bytes: u64,
    events: u64,
}

#[derive(Row, Deserialize)]
struct ScanRow {
    event_id: String,
    timestamp: i64,
    properties: String,
}

impl From<ScanRow> for ScannedEvent {
    fn from(row: ScanRow) -> Self {
        Self { id: row.event_id, timestamp: Timestamp::from_micros(row.timestamp), properties: row.properties }
    }
}

/// Hands out all events that match.
pub(in crate::clickhouse) async fn scan(
    engine: &Engine,
    scope: &Scope,
    filter: &EventFilter,
    receive: ScanReceiver<'_>,
) -> Result<(), EventStoreError> {
    if let Some(event_id) = &filter.event_id {
        let found = named(engine, scope, filter, event_id).await?;
        let _ = receive(found.into_iter().map(ScannedEvent::from).collect());
        return Ok(());
    }
    let (condition, properties) = (condition(scope, filter), property_filters(filter));
    let slices: Vec<SliceRow> = engine.rows(&slices_text(&condition)).await?;
    let mut first = 0;
    for SliceRow { last, bytes, events } in slices {
        let slice = format!("{condition} AND {}", between(first * MINUTE_MICROS, (last + 1) * MINUTE_MICROS));
        // A minute that is too much by itself is read page by page, in the order of the table.
        let page = (bytes >= 2 * SLICE_BYTES).then(|| (events * SLICE_BYTES / bytes).max(1));
        let mut after: Option<Place> = None;
        loop {
            let rows: Vec<ScanRow> = engine.rows(&rows_text(&slice, page, after.as_ref())).await?;
            after = rows.last().map(|row| (Timestamp::from_micros(row.timestamp), row.event_id.clone()));
            let is_last = page.is_none_or(|page| (rows.len() as u64) < page);
            if hand_out(rows, &properties, receive).await.is_break() {
                return Ok(());
            }
            if is_last {
                break;
            }
        }
        first = last + 1;
    }
    Ok(())
}

async fn hand_out(rows: Vec<ScanRow>, properties: &[Filter], receive: ScanReceiver<'_>) -> ControlFlow<()> {
    let mut rows = rows.into_iter().filter(|row| has_properties(&row.properties, properties)).map(ScannedEvent::from);
    loop {
        let chunk: Vec<ScannedEvent> = rows.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return ControlFlow::Continue(());
        }
        receive(chunk)?;
        tokio::task::yield_now().await;
    }
}

/// The last minute of each slice, ascending. Minutes follow one another until they have the bytes of a slice.
fn slices_text(condition: &str) -> String {
    let minutes = format!(
        "SELECT intDiv(toUnixTimestamp64Micro(timestamp), {MINUTE_MICROS}) AS minute, sum(length(properties) + {EVENT_BYTES}) AS weight, \
         count() AS minute_events FROM events WHERE {condition} GROUP BY minute"
    );
    let running = format!(
        "SELECT minute, minute_events, weight, sum(weight) OVER (ORDER BY minute ROWS UNBOUNDED PRECEDING) AS until FROM ({minutes})"
    );
    format!(
        "SELECT toInt64(max(minute)) AS last, sum(weight) AS bytes, sum(minute_events) AS events FROM ({running}) \
         GROUP BY intDiv(until, {SLICE_BYTES}) ORDER BY last"
    )
}

/// The events of a slice, or a page of them.
fn rows_text(slice: &str, page: Option<u64>, after: Option<&Place>) -> String {
    let after = after.map(|after| format!(" AND {}", is_beyond(">", after))).unwrap_or_default();
    let page = page.map(|page| format!(" ORDER BY timestamp, event_id LIMIT {page}")).unwrap_or_default();
    format!("SELECT event_id, timestamp, properties FROM events WHERE {slice}{after}{page}")
}

//! Events by id, by filter, and their number.

use std::ops::ControlFlow;

use clickhouse::Row;
use domain::event::{Event, Properties};
use domain::meter::{Filter, matches};
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::Deserialize;

use super::aggregate::belongs;
use super::scan::scan;
use crate::clickhouse::engine::Engine;
use crate::clickhouse::row::IdHash;
use crate::clickhouse::sql;
use crate::{EventFilter, EventOrder, EventStoreError};

/// Rows of one query.
const PAGE: usize = 10_000;

/// Behind which event a page begins.
pub(super) type Place = (Timestamp, String);

#[derive(Row, Deserialize)]
pub(super) struct EventRow {
    event_id: String,
    event_name: String,
    external_customer_id: String,
    customer_id: String,
    timestamp: i64,
    ingested_at: i64,
    source: String,
    properties: String,
}

pub(super) const COLUMNS: &str = "event_id, event_name, external_customer_id, customer_id, timestamp, ingested_at, source, properties";

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.event_id,
            name: row.event_name,
            external_customer_id: row.external_customer_id,
            customer_id: row.customer_id,
            timestamp: Timestamp::from_micros(row.timestamp),
            ingested_at: Timestamp::from_micros(row.ingested_at),
            source: row.source,
            properties: row.properties,
        }
    }
}

#[derive(Row, Deserialize)]
struct TimeRow {
    timestamp: i64,
}

#[derive(Row, Deserialize)]
struct CountRow {
    count: u64,
}

/// One event by its id: the projection by identity gives its time, time and id give the row.
pub(in crate::clickhouse) async fn event(engine: &Engine, scope: &Scope, event_id: &str) -> Result<Option<Event>, EventStoreError> {
    let id = IdHash::of(scope, event_id);
    let query = format!("SELECT timestamp FROM events WHERE id_high = {} AND id_low = {} LIMIT 1", id.high, id.low);
    let Some(TimeRow { timestamp }) = engine.rows(&query).await?.pop() else { return Ok(None) };
    let query = format!(
        "SELECT {COLUMNS} FROM events WHERE {} AND timestamp = {} AND event_id = {} LIMIT 1",
        belongs(scope, &[]),
        sql::instant(Timestamp::from_micros(timestamp)),
        sql::text(event_id)
    );
    Ok(engine.rows::<EventRow>(&query).await?.pop().map(Event::from))
}

/// The event that a filter names by its id, if the rest of the filter holds.
pub(super) async fn named(engine: &Engine, scope: &Scope, filter: &EventFilter, event_id: &str) -> Result<Option<Event>, EventStoreError> {
    let properties = property_filters(filter);
    let found = event(engine, scope, event_id).await?;
    Ok(found.filter(|event| is_match(event, filter) && has_properties(&event.properties, &properties)))
}

/// Up to `limit` events that match, strictly after a place. Properties are compared here, by the rule of meter filters.
pub(in crate::clickhouse) async fn events(
    engine: &Engine,
    scope: &Scope,
    filter: &EventFilter,
    order: EventOrder,
    mut after: Option<Place>,
    limit: usize,
) -> Result<Vec<Event>, EventStoreError> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    if let Some(event_id) = &filter.event_id {
        found.extend(named(engine, scope, filter, event_id).await?.filter(|event| is_after(event, after.as_ref(), order)));
        return Ok(found);
    }
    let properties = property_filters(filter);
    let page = if properties.is_empty() { limit.min(PAGE) } else { PAGE };
    loop {
        let rows: Vec<EventRow> = engine.rows(&page_text(scope, filter, order, after.as_ref(), page)).await?;
        let last = rows.len() < page;
        after = rows.last().map(|row| (Timestamp::from_micros(row.timestamp), row.event_id.clone()));
        let matching = rows.into_iter().filter(|row| has_properties(&row.properties, &properties)).map(Event::from);
        found.extend(matching.take(limit - found.len()));
        if last || found.len() == limit {
            return Ok(found);
        }
    }
}

/// The number of events that match.
pub(in crate::clickhouse) async fn count_events(engine: &Engine, scope: &Scope, filter: &EventFilter) -> Result<u64, EventStoreError> {
    if filter.event_id.is_none() && filter.properties.is_empty() {
        let query = format!("SELECT count() AS count FROM events WHERE {}", condition(scope, filter));
        return Ok(engine.rows::<CountRow>(&query).await?.pop().map_or(0, |row| row.count));
    }
    let mut count = 0;
    scan(engine, scope, filter, &mut |events| {
        count += events.len() as u64;
        ControlFlow::Continue(())
    })
    .await?;
    Ok(count)
}

fn page_text(scope: &Scope, filter: &EventFilter, order: EventOrder, after: Option<&Place>, page: usize) -> String {
    let mut condition = condition(scope, filter);
    let (direction, beyond) = match order {
        EventOrder::Ascending => ("ASC", ">"),
        EventOrder::Descending => ("DESC", "<"),
    };
    if let Some(after) = after {
        condition.push_str(&format!(" AND {}", is_beyond(beyond, after)));
    }
    format!("SELECT {COLUMNS} FROM events WHERE {condition} ORDER BY timestamp {direction}, event_id {direction} LIMIT {page}")
}

/// Strictly `<` or `>` a place.
pub(super) fn is_beyond(beyond: &str, (timestamp, event_id): &Place) -> String {
    let (instant, id) = (sql::instant(*timestamp), sql::text(event_id));
    // The first condition follows from the second and is what the sort key understands.
    format!("timestamp {beyond}= {instant} AND (timestamp, event_id) {beyond} ({instant}, {id})")
}

/// What the server can tell: all but the id and the properties.
pub(super) fn condition(scope: &Scope, filter: &EventFilter) -> String {
    let mut condition = belongs(scope, filter.external_customer_id.as_slice());
    for (column, wanted) in [("event_name", &filter.event_name), ("source", &filter.source)] {
        if let Some(wanted) = wanted {
            condition.push_str(&format!(" AND {column} = {}", sql::text(wanted)));
        }
    }
    if let Some(from) = filter.from {
        condition.push_str(&format!(" AND timestamp >= {}", sql::instant(from)));
    }
    if let Some(until) = filter.until {
        condition.push_str(&format!(" AND timestamp < {}", sql::instant(until)));
    }
    condition
}

fn is_match(event: &Event, filter: &EventFilter) -> bool {
    let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
    is(&filter.external_customer_id, &event.external_customer_id)
        && is(&filter.event_name, &event.name)
        && is(&filter.source, &event.source)
        && filter.from.is_none_or(|from| from <= event.timestamp)
        && filter.until.is_none_or(|until| event.timestamp < until)
}

/// What a filter wants of properties.
pub(super) fn property_filters(filter: &EventFilter) -> Vec<Filter> {
    filter.properties.iter().map(|(key, values)| Filter { key: key.clone(), values: values.clone() }).collect()
}

/// Whether properties as they were sent match all of the filters.
pub(super) fn has_properties(sent: &str, wanted: &[Filter]) -> bool {
    wanted.is_empty() || Properties::parse(sent).is_ok_and(|sent| wanted.iter().all(|filter| matches(filter, &sent)))
}

fn is_after(event: &Event, after: Option<&Place>, order: EventOrder) -> bool {
    after.is_none_or(|(timestamp, event_id)| {
        let (place, after) = ((event.timestamp, &event.id), (*timestamp, event_id));
        match order {
            EventOrder::Ascending => place > after,
            EventOrder::Descending => place < after,
        }
    })
}

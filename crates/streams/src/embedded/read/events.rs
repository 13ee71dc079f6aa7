//! Events by id, by filter, and their number.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;

use domain::event::{Event, Properties};
use domain::meter::{Filter, Window, matches};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};

use super::bodies::Bodies;
use super::listing::{Listing, Position};
use super::runs::Runs;
use super::view::{View, each_row};
use super::walk::Windows;
use crate::embedded::body::Body;
use crate::embedded::key::{self, Kind, Number};
use crate::room::Room;
use crate::{EventFilter, EventOrder, EventStoreError, ScanReceiver, ScannedEvent};

/// Events that a scan hands out at once, and bytes of their properties.
const CHUNK: usize = 1_000;
const CHUNK_BYTES: usize = 1 << 20;

/// One event by its id.
pub(in crate::embedded) fn event(view: &View, scope: &Scope, event_id: &str) -> Result<Option<Event>, EventStoreError> {
    let Some(scope) = view.scope(scope)? else { return Ok(None) };
    by_id(view, scope, event_id)
}

/// Up to `limit` events that match, strictly after a position.
pub(in crate::embedded) fn events(
    view: &View,
    scope: &Scope,
    filter: &EventFilter,
    order: EventOrder,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<Event>, EventStoreError> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    let properties = property_filters(&filter.properties);
    if let Some(event_id) = &filter.event_id {
        let Some(scope) = view.scope(scope)? else { return Ok(found) };
        let named = by_id(view, scope, event_id)?;
        found.extend(named.filter(|event| is_match(event, filter, &properties) && is_after(event, after.as_ref(), order)));
        return Ok(found);
    }
    let Some(listing) = listing(view, scope, filter, order, after)? else { return Ok(found) };
    let mut bodies = Bodies::new(view);
    listing.each(view, &mut |place| {
        let body = bodies.body(place)?;
        if carries(&body, filter, &properties) {
            found.push(body.to_event());
        }
        Ok(if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// Hands out all events that match, in no particular order.
pub(in crate::embedded) fn scan(
    view: &View,
    scope: &Scope,
    filter: &EventFilter,
    receive: ScanReceiver<'_>,
) -> Result<(), EventStoreError> {
    if filter.event_id.is_some() {
        let named = events(view, scope, filter, EventOrder::default(), None, 1)?;
        let _ = receive(named.into_iter().map(ScannedEvent::from).collect());
        return Ok(());
    }
    let Some(listing) = listing(view, scope, filter, EventOrder::Ascending, None)? else { return Ok(()) };
    let properties = property_filters(&filter.properties);
    let mut bodies = Bodies::new(view);
    let (mut chunk, mut chunk_bytes) = (Vec::new(), 0);
    listing.in_any_order(view, &mut |place| {
        let body = bodies.body(place)?;
        if carries(&body, filter, &properties) {
            chunk_bytes += body.properties.len();
            chunk.push(body.to_scanned());
        }
        if chunk.len() < CHUNK && chunk_bytes < CHUNK_BYTES {
            return Ok(ControlFlow::Continue(()));
        }
        chunk_bytes = 0;
        Ok(receive(std::mem::take(&mut chunk)))
    })?;
    let _ = receive(chunk);
    Ok(())
}

/// The number of events that match.
pub(in crate::embedded) fn count_events(view: &View, scope: &Scope, filter: &EventFilter) -> Result<u64, EventStoreError> {
    if filter.event_id.is_some() {
        return Ok(events(view, scope, filter, EventOrder::default(), None, 1)?.len() as u64);
    }
    let Some(listing) = listing(view, scope, filter, EventOrder::Ascending, None)? else { return Ok(0) };
    let (index_tells, properties) = (by_index_alone(filter), property_filters(&filter.properties));
    let mut bodies = Bodies::new(view);
    let mut count = 0;
    listing.in_any_order(view, &mut |place| {
        if index_tells || carries(&bodies.body(place)?, filter, &properties) {
            count += 1;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(count)
}

/// The number of events per window that has any, ascending; refuses more than `windows_max`.
pub(in crate::embedded) fn count_events_by_window(
    view: &View,
    scope: &Scope,
    period: Period,
    window: Window,
    windows_max: usize,
) -> Result<Vec<(Period, u64)>, EventStoreError> {
    let mut counts: BTreeMap<Timestamp, (Period, u64)> = BTreeMap::new();
    let Some(scope) = view.scope(scope)? else { return Ok(Vec::new()) };
    if !period.is_empty() {
        let mut windows = Windows::new(Some(window), period);
        let mut room = Room::new(windows_max);
        for run in Runs::of_scope(view, scope, (period.start, period.end.plus_micros(-1)), EventOrder::Ascending) {
            each_row(&run?.value, |row| {
                let timestamp = row.head.timestamp;
                if period.contains(timestamp)
                    && let Some(around) = windows.of_both(timestamp, timestamp)
                {
                    let (_, count) = match counts.entry(around.start) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(new) => {
                            room.take(1)?;
                            new.insert((around, 0))
                        }
                    };
                    *count += 1;
                }
                Ok(())
            })?;
        }
    }
    Ok(counts.into_values().collect())
}

/// Whether customer, name and time say all.
fn by_index_alone(filter: &EventFilter) -> bool {
    filter.source.is_none() && filter.properties.is_empty()
}

/// Whether what no index knows is as the filter says.
fn carries(body: &Body<'_>, filter: &EventFilter, properties: &[Filter]) -> bool {
    filter.source.as_ref().is_none_or(|wanted| wanted == body.source) && has_properties(body.properties, properties)
}

fn by_id(view: &View, scope: Number, event_id: &str) -> Result<Option<Event>, EventStoreError> {
    view.place(&key::id(scope, &key::id_hash(event_id)))?.map(|place| Bodies::new(view).event(place)).transpose()
}

/// `None` when the filter names what the store has never seen.
fn listing(
    view: &View,
    scope: &Scope,
    filter: &EventFilter,
    order: EventOrder,
    after: Option<Position>,
) -> Result<Option<Listing>, EventStoreError> {
    let Some(scope) = view.scope(scope)? else { return Ok(None) };
    let number = |kind, name: &Option<String>| -> Result<Option<Option<Number>>, EventStoreError> {
        let Some(name) = name else { return Ok(Some(None)) };
        Ok(view.numbered(kind, scope, name.as_bytes())?.map(|found| Some(found.number)))
    };
    let Some(customer) = number(Kind::Customer, &filter.external_customer_id)? else { return Ok(None) };
    let Some(event_name) = number(Kind::EventName, &filter.event_name)? else { return Ok(None) };
    let from = filter.from.unwrap_or(Timestamp::MIN);
    Ok(Some(Listing { scope, customer, event_name, from, until: filter.until, order, after }))
}

fn is_match(event: &Event, filter: &EventFilter, properties: &[Filter]) -> bool {
    let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
    is(&filter.external_customer_id, &event.external_customer_id)
        && is(&filter.event_name, &event.name)
        && is(&filter.source, &event.source)
        && filter.from.is_none_or(|from| from <= event.timestamp)
        && filter.until.is_none_or(|until| event.timestamp < until)
        && has_properties(&event.properties, properties)
}

/// Whether properties as they were sent match all of the filters.
pub(super) fn has_properties(sent: &str, wanted: &[Filter]) -> bool {
    wanted.is_empty() || Properties::parse(sent).is_ok_and(|sent| wanted.iter().all(|filter| matches(filter, &sent)))
}

/// Conditions on properties as meter filters.
pub(super) fn property_filters(wanted: &BTreeMap<String, Vec<String>>) -> Vec<Filter> {
    wanted.iter().map(|(key, values)| Filter { key: key.clone(), values: values.clone() }).collect()
}

fn is_after(event: &Event, after: Option<&Position>, order: EventOrder) -> bool {
    after.is_none_or(|(timestamp, event_id)| {
        let (position, after) = ((event.timestamp, &event.id), (*timestamp, event_id));
        match order {
            EventOrder::Ascending => position > after,
            EventOrder::Descending => position < after,
        }
    })
}

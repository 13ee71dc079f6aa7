//! Events by id, by filter, and their number.

use domain::event::{Event, Properties};
use domain::meter::{Filter, matches};
use domain::scope::Scope;
use domain::time::Timestamp;

use super::bodies::Bodies;
use super::listing::{Listing, Next, Position};
use super::view::View;
use crate::embedded::key::{Kind, Number};
use crate::{EventFilter, EventOrder, EventStoreError};

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
    if limit > 0 {
        each_match(view, scope, filter, order, after, &mut |event| {
            found.extend(event);
            if found.len() < limit { Next::More } else { Next::Enough }
        })?;
    }
    Ok(found)
}

/// The number of events that match.
pub(in crate::embedded) fn count_events(view: &View, scope: &Scope, filter: &EventFilter) -> Result<u64, EventStoreError> {
    let mut count = 0;
    if by_index_alone(filter) {
        if let Some(listing) = listing(view, scope, filter, EventOrder::Ascending, None)? {
            listing.each(view, &mut |_| {
                count += 1;
                Ok(Next::More)
            })?;
        }
        return Ok(count);
    }
    each_match(view, scope, filter, EventOrder::Ascending, None, &mut |_| {
        count += 1;
        Next::More
    })?;
    Ok(count)
}

/// Whether customer, name and time say all.
fn by_index_alone(filter: &EventFilter) -> bool {
    filter.event_id.is_none() && filter.source.is_none() && filter.properties.is_empty()
}

fn each_match(
    view: &View,
    scope: &Scope,
    filter: &EventFilter,
    order: EventOrder,
    after: Option<Position>,
    receive: &mut dyn FnMut(Option<Event>) -> Next,
) -> Result<(), EventStoreError> {
    let properties: Vec<Filter> =
        filter.properties.iter().map(|(key, values)| Filter { key: key.clone(), values: values.clone() }).collect();
    if let Some(event_id) = &filter.event_id {
        let Some(scope) = view.scope(scope)? else { return Ok(()) };
        let found = by_id(view, scope, event_id)?;
        let found = found.filter(|event| is_match(event, filter, &properties) && is_after(event, after.as_ref(), order));
        if found.is_some() {
            receive(found);
        }
        return Ok(());
    }
    let Some(listing) = listing(view, scope, filter, order, after)? else { return Ok(()) };
    let mut bodies = Bodies::new(view);
    listing.each(view, &mut |place| {
        let event = bodies.event(place)?;
        Ok(if is_match(&event, filter, &properties) { receive(Some(event)) } else { Next::More })
    })
}

fn by_id(view: &View, scope: Number, event_id: &str) -> Result<Option<Event>, EventStoreError> {
    view.place(scope, event_id)?.map(|place| Bodies::new(view).event(place)).transpose()
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
        && (properties.is_empty()
            || Properties::parse(&event.properties).is_ok_and(|sent| properties.iter().all(|filter| matches(filter, &sent))))
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

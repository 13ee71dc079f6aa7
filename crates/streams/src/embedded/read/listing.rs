//! Which events a listing looks at, in order: by time for a whole scope, by ledger hour for one customer.

use std::ops::Bound;

use domain::time::Timestamp;

use super::view::View;
use crate::embedded::body::Place;
use crate::embedded::codec::Bytes;
use crate::embedded::key::{self, Number};
use crate::embedded::ledger::{Head, RowKind};
use crate::embedded::span::{Level, Span};
use crate::{EventOrder, EventStoreError};

/// Candidates of one hour that are held at a time.
const HELD_MAX: usize = 4_096;

/// A place in the order of events.
pub(super) type Position = (Timestamp, String);

/// What to list.
pub(super) struct Listing {
    pub(super) scope: Number,
    pub(super) customer: Option<Number>,
    pub(super) event_name: Option<Number>,
    /// At or after.
    pub(super) from: Timestamp,
    /// Before; `None` has no end.
    pub(super) until: Option<Timestamp>,
    pub(super) order: EventOrder,
    /// Strictly after this, in the asked order.
    pub(super) after: Option<Position>,
}

/// Whether to go on.
pub(super) enum Next {
    More,
    Enough,
}

impl Listing {
    /// Hands out the places of the events, in order.
    pub(super) fn each(&self, view: &View, receive: &mut dyn FnMut(Place) -> Result<Next, EventStoreError>) -> Result<(), EventStoreError> {
        match self.customer {
            Some(customer) => self.by_hour(view, customer, receive),
            None => self.by_time(view, receive),
        }
    }

    /// Hands out the places of the events in no particular order, which is quicker; for a listing from the beginning.
    pub(super) fn in_any_order(
        &self,
        view: &View,
        receive: &mut dyn FnMut(Place) -> Result<(), EventStoreError>,
    ) -> Result<(), EventStoreError> {
        let Some(customer) = self.customer else {
            return self.by_time(view, &mut |place| receive(place).map(|()| Next::More));
        };
        let (first, last) = self.hours();
        if first > last {
            return Ok(());
        }
        view.rows(customer, (first, last), |row| if self.asks_for(&row.head) { receive(row.head.place) } else { Ok(()) })
    }

    /// The first and the last hour of the time that is asked for.
    fn hours(&self) -> (Span, Span) {
        let end = self.until.map_or(Timestamp::MAX, |until| until.plus_micros(-1));
        (Span::around(Level::Hour, self.from), Span::around(Level::Hour, end))
    }

    /// Whether a row is that of an event with the name and time that are asked for.
    fn asks_for(&self, head: &Head<'_>) -> bool {
        head.kind == RowKind::First
            && self.from <= head.timestamp
            && self.until.is_none_or(|until| head.timestamp < until)
            && self.event_name.is_none_or(|wanted| wanted == head.event_name)
    }

    fn by_time(&self, view: &View, receive: &mut dyn FnMut(Place) -> Result<Next, EventStoreError>) -> Result<(), EventStoreError> {
        let at = |timestamp| key::time(self.scope, timestamp, "");
        let mut low = Bound::Included(at(self.from));
        // The next scope's first key: there is no later time in this one.
        let mut high = Bound::Excluded(self.until.map_or_else(|| self.scope.saturating_add(1).to_be_bytes().to_vec(), at));
        if let Some((timestamp, event_id)) = &self.after {
            let cursor = key::time(self.scope, *timestamp, event_id);
            match self.order {
                EventOrder::Ascending if cursor >= at(self.from) => low = Bound::Excluded(cursor),
                EventOrder::Descending if !matches!(&high, Bound::Excluded(end) if *end <= cursor) => high = Bound::Excluded(cursor),
                EventOrder::Ascending | EventOrder::Descending => {}
            }
        }
        if let (Bound::Included(first) | Bound::Excluded(first), Bound::Excluded(end)) = (&low, &high)
            && first >= end
        {
            return Ok(());
        }
        let mut pairs = view.times((low, high));
        while let Some(pair) = if self.order == EventOrder::Ascending { pairs.next() } else { pairs.next_back() } {
            let (_, value) = pair?;
            let mut value = Bytes(&value);
            let place = Place::read(&mut value)?;
            let event_name: Number = value.number()?;
            if self.event_name.is_none_or(|wanted| wanted == event_name)
                && let Next::Enough = receive(place)?
            {
                return Ok(());
            }
        }
        Ok(())
    }

    fn by_hour(
        &self,
        view: &View,
        customer: Number,
        receive: &mut dyn FnMut(Place) -> Result<Next, EventStoreError>,
    ) -> Result<(), EventStoreError> {
        let back = self.order == EventOrder::Descending;
        let (mut first, mut last) = self.hours();
        if let Some((timestamp, _)) = &self.after {
            let hour = Span::around(Level::Hour, *timestamp);
            if back { last = last.min(hour) } else { first = first.max(hour) }
        }
        while first <= last
            && let Some(hour) = view.hour_with_rows(customer, first, last, back)?
        {
            let mut after = self.after.clone();
            loop {
                let (held, more) = self.hold(view, customer, hour, after.as_ref())?;
                for (_, place) in &held {
                    if let Next::Enough = receive(*place)? {
                        return Ok(());
                    }
                }
                match held.into_iter().next_back() {
                    Some((position, _)) if more => after = Some(position),
                    _ => break,
                }
            }
            match if back { hour.before() } else { hour.after() } {
                Some(next) if back => last = next,
                Some(next) => first = next,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The first candidates of an hour beyond a position, in order, and whether there are more.
    fn hold(
        &self,
        view: &View,
        customer: Number,
        hour: Span,
        after: Option<&Position>,
    ) -> Result<(Vec<(Position, Place)>, bool), EventStoreError> {
        let back = self.order == EventOrder::Descending;
        let mut held: Vec<(Position, Place)> = Vec::new();
        let mut more = false;
        let cut = |held: &mut Vec<(Position, Place)>| {
            held.sort_unstable();
            if back {
                held.reverse();
            }
            let more = held.len() > HELD_MAX;
            held.truncate(HELD_MAX);
            more
        };
        view.rows(customer, (hour, hour), |row| {
            let Head { timestamp, event_id, place, .. } = row.head;
            let position = (timestamp, event_id);
            let beyond = after.is_none_or(|(timestamp, event_id)| {
                let after = (*timestamp, event_id.as_str());
                if back { position < after } else { position > after }
            });
            if beyond && self.asks_for(&row.head) {
                held.push(((timestamp, event_id.to_owned()), place));
                if held.len() >= 2 * HELD_MAX {
                    more |= cut(&mut held);
                }
            }
            Ok(())
        })?;
        more |= cut(&mut held);
        Ok((held, more))
    }
}

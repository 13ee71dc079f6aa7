//! Which events a listing looks at, in order: those of a whole scope or of one customer.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use domain::time::Timestamp;

use super::runs::Runs;
use super::view::{View, each_row};
use crate::embedded::body::Place;
use crate::embedded::key::Number;
use crate::embedded::ledger::{Head, RowKind};
use crate::{EventOrder, EventStoreError};

/// Candidates that are held at a time: few at first, since most lists end early.
const HELD_FIRST: usize = 128;
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

/// Takes in the place of an event, and says whether it wants more.
pub(super) type PlaceReceiver<'r> = &'r mut dyn FnMut(Place) -> Result<ControlFlow<()>, EventStoreError>;

/// A candidate. The last one in the asked order is the greatest.
struct Held {
    timestamp: Timestamp,
    event_id: String,
    place: Place,
    order: EventOrder,
}

impl Listing {
    /// Hands out the places of the events, in order.
    pub(super) fn each(&self, view: &View, receive: PlaceReceiver<'_>) -> Result<(), EventStoreError> {
        let mut after = self.after.clone();
        let mut held_max = HELD_FIRST;
        loop {
            let (held, more) = self.hold(view, after.as_ref(), held_max)?;
            for candidate in &held {
                if receive(candidate.place)?.is_break() {
                    return Ok(());
                }
            }
            match held.into_iter().next_back() {
                Some(last) if more => after = Some((last.timestamp, last.event_id)),
                _ => return Ok(()),
            }
            held_max = HELD_MAX.min(held_max * 4);
        }
    }

    /// Hands out the places of the events in no particular order, which is quicker; for a listing from the beginning.
    pub(super) fn in_any_order(&self, view: &View, receive: PlaceReceiver<'_>) -> Result<(), EventStoreError> {
        let mut flow = ControlFlow::Continue(());
        for run in self.runs(view, None) {
            each_row(&run?.value, |row| {
                if flow.is_continue() && self.asks_for(&row.head) {
                    flow = receive(row.head.place)?;
                }
                Ok(())
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The first candidates beyond a position, in order, and whether there may be more.
    fn hold(&self, view: &View, after: Option<&Position>, held_max: usize) -> Result<(Vec<Held>, bool), EventStoreError> {
        let mut held: BinaryHeap<Held> = BinaryHeap::with_capacity(held_max + 1);
        let mut more = false;
        for run in self.runs(view, after) {
            let run = run?;
            if held.len() == held_max
                && let Some(last) = held.peek()
                && match self.order {
                    EventOrder::Ascending => run.stretch.start > last.timestamp,
                    EventOrder::Descending => run.stretch.end <= last.timestamp,
                }
            {
                more = true;
                break;
            }
            each_row(&run.value, |row| {
                let Head { timestamp, event_id, place, .. } = row.head;
                let beyond = after.is_none_or(|(at, id)| compare(self.order, (timestamp, event_id), (*at, id)) == Ordering::Greater);
                if !beyond || !self.asks_for(&row.head) {
                    return Ok(());
                }
                if held.len() == held_max {
                    more = true;
                    if held.peek().is_some_and(|last| compare(self.order, (timestamp, event_id), last.position()) != Ordering::Less) {
                        return Ok(());
                    }
                    held.pop();
                }
                held.push(Held { timestamp, event_id: event_id.to_owned(), place, order: self.order });
                Ok(())
            })?;
        }
        Ok((held.into_sorted_vec(), more))
    }

    /// The runs that may have events beyond a position.
    fn runs(&self, view: &View, after: Option<&Position>) -> impl Iterator<Item = Result<super::runs::Run, EventStoreError>> + use<> {
        let mut first = self.from;
        let mut last = self.until.map_or(Timestamp::MAX, |until| until.plus_micros(-1));
        match (after, self.order) {
            (Some((timestamp, _)), EventOrder::Ascending) => first = first.max(*timestamp),
            (Some((timestamp, _)), EventOrder::Descending) => last = last.min(*timestamp),
            (None, _) => {}
        }
        let runs = (first <= last).then(|| match self.customer {
            Some(customer) => Runs::of_customer(view, customer, (first, last), self.order),
            None => Runs::of_scope(view, self.scope, (first, last), self.order),
        });
        runs.into_iter().flatten()
    }

    /// Whether a row is that of an event with the name and time that are asked for.
    fn asks_for(&self, head: &Head<'_>) -> bool {
        head.kind == RowKind::First
            && self.from <= head.timestamp
            && self.until.is_none_or(|until| head.timestamp < until)
            && self.event_name.is_none_or(|wanted| wanted == head.event_name)
    }
}

/// By time and id, in the asked order.
fn compare(order: EventOrder, one: (Timestamp, &str), two: (Timestamp, &str)) -> Ordering {
    match order {
        EventOrder::Ascending => one.cmp(&two),
        EventOrder::Descending => two.cmp(&one),
    }
}

impl Held {
    fn position(&self) -> (Timestamp, &str) {
        (self.timestamp, &self.event_id)
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.order, self.position(), other.position())
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Held {}

//! Runs of rows in the order of time: each has the rows of one group in one stretch of time, so runs of several groups overlap.

use domain::time::{Period, Timestamp};
use fjall::UserValue;

use super::view::{Pairs, View};
use crate::embedded::key::{self, Number, Summed};
use crate::embedded::span::{Level, Span, Stretch};
use crate::{EventOrder, EventStoreError};

/// Rows that are one value, sorted by (event time, event id).
pub(super) struct Run {
    /// Holds all of its rows.
    pub(super) stretch: Period,
    /// The rows.
    pub(super) value: UserValue,
}

/// Runs by their stretch's start, ascending; or by its end, descending.
pub(super) struct Runs {
    lanes: Vec<Lane>,
    order: EventOrder,
}

/// Runs whose stretches are of one kind, in order.
struct Lane {
    pairs: Pairs,
    kind: Kind,
    next: Option<Run>,
}

#[derive(Clone, Copy)]
enum Kind {
    OfScope(Stretch),
    /// Hours.
    OfCustomer,
}

impl Kind {
    /// The stretch that a key names.
    fn stretch(self, key: &[u8]) -> Result<Period, EventStoreError> {
        match self {
            Self::OfScope(stretch) => Ok(stretch.around(key::parse_time(key)?)),
            Self::OfCustomer => Ok(key::parse_ledger(key)?.period()),
        }
    }
}

impl Runs {
    /// Those of a scope that may have rows from the first to the last instant.
    pub(super) fn of_scope(view: &View, scope: Number, (first, last): (Timestamp, Timestamp), order: EventOrder) -> Self {
        let lane = |stretch: Stretch| Lane { pairs: view.times(scope, stretch, first, last), kind: Kind::OfScope(stretch), next: None };
        Self { lanes: Stretch::ALL.map(lane).into(), order }
    }

    /// Those of a customer.
    pub(super) fn of_customer(view: &View, customer: Number, (first, last): (Timestamp, Timestamp), order: EventOrder) -> Self {
        let hours = (Span::around(Level::Hour, first), Span::around(Level::Hour, last));
        let lane = |summed: Summed| Lane { pairs: view.ledger(summed, customer, hours), kind: Kind::OfCustomer, next: None };
        Self { lanes: Summed::ALL.map(lane).into(), order }
    }

    fn fill(&mut self) -> Result<(), EventStoreError> {
        for lane in &mut self.lanes {
            if lane.next.is_none()
                && let Some(pair) = if self.order == EventOrder::Ascending { lane.pairs.next() } else { lane.pairs.next_back() }
            {
                let (key, value) = pair?;
                lane.next = Some(Run { stretch: lane.kind.stretch(&key)?, value });
            }
        }
        Ok(())
    }
}

impl Iterator for Runs {
    type Item = Result<Run, EventStoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            return Some(Err(error));
        }
        let waiting = self.lanes.iter_mut().filter(|lane| lane.next.is_some());
        let start = |lane: &&mut Lane| lane.next.as_ref().map(|run| run.stretch.start);
        let end = |lane: &&mut Lane| lane.next.as_ref().map(|run| run.stretch.end);
        let lane = match self.order {
            EventOrder::Ascending => waiting.min_by_key(start),
            EventOrder::Descending => waiting.max_by_key(end),
        };
        lane.and_then(|lane| lane.next.take()).map(Ok)
    }
}

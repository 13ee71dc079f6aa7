//! The list of events: by offset or by cursor (spec 10 §9.3).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use domain::event::Event;
use domain::invalid::Invalid;
use domain::scope::Scope;
use domain::time::Timestamp;
use streams::{EventFilter, EventOrder};

use crate::{App, Error, Result};

/// Most events of a page.
const PAGE_MAX: usize = 1000;
/// Most events that an offset skips: beyond it, a cursor is the way.
const OFFSET_MAX: usize = 100_000;
/// The same where events are sorted by name: all that is skipped is held in memory.
const NAMED_OFFSET_MAX: usize = 10_000;
/// Events read at once to skip, sort or count them.
const READ: usize = 5_000;

/// What events are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EventSort {
    /// Event time.
    #[default]
    Timestamp,
    /// Their names; of one name the newest first. Reads all events that match.
    Name,
}

/// A page that is asked for.
#[derive(Clone, Debug, Default)]
pub struct EventPageRequest {
    /// Which events.
    pub filter: EventFilter,
    /// By what they are sorted.
    pub sort: EventSort,
    /// Which way.
    pub order: EventOrder,
    /// Most events; 50 when absent.
    pub page_size: Option<usize>,
    /// Events to skip; only without cursor.
    pub offset: usize,
    /// A place in time to read on from.
    pub cursor: Option<EventCursor>,
}

/// A place in time between events, and which way from it.
#[derive(Clone, Debug)]
pub struct EventCursor {
    /// The event at the place, which is not listed again: time and id.
    pub at: (Timestamp, String),
    /// Towards which side.
    pub side: Side,
}

/// A side of a place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is older.
    Older,
    /// What is newer. The page is the one next to the place.
    Newer,
}

impl Side {
    /// The order that leads away from the place.
    fn away(self) -> EventOrder {
        match self {
            Self::Older => EventOrder::Descending,
            Self::Newer => EventOrder::Ascending,
        }
    }
}

/// A page of events.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// The events.
    pub events: Vec<Event>,
    /// Whether more follow.
    pub has_more: bool,
    /// How many match in all; with a cursor, on its side.
    pub total: u64,
}

impl App {
    /// One page of events.
    pub async fn event_page(&self, scope: &Scope, request: EventPageRequest) -> Result<EventPage> {
        let EventPageRequest { filter, sort, order, page_size, offset, cursor } = request;
        let size = page_size.filter(|size| *size > 0).unwrap_or(50);
        if size > PAGE_MAX {
            let message = format!("page_size must be 1 to {PAGE_MAX}, not {size}");
            return Err(Invalid::field("page_size", message).with("value", size).with("limit", PAGE_MAX).into());
        }
        let skip = if cursor.is_none() { offset } else { 0 };
        let skip_max = if sort == EventSort::Name { NAMED_OFFSET_MAX } else { OFFSET_MAX };
        if skip > skip_max {
            let message = format!("offset must be 0 to {skip_max}, not {skip}: page with iter_last_key");
            return Err(Invalid::field("offset", message).with("value", skip).with("limit", skip_max).into());
        }
        let total = self.count_from(scope, &filter, cursor.as_ref()).await?;
        // One more than asked tells whether more follow.
        let wanted = size + 1;
        let mut is_backwards = false;
        let mut events = match sort {
            EventSort::Name => self.sorted_by_name(scope, filter, order, cursor, skip, wanted).await?,
            EventSort::Timestamp => {
                let read = cursor.as_ref().map_or(order, |cursor| cursor.side.away());
                is_backwards = read != order;
                self.skipping(scope, filter, read, cursor.map(|cursor| cursor.at), skip, wanted).await?
            }
        };
        let has_more = events.len() > size;
        events.truncate(size);
        if is_backwards {
            events.reverse();
        }
        Ok(EventPage { events, has_more, total })
    }

    /// One event by its id.
    pub async fn event(&self, scope: &Scope, id: &str) -> Result<Event> {
        self.events().event(scope, id).await?.ok_or_else(|| Error::not_found("event", id))
    }

    /// How many events match beyond the cursor.
    async fn count_from(&self, scope: &Scope, filter: &EventFilter, cursor: Option<&EventCursor>) -> Result<u64> {
        let Some(EventCursor { at: (at, id), side }) = cursor else {
            return Ok(self.events().count_events(scope, filter.clone()).await?);
        };
        let (next, from, until) = (at.plus_micros(1), filter.from.unwrap_or(Timestamp::MIN), filter.until.unwrap_or(Timestamp::MAX));
        let within = |from: Timestamp, until: Timestamp| EventFilter { from: Some(from), until: Some(until), ..filter.clone() };
        // Whole instants are counted, the events of the cursor's own instant are looked at.
        let others = match side {
            Side::Older => within(from, until.min(*at)),
            Side::Newer => within(from.max(next), until),
        };
        let own = within(from.max(*at), until.min(next));
        let holds_any = |filter: &EventFilter| filter.from < filter.until;
        let mut total = if holds_any(&others) { self.events().count_events(scope, others).await? } else { 0 };
        let mut after = holds_any(&own).then(|| (*at, id.clone()));
        while after.is_some() {
            let events = self.events().events(scope, own.clone(), side.away(), after.take(), READ).await?;
            total += events.len() as u64;
            after = events.last().filter(|_| events.len() == READ).map(|last| (last.timestamp, last.id.clone()));
        }
        Ok(total)
    }

    /// Reads on after some events, which are not kept.
    async fn skipping(
        &self,
        scope: &Scope,
        filter: EventFilter,
        order: EventOrder,
        mut after: Option<(Timestamp, String)>,
        mut skip: usize,
        wanted: usize,
    ) -> Result<Vec<Event>> {
        while skip > 0 {
            let read = skip.min(READ);
            let skipped = self.events().events(scope, filter.clone(), order, after, read).await?;
            if skipped.len() < read {
                return Ok(Vec::new());
            }
            after = skipped.last().map(|last| (last.timestamp, last.id.clone()));
            skip -= read;
        }
        Ok(self.events().events(scope, filter, order, after, wanted).await?)
    }

    /// The first events by name; as many as are skipped and wanted stay in memory.
    async fn sorted_by_name(
        &self,
        scope: &Scope,
        filter: EventFilter,
        order: EventOrder,
        cursor: Option<EventCursor>,
        skip: usize,
        wanted: usize,
    ) -> Result<Vec<Event>> {
        let read = cursor.as_ref().map_or(EventOrder::Descending, |cursor| cursor.side.away());
        let mut after = cursor.map(|cursor| cursor.at);
        let mut first = BinaryHeap::with_capacity(skip + wanted + 1);
        loop {
            let events = self.events().events(scope, filter.clone(), read, after.take(), READ).await?;
            after = events.last().filter(|_| events.len() == READ).map(|last| (last.timestamp, last.id.clone()));
            for event in events {
                first.push(Named { event, order });
                if first.len() > skip + wanted {
                    // The greatest is the last of the list.
                    first.pop();
                }
            }
            if after.is_none() {
                return Ok(first.into_sorted_vec().into_iter().skip(skip).map(|named| named.event).collect());
            }
        }
    }
}

/// An event at its place in a list by name.
struct Named {
    event: Event,
    order: EventOrder,
}

impl Ord for Named {
    fn cmp(&self, other: &Self) -> Ordering {
        let names = self.event.name.cmp(&other.event.name);
        let names = if self.order == EventOrder::Descending { names.reverse() } else { names };
        names.then_with(|| (other.event.timestamp, &other.event.id).cmp(&(self.event.timestamp, &self.event.id)))
    }
}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Named {}

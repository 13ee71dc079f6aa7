//! The list of events: by offset or by cursor (spec 10 §9.3).

use domain::event::Event;
use domain::invalid::require;
use domain::scope::Scope;
use domain::time::Timestamp;
use streams::{EventFilter, EventOrder};

use crate::{App, Error, Result};

/// Most events of a page.
const PAGE_MAX: usize = 1000;
/// Most events that an offset skips: beyond it, a cursor is the way.
const OFFSET_MAX: usize = 100_000;

/// A page that is asked for.
#[derive(Clone, Debug, Default)]
pub struct EventPageRequest {
    /// Which events.
    pub filter: EventFilter,
    /// In which order.
    pub order: EventOrder,
    /// Most events; 50 when absent.
    pub page_size: Option<usize>,
    /// Events to skip; only without cursor.
    pub offset: usize,
    /// Events after this `(time, id)` in the asked order.
    pub after: Option<(Timestamp, String)>,
    /// Events before this `(time, id)` in the asked order: the page that ends there.
    pub before: Option<(Timestamp, String)>,
}

/// A page of events.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// The events.
    pub events: Vec<Event>,
    /// Whether more follow.
    pub has_more: bool,
    /// How many match in all.
    pub total: u64,
}

impl App {
    /// One page of events.
    pub async fn event_page(&self, scope: &Scope, request: EventPageRequest) -> Result<EventPage> {
        let size = request.page_size.filter(|size| *size > 0).unwrap_or(50).min(PAGE_MAX);
        require(request.offset <= OFFSET_MAX, "offset is too large: page with iter_last_key")?;
        let total = self.events().count_events(scope, request.filter.clone()).await?;
        // One more than asked tells whether more follow. A page before a cursor is read backwards from it.
        let backwards = request.before.is_some();
        let (order, cursor) = match (request.before, request.order) {
            (Some(before), EventOrder::Descending) => (EventOrder::Ascending, Some(before)),
            (Some(before), EventOrder::Ascending) => (EventOrder::Descending, Some(before)),
            (None, order) => (order, request.after),
        };
        let skip = if cursor.is_none() { request.offset } else { 0 };
        let mut events = self.events().events(scope, request.filter, order, cursor, skip + size + 1).await?;
        let has_more = events.len() > skip + size;
        events.truncate(skip + size);
        events.drain(..skip.min(events.len()));
        if backwards {
            events.reverse();
        }
        Ok(EventPage { events, has_more, total })
    }

    /// One event by its id.
    pub async fn event(&self, scope: &Scope, id: &str) -> Result<Event> {
        self.events().event(scope, id).await?.ok_or_else(|| Error::not_found("event", id))
    }
}

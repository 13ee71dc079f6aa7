//! Requests that wait to be written. Bounded in events, so that overload is refused at the door instead of filling the memory.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::meter::LedgerEntry;
use domain::scope::Scope;
use domain::time::Timestamp;
use tokio::sync::oneshot;

use crate::embedded::body;
use crate::embedded::key::{IdHash, id_hash};
use crate::{Appended, EventStoreError, MeteredEvent};

/// What a waiting caller gets.
pub(in crate::embedded) type Answer = Result<Vec<Appended>, EventStoreError>;

/// One event, ready to be stored.
pub(super) struct Incoming {
    pub(super) hash: IdHash,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) customer: String,
    pub(super) timestamp: Timestamp,
    /// In the request's bodies.
    pub(super) body: Range<usize>,
    pub(super) entries: Vec<LedgerEntry>,
}

/// One call of `append`; without events, a readiness check that writes.
pub(in crate::embedded) struct Request {
    pub(super) scope: Scope,
    pub(super) events: Vec<Incoming>,
    pub(super) bodies: Vec<u8>,
    pub(super) answer: oneshot::Sender<Answer>,
}

impl Request {
    /// Encodes the events, on the caller's thread, so that the writer has less to do.
    pub(in crate::embedded) fn new(scope: Scope, events: Vec<MeteredEvent>) -> (Self, oneshot::Receiver<Answer>) {
        let (answer, receiver) = oneshot::channel();
        let mut bodies = Vec::with_capacity(events.len() * 256);
        let events = events
            .into_iter()
            .map(|MeteredEvent { event, entries }| {
                let start = bodies.len();
                body::encode(&event, &mut bodies);
                Incoming {
                    hash: id_hash(&event.id),
                    id: event.id,
                    name: event.name,
                    customer: event.external_customer_id,
                    timestamp: event.timestamp,
                    body: start..bodies.len(),
                    entries,
                }
            })
            .collect();
        (Self { scope, events, bodies, answer }, receiver)
    }
}

/// How much there is of something.
#[derive(Clone, Copy, Default)]
pub(in crate::embedded) struct Load {
    pub(in crate::embedded) events: usize,
    pub(in crate::embedded) bytes: usize,
}

impl Load {
    fn of(request: &Request) -> Self {
        Self { events: request.events.len(), bytes: request.bodies.len() }
    }

    fn plus(self, other: Self) -> Self {
        Self { events: self.events + other.events, bytes: self.bytes + other.bytes }
    }

    fn minus(self, other: Self) -> Self {
        Self { events: self.events - other.events, bytes: self.bytes - other.bytes }
    }

    /// A single request is never too much.
    fn has_room_for(self, other: Self, max: Self) -> bool {
        let both = self.plus(other);
        self.events == 0 || both.events <= max.events && both.bytes <= max.bytes
    }
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    load: Load,
    closed: bool,
}

/// The queue between callers and the writer.
pub(in crate::embedded) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    max: Load,
}

/// What the writer found in the queue.
pub(super) enum Taken {
    /// Requests, at least one.
    Group(Vec<Request>),
    /// Nothing within the time.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

impl Queue {
    pub(in crate::embedded) fn new(max: Load) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), max }
    }

    /// Queues a request unless too much is waiting already. A request larger than the bound is let in when nothing else waits.
    pub(in crate::embedded) fn push(&self, request: Request) -> Result<(), EventStoreError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(closed());
        }
        let load = Load::of(&request);
        if !waiting.load.has_room_for(load, self.max) {
            return Err(EventStoreError::Overloaded);
        }
        waiting.load = waiting.load.plus(load);
        metrics::gauge!("flexprice_event_store_queue_events").set(gauge(waiting.load.events));
        waiting.requests.push_back(request);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes what is waiting, up to a bound but at least one request. Blocks up to `patience` when nothing is.
    pub(super) fn take(&self, max: Load, patience: Duration) -> Taken {
        let idle = |waiting: &mut Waiting| waiting.requests.is_empty() && !waiting.closed;
        let (mut waiting, _) = self.arrived.wait_timeout_while(self.lock(), patience, idle).unwrap_or_else(PoisonError::into_inner);
        let mut group = Vec::new();
        let mut load = Load::default();
        while let Some(next) = waiting.requests.front()
            && load.has_room_for(Load::of(next), max)
        {
            load = load.plus(Load::of(next));
            group.extend(waiting.requests.pop_front());
        }
        waiting.load = waiting.load.minus(load);
        metrics::gauge!("flexprice_event_store_queue_events").set(gauge(waiting.load.events));
        match (group.is_empty(), waiting.closed) {
            (false, _) => Taken::Group(group),
            (true, false) => Taken::Nothing,
            (true, true) => Taken::Closed,
        }
    }

    /// Refuses what comes from now on; what waits is still written.
    pub(in crate::embedded) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What callers of a closed store get.
pub(in crate::embedded) fn closed() -> EventStoreError {
    EventStoreError::Unavailable("the event store is closed".to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of a bounded queue")]
fn gauge(events: usize) -> f64 {
    events as f64
}

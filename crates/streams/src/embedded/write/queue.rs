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
use crate::{Appended, EventStoreError, LateEntry, MeteredEvent};

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

/// An entry that an event may get.
pub(super) struct IncomingEntry {
    pub(super) hash: IdHash,
    pub(super) late: LateEntry,
}

/// What is to be done. The answer has one outcome per event or entry: whether it was new.
pub(super) enum Work {
    /// A readiness check that writes.
    Check,
    /// A call of `append`.
    Append { events: Vec<Incoming>, bodies: Vec<u8> },
    /// A call of `add_entries`.
    Late(Vec<IncomingEntry>),
}

/// One call.
pub(in crate::embedded) struct Request {
    pub(super) scope: Scope,
    pub(super) work: Work,
    pub(super) answer: oneshot::Sender<Answer>,
}

impl Request {
    fn new(scope: Scope, work: Work) -> (Self, oneshot::Receiver<Answer>) {
        let (answer, receiver) = oneshot::channel();
        (Self { scope, work, answer }, receiver)
    }

    /// Proves that the store writes.
    pub(in crate::embedded) fn check() -> (Self, oneshot::Receiver<Answer>) {
        Self::new(Scope { tenant_id: "".into(), environment_id: "".into() }, Work::Check)
    }

    /// Late entries.
    pub(in crate::embedded) fn late(scope: Scope, entries: Vec<LateEntry>) -> (Self, oneshot::Receiver<Answer>) {
        let entries = entries.into_iter().map(|late| IncomingEntry { hash: id_hash(&late.event_id), late }).collect();
        Self::new(scope, Work::Late(entries))
    }

    /// Encodes the events, on the caller's thread, so that the writer has less to do.
    pub(in crate::embedded) fn append(scope: Scope, events: Vec<MeteredEvent>) -> (Self, oneshot::Receiver<Answer>) {
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
        Self::new(scope, Work::Append { events, bodies })
    }
}

impl Work {
    /// Number of events or entries.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Check => 0,
            Self::Append { events, .. } => events.len(),
            Self::Late(entries) => entries.len(),
        }
    }

    /// Late entries look up what the store holds, so they are not in one group with what is about to be stored.
    pub(super) fn is_late(&self) -> bool {
        matches!(self, Self::Late(_))
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
        let bytes = match &request.work {
            Work::Append { bodies, .. } => bodies.len(),
            Work::Check => 0,
            Work::Late(entries) => {
                entries.iter().map(|IncomingEntry { late, .. }| late.event_id.len() + late.external_customer_id.len()).sum()
            }
        };
        Self { events: request.work.len(), bytes }
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
        let late = waiting.requests.front().is_some_and(|first| first.work.is_late());
        while let Some(next) = waiting.requests.front()
            && next.work.is_late() == late
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

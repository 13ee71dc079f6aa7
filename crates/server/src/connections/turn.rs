//! Whose turn a connection is, and which of them goes when there are too many.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// All open connections.
pub(super) struct Open {
    most: usize,
    /// Counts the moments at which a connection became its client's turn.
    moments: AtomicU64,
    entries: Mutex<BTreeMap<u64, Arc<Turn>>>,
    next: AtomicU64,
}

/// Whose turn one connection is.
#[derive(Default)]
pub(super) struct Turn {
    /// Whether a request has come at all.
    asked: AtomicBool,
    /// Requests that are the server's turn: one, or several over HTTP/2.
    working: AtomicUsize,
    /// The moment since which it is its client's turn.
    since: AtomicU64,
    /// Told when it has to make room.
    pub(super) make_room: Notify,
}

/// A place among the open connections, given back when dropped.
pub(super) struct Entry {
    open: Arc<Open>,
    number: u64,
    pub(super) turn: Arc<Turn>,
}

impl Open {
    pub(super) fn new(most: usize) -> Self {
        Self { most, moments: AtomicU64::new(1), entries: Mutex::default(), next: AtomicU64::new(0) }
    }

    /// A place, if need be that of the connection which has kept the server waiting longest; none when all are the server's turn.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Entry> {
        let mut entries = self.lock();
        if entries.len() >= self.most {
            let waiting = entries.iter().filter(|(_, turn)| !turn.is_servers());
            let longest = *waiting.min_by_key(|(_, turn)| turn.since()).map(|(number, _)| number)?;
            if let Some(turn) = entries.remove(&longest) {
                turn.make_room.notify_one();
                metrics::counter!("flexprice_http_connections_closed_for_room_total").increment(1);
            }
        }
        let turn = Arc::new(Turn { since: AtomicU64::new(self.moment()), ..Turn::default() });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        entries.insert(number, turn.clone());
        measure(entries.len());
        Some(Entry { open: self.clone(), number, turn })
    }

    fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Turn>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of some thousands")]
fn measure(open: usize) {
    metrics::gauge!("flexprice_http_connections").set(open as f64);
}

impl Turn {
    pub(super) fn is_servers(&self) -> bool {
        self.working.load(Ordering::Acquire) > 0
    }

    pub(super) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// The moment since which it is its client's turn; another one means that something happened in between.
    pub(super) fn since(&self) -> u64 {
        self.since.load(Ordering::Acquire)
    }
}

impl Entry {
    /// The head of a request has arrived.
    pub(super) fn asks(&self) -> Arc<Asked> {
        self.turn.asked.store(true, Ordering::Release);
        Arc::new(Asked { open: self.open.clone(), turn: self.turn.clone(), step: Mutex::new(Step::Arriving) })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut entries = self.open.lock();
        entries.remove(&self.number);
        measure(entries.len());
    }
}

/// One request on its way.
pub(super) struct Asked {
    open: Arc<Open>,
    turn: Arc<Turn>,
    step: Mutex<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Its body is not there yet.
    Arriving,
    /// The server works on it.
    Working,
    /// Its answer is made, or nobody wants it any more.
    Answered,
}

impl Asked {
    /// All of it is there, or as much as anybody wants.
    pub(super) fn has_arrived(&self) {
        let mut step = self.lock();
        if *step == Step::Arriving {
            *step = Step::Working;
            self.turn.working.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Its answer is made, or it was given up.
    pub(super) fn is_answered(&self) {
        let before = std::mem::replace(&mut *self.lock(), Step::Answered);
        // Before the turn goes over, so that nobody takes the connection for one that has waited long.
        self.turn.since.store(self.open.moment(), Ordering::Release);
        if before == Step::Working {
            self.turn.working.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Step> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_the_server_waiting_longest_makes_room() {
        let open = Arc::new(Open::new(3));
        let (first, second, third) = (open.enter().expect("room"), open.enter().expect("room"), open.enter().expect("room"));
        // The first is answered meanwhile, so the second has waited longest.
        let asked = first.asks();
        asked.has_arrived();
        assert!(first.turn.is_servers());
        asked.is_answered();
        let _fourth = open.enter().expect("room");
        assert_eq!(open.lock().keys().copied().collect::<Vec<_>>(), [first.number, third.number, 3]);
        drop(second);
        assert_eq!(open.lock().len(), 3, "its place was taken already");
    }

    #[test]
    fn what_the_server_works_on_makes_no_room() {
        let open = Arc::new(Open::new(1));
        let only = open.enter().expect("room");
        let asked = only.asks();
        asked.has_arrived();
        assert!(open.enter().is_none());
        // Twice, as when the answer is made and the request is dropped after.
        asked.is_answered();
        asked.is_answered();
        asked.has_arrived();
        assert!(!only.turn.is_servers());
        assert!(open.enter().is_some());
    }

    #[test]
    fn a_body_that_does_not_come_is_the_clients_turn() {
        let open = Arc::new(Open::new(1));
        let only = open.enter().expect("room");
        let asked = only.asks();
        assert!(only.turn.has_asked() && !only.turn.is_servers());
        asked.is_answered();
        assert!(!only.turn.is_servers());
    }
}

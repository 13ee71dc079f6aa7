//! How fresh the reader is known to be, and so which lists it may answer.
//!
//! A watch asks the writer how far its log is flushed, and then the reader whether it has replayed that far. Once it has, the reader shows
//! everything that was committed before the watch asked: that instant is the *shown* mark. The reader answers a list of a scope when
//! the mark lies behind the last commit of this process in that scope, and is no older than [`LAG_MAX`]. So a client that reads
//! through the process it wrote through sees its write, however far the reader lags; through another process it sees it after at most
//! [`LAG_MAX`]. Without a mark (no reader, a reader that is down or far behind) all lists go to the writer.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::scope::Scope;

use super::pool::Pool;
use crate::StoreError;

/// Oldest state that a list shows of what other processes wrote.
const LAG_MAX: Duration = Duration::from_secs(2);
/// Pause between two looks of the watch.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Scopes whose last commit is remembered, at some 150 bytes each. Those that the mark has passed are forgotten first; when that is
/// not enough, all scopes count as written to now.
const SCOPES_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Freshness {
    known: Mutex<Known>,
    reads: AtomicU64,
    passed_on: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    /// The reader shows everything that was committed before.
    shown: Option<Instant>,
    /// When this process last committed in a scope; absent when the mark has passed it.
    written: HashMap<Scope, Instant>,
    /// Every scope counts as written to at this instant.
    written_anywhere: Option<Instant>,
    /// Said once in the log, until it is back.
    lost: bool,
}

impl Freshness {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the reader shows what this process committed in a scope, and no state that is too old.
    pub(super) fn shows_writes_to(&self, scope: &Scope) -> bool {
        let known = self.known();
        let Some(shown) = known.shown.filter(|shown| shown.elapsed() <= LAG_MAX) else { return false };
        let written = known.written.get(scope).copied().max(known.written_anywhere);
        written.is_none_or(|written| written < shown)
    }

    /// Scopes in which a unit of work has just committed.
    pub(super) fn wrote_to(&self, scopes: HashSet<Scope>) {
        if scopes.is_empty() {
            return;
        }
        let mut known = self.known();
        let now = Instant::now();
        if known.written.len() + scopes.len() > SCOPES_MAX {
            known.forget_shown();
        }
        if known.written.len() + scopes.len() > SCOPES_MAX {
            known.written.clear();
            known.written_anywhere = Some(now);
            return;
        }
        known.written.extend(scopes.into_iter().map(|scope| (scope, now)));
    }

    /// The reader does not answer: lists go to the writer until it does.
    pub(super) fn lost(&self, cause: &str) {
        let mut known = self.known();
        known.shown = None;
        if !std::mem::replace(&mut known.lost, true) {
            tracing::warn!(cause, "the reader of the database does not answer: lists are read from the writer");
        }
    }

    fn shows(&self, before: Instant) {
        let mut known = self.known();
        known.shown = Some(before);
        if std::mem::take(&mut known.lost) {
            tracing::info!("the reader of the database answers again");
        }
        if known.written.len() > SCOPES_MAX / 2 {
            known.forget_shown();
        }
    }

    pub(super) fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_passed_on(&self) {
        self.passed_on.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(super) fn passed_on(&self) -> u64 {
        self.passed_on.load(Ordering::Relaxed)
    }
}

impl Known {
    fn forget_shown(&mut self) {
        if let Some(shown) = self.shown {
            self.written.retain(|_, written| *written >= shown);
        }
    }
}

/// Moves the mark on, for as long as the pools are open. A position the reader has not reached is asked for again, so that a reader with
/// a steady lag still gets a mark.
pub(super) async fn watch(freshness: std::sync::Arc<Freshness>, writer: Pool, reader: Pool) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut awaited: Option<(Instant, i64)> = None;
    while !writer.connections.is_closed() {
        looks.tick().await;
        let (asked, position) = match awaited {
            Some(awaited) => awaited,
            None => {
                let asked = Instant::now();
                // A writer that does not answer tells nothing of the reader: the mark grows old by itself.
                let Ok(position) = flushed(&writer).await else { continue };
                (asked, position)
            }
        };
        match replayed(&reader, position).await {
            Ok(true) => {
                freshness.shows(asked);
                awaited = None;
            }
            Ok(false) => awaited = Some((asked, position)),
            Err(error) => freshness.lost(&error.to_string()),
        }
    }
}

/// How far the writer's log is flushed, in bytes: beyond every commit that was answered.
async fn flushed(writer: &Pool) -> Result<i64, StoreError> {
    let sql = "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint";
    Ok(sqlx::query_scalar(sql).fetch_one(&writer.connections).await?)
}

/// Whether the reader has replayed the log so far. A reader that is no standby is the writer by another name.
async fn replayed(reader: &Pool, position: i64) -> Result<bool, StoreError> {
    let sql = "SELECT NOT pg_is_in_recovery() OR COALESCE((pg_last_wal_replay_lsn() - '0/0')::bigint >= $1, false)";
    Ok(sqlx::query_scalar(sql).bind(position).fetch_one(&reader.connections).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(number: usize) -> Scope {
        Scope { tenant_id: "tenant".into(), environment_id: format!("environment_{number}").as_str().into() }
    }

    fn write(freshness: &Freshness, number: usize) {
        freshness.wrote_to(HashSet::from([scope(number)]));
    }

    #[test]
    fn a_scope_is_shown_once_the_mark_has_passed_its_last_write() {
        let freshness = Freshness::default();
        assert!(!freshness.shows_writes_to(&scope(1)), "nothing is known yet");
        let before = Instant::now();
        write(&freshness, 1);
        freshness.shows(before);
        assert!(!freshness.shows_writes_to(&scope(1)));
        assert!(freshness.shows_writes_to(&scope(2)));
        freshness.shows(Instant::now());
        assert!(freshness.shows_writes_to(&scope(1)));
        write(&freshness, 1);
        assert!(!freshness.shows_writes_to(&scope(1)));
        freshness.lost("gone");
        assert!(!freshness.shows_writes_to(&scope(2)));
    }

    #[test]
    fn an_old_mark_shows_nothing() {
        let freshness = Freshness::default();
        let old = Instant::now().checked_sub(LAG_MAX + Duration::from_millis(1)).expect("the machine has run for two seconds");
        freshness.shows(old);
        assert!(!freshness.shows_writes_to(&scope(1)));
    }

    #[test]
    fn more_writes_than_are_remembered_make_the_reader_wait_and_never_lie() {
        let freshness = Freshness::default();
        freshness.shows(Instant::now());
        for number in 0..=SCOPES_MAX {
            write(&freshness, number);
            assert!(freshness.known().written.len() <= SCOPES_MAX);
        }
        for number in [0, 1, SCOPES_MAX, SCOPES_MAX + 1] {
            assert!(!freshness.shows_writes_to(&scope(number)), "{number}");
        }
        freshness.shows(Instant::now());
        assert!(freshness.shows_writes_to(&scope(0)));
        // What the mark has passed makes room.
        for number in 0..=SCOPES_MAX {
            freshness.shows(Instant::now());
            write(&freshness, number);
        }
        assert!(freshness.shows_writes_to(&scope(SCOPES_MAX + 1)), "no need to take all scopes for written to");
    }
}

//! The committing thread: writes one prepared group after the other and answers its callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use fjall::OwnedWriteBatch;
use tokio::sync::oneshot;

use super::queue::Answer;
use crate::embedded::damage::Damage;
use crate::embedded::engine::Engine;
use crate::{Appended, EventStoreError};

/// A prepared group with those who wait for it.
pub(super) struct Group {
    pub(super) number: u64,
    pub(super) engine: Arc<Engine>,
    pub(super) batch: OwnedWriteBatch,
    /// Entries for events that were stored before, instead of events.
    pub(super) late: bool,
    pub(super) answers: Vec<(oneshot::Sender<Answer>, Vec<Appended>)>,
}

enum Job {
    Commit(Group),
    /// Answered once all before it is done.
    Barrier(SyncSender<()>),
}

/// Handle of the committing thread.
pub(super) struct Committer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Number of the last committed group.
    committed: AtomicU64,
    /// After a failure everything is refused until the writer has reopened the store.
    failed: AtomicBool,
}

impl Committer {
    pub(super) fn start(damage: Arc<Damage>) -> std::io::Result<Self> {
        // No buffer: one group is committed while the next is prepared.
        let (jobs, received) = sync_channel(0);
        let state = Arc::new(State::default());
        let thread = std::thread::Builder::new().name("event-commit".to_owned()).spawn({
            let state = state.clone();
            move || run(&received, &state, &damage)
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), state })
    }

    /// Hands a group over; blocks while the one before is being committed.
    pub(super) fn commit(&self, group: Group) {
        self.send(Job::Commit(group));
    }

    /// Waits until nothing is being committed.
    pub(super) fn settle(&self) {
        let (done, wait) = sync_channel(1);
        self.send(Job::Barrier(done));
        // An error means that the thread is gone: nothing is being committed either.
        let _ = wait.recv();
    }

    /// Number of the last committed group.
    pub(super) fn committed(&self) -> u64 {
        self.state.committed.load(Ordering::Acquire)
    }

    /// Whether a commit has failed since the last `recovered`.
    pub(super) fn has_failed(&self) -> bool {
        self.state.failed.load(Ordering::Acquire) || self.is_gone()
    }

    /// Whether the thread has ended, which only a panic explains.
    pub(super) fn is_gone(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Commits again.
    pub(super) fn recovered(&self) {
        self.state.failed.store(false, Ordering::Release);
    }

    fn send(&self, job: Job) {
        // A job that cannot be sent is dropped; its callers see their answer's channel close.
        if self.jobs.as_ref().is_none_or(|jobs| jobs.send(job).is_err()) {
            tracing::error!("the committing thread of the event store is gone");
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committing thread of the event store panicked");
        }
    }
}

fn run(jobs: &Receiver<Job>, state: &State, damage: &Damage) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Commit(group) => commit(group, state, damage),
            // Nobody waits any more: fine.
            Job::Barrier(done) => drop(done.send(())),
        }
    }
}

fn commit(Group { number, engine, batch, late, answers }: Group, state: &State, damage: &Damage) {
    let started = Instant::now();
    let result = if state.failed.load(Ordering::Acquire) {
        Err(EventStoreError::Unavailable("a write before this one failed".to_owned()))
    } else {
        damage.look_at(engine.commit(batch))
    };
    drop(engine);
    match result {
        Ok(()) => {
            state.committed.store(number, Ordering::Release);
            metrics::histogram!("flexprice_event_store_commit_seconds").record(started.elapsed());
            measure(late, &answers);
            for (answer, outcomes) in answers {
                // A caller that has gone away needs no answer.
                let _ = answer.send(Ok(outcomes));
            }
        }
        Err(error) => {
            if !state.failed.swap(true, Ordering::AcqRel) {
                tracing::error!(%error, "the event store failed to write; it will be reopened");
            }
            refuse(answers.into_iter().map(|(answer, _)| answer), &error);
        }
    }
}

/// Gives the same refusal to several callers.
pub(super) fn refuse(answers: impl Iterator<Item = oneshot::Sender<Answer>>, error: &EventStoreError) {
    for answer in answers {
        let _ = answer.send(Err(error.clone()));
    }
}

fn measure(late: bool, answers: &[(oneshot::Sender<Answer>, Vec<Appended>)]) {
    let outcomes = || answers.iter().flat_map(|(_, outcomes)| outcomes);
    let all = outcomes().count();
    let new = outcomes().filter(|outcome| **outcome == Appended::New).count();
    if late {
        metrics::counter!("flexprice_event_store_late_entries_total").increment(new as u64);
        return;
    }
    metrics::counter!("flexprice_event_store_appended_total").increment(new as u64);
    metrics::counter!("flexprice_event_store_duplicate_total").increment((all - new) as u64);
    #[expect(clippy::cast_precision_loss, reason = "a histogram of bounded groups")]
    metrics::histogram!("flexprice_event_store_group_events").record(all as f64);
}

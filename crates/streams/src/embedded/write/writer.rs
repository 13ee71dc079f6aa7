//! The writing thread: takes groups from the queue, prepares them, and reopens the store after a failure.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::commit::{Committer, Group, refuse};
use super::prepare::{Prepared, Preparer, is_late};
use super::queue::{Load, Request, Taken};
use crate::EventStoreError;
use crate::embedded::disk;
use crate::embedded::engine::Engine;
use crate::embedded::options::EmbeddedOptions;
use crate::embedded::shared::Shared;

/// How long the writer waits for requests before it looks around.
const PATIENCE: Duration = Duration::from_secs(1);

/// The writing thread's belongings.
pub(in crate::embedded) struct Writer {
    dir: PathBuf,
    options: EmbeddedOptions,
    shared: Arc<Shared>,
    committer: Committer,
    state: State,
    next_group: u64,
}

enum State {
    Ready(Arc<Engine>, Box<Preparer>),
    /// Why nothing is written, and when reopening was last tried.
    Broken(String, Instant),
}

impl Writer {
    /// Prepares to write to an open engine.
    pub(in crate::embedded) fn new(
        dir: PathBuf,
        options: EmbeddedOptions,
        shared: Arc<Shared>,
        engine: Arc<Engine>,
    ) -> Result<Self, EventStoreError> {
        let state = match shared.damage.look_at(Preparer::open(&engine, &options)) {
            Ok(preparer) => State::Ready(engine, Box::new(preparer)),
            // What can be read still is.
            Err(EventStoreError::Damaged(reason)) => State::Broken(reason, Instant::now()),
            Err(error) => return Err(error),
        };
        let committer = start_committer(&shared)?;
        Ok(Self { dir, options, shared, committer, state, next_group: 1 })
    }

    /// Writes until the queue is closed and empty.
    pub(in crate::embedded) fn run(mut self) {
        let shared = self.shared.clone();
        let group_max = Load { events: self.options.group_events_max, bytes: self.options.group_bytes_max };
        loop {
            self.look_after_failures();
            let patience = if matches!(self.state, State::Ready(..)) { PATIENCE } else { self.options.reopen_pause };
            match shared.queue.take(group_max, patience) {
                Taken::Group(requests) => self.write(requests),
                Taken::Nothing => {}
                Taken::Closed => break,
            }
        }
        self.committer.settle();
        drop(self);
        shared.close();
    }

    fn write(&mut self, requests: Vec<Request>) {
        match self.prepare(&requests) {
            Ok((engine, Prepared { batch, outcomes })) => {
                let late = is_late(&requests);
                let answers = requests.into_iter().map(|request| request.answer).zip(outcomes).collect();
                let number = self.next_group;
                self.next_group += 1;
                self.committer.commit(Group { number, engine, batch, late, answers });
            }
            Err(error) => {
                tracing::warn!(%error, "events were refused");
                refuse(requests.into_iter().map(|request| request.answer), &error);
            }
        }
    }

    fn prepare(&mut self, requests: &[Request]) -> Result<(Arc<Engine>, Prepared), EventStoreError> {
        self.shared.damage.require_none()?;
        let (engine, preparer) = match &mut self.state {
            State::Ready(engine, preparer) => (engine, preparer),
            State::Broken(reason, _) => return Err(EventStoreError::Unavailable(reason.clone())),
        };
        disk::require_free(&self.dir, self.options.disk_reserve_bytes)?;
        if is_late(requests) {
            self.committer.settle();
        }
        preparer.committed(self.committer.committed());
        match self.shared.damage.look_at(preparer.prepare(engine, self.next_group, requests)) {
            Ok(prepared) => Ok((engine.clone(), prepared)),
            Err(error) => {
                // The memory may hold what was never written.
                self.state = State::Broken(error.to_string(), Instant::now());
                Err(error)
            }
        }
    }

    fn look_after_failures(&mut self) {
        if self.committer.has_failed() && matches!(self.state, State::Ready(..)) {
            self.committer.settle();
            self.state = State::Broken("the last write failed; the store will be reopened".to_owned(), Instant::now());
        }
        if let State::Broken(_, tried) = &self.state
            && tried.elapsed() >= self.options.reopen_pause
            // A damaged store stays open for who reads, and is left as it is for who repairs it.
            && self.shared.damage.require_none().is_ok()
        {
            match self.reopen() {
                Ok(state) => {
                    tracing::info!("the event store writes again");
                    self.committer.recovered();
                    // The engine's worker stops over what it cannot read, and does not say so.
                    self.shared.damage.verify_beside();
                    self.state = state;
                }
                Err(error) => {
                    tracing::warn!(%error, "the event store cannot be reopened yet");
                    self.state = State::Broken(error.to_string(), Instant::now());
                }
            }
        }
    }

    fn reopen(&mut self) -> Result<State, EventStoreError> {
        self.committer.settle();
        if self.committer.is_gone() {
            self.committer = start_committer(&self.shared)?;
        }
        // The old engine still answers reads, so it is kept until there is hope.
        disk::require_free(&self.dir, self.options.disk_reserve_bytes)?;
        disk::probe(&self.dir)?;
        let engine = self.shared.damage.look_at(self.shared.reopen(|| Engine::open(&self.dir, &self.options)))?;
        self.shared.damage.look_at(engine.require_all_commits())?;
        let preparer = self.shared.damage.look_at(Preparer::open(&engine, &self.options))?;
        Ok(State::Ready(engine, Box::new(preparer)))
    }
}

fn start_committer(shared: &Shared) -> Result<Committer, EventStoreError> {
    Committer::start(shared.damage.clone()).map_err(|error| EventStoreError::Unavailable(error.to_string()))
}

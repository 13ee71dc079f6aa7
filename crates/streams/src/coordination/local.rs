//! Coordination inside one process: what Redis is to many.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Coordination, CoordinationError, Lock, RateLimit};

/// Buckets and locks kept at most before those that ran out are swept.
const SWEEP_AT: usize = 10_000;

/// Coordination among the tasks of one process. It never fails.
#[derive(Default)]
pub struct LocalCoordination {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    generations: HashMap<String, u64>,
    /// When a bucket is full again; absent = full now.
    full_at: HashMap<String, Instant>,
    locks: HashMap<String, Held>,
    /// Numbers every lock and generation of the process, so that fences grow.
    last: u64,
}

struct Held {
    owner: u64,
    until: Instant,
}

impl State {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn sweep(&mut self, now: Instant) {
        if self.full_at.len() >= SWEEP_AT {
            self.full_at.retain(|_, at| *at > now);
        }
        if self.locks.len() >= SWEEP_AT {
            self.locks.retain(|_, held| held.until > now);
        }
    }

    /// The lock, while it is still its owner's.
    fn held(&mut self, lock: &Lock) -> Option<&mut Held> {
        let now = Instant::now();
        self.locks.get_mut(&lock.key).filter(|held| held.owner == lock.owner && held.until > now)
    }
}

impl LocalCoordination {
    /// Nothing locked, all buckets full.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Coordination for LocalCoordination {
    async fn generations(&self, keys: &[String]) -> Result<Vec<u64>, CoordinationError> {
        let state = self.state();
        Ok(keys.iter().map(|key| state.generations.get(key).copied().unwrap_or(0)).collect())
    }

    async fn advance(&self, keys: &[String]) -> Result<(), CoordinationError> {
        let mut state = self.state();
        for key in keys {
            let number = state.next();
            state.generations.insert(key.clone(), number);
        }
        Ok(())
    }

    async fn take(&self, key: &str, limit: RateLimit, cost: u32) -> Result<Option<Duration>, CoordinationError> {
        let refill = |tokens: u32| Duration::from_secs(1).saturating_mul(tokens) / limit.per_second.get();
        let now = Instant::now();
        let mut state = self.state();
        state.sweep(now);
        let full_at = state.full_at.get(key).copied().filter(|at| *at > now).unwrap_or(now);
        let needed = refill(cost.min(limit.burst.get()));
        // Tokens missing now, and those needed, must fit into the bucket.
        let over = (full_at - now + needed).saturating_sub(refill(limit.burst.get()));
        if !over.is_zero() {
            return Ok(Some(over));
        }
        state.full_at.insert(key.to_owned(), full_at + refill(cost));
        Ok(None)
    }

    async fn lock(&self, key: &str, ttl: Duration) -> Result<Option<Lock>, CoordinationError> {
        let now = Instant::now();
        let mut state = self.state();
        state.sweep(now);
        if state.locks.get(key).is_some_and(|held| held.until > now) {
            return Ok(None);
        }
        let fence = state.next();
        state.locks.insert(key.to_owned(), Held { owner: fence, until: now + ttl });
        Ok(Some(Lock { key: key.to_owned(), owner: fence, fence }))
    }

    async fn extend(&self, lock: &Lock, ttl: Duration) -> Result<bool, CoordinationError> {
        let mut state = self.state();
        let held = state.held(lock);
        Ok(held.map(|held| held.until = Instant::now() + ttl).is_some())
    }

    async fn release(&self, lock: &Lock) -> Result<bool, CoordinationError> {
        let mut state = self.state();
        let ours = state.held(lock).is_some();
        if ours {
            state.locks.remove(&lock.key);
        }
        Ok(ours)
    }

    async fn check(&self) -> Result<(), CoordinationError> {
        Ok(())
    }
}

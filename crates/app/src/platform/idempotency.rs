//! Requests under an idempotency key: one at a time, and a repetition gets the answer of the one that was carried out.
//!
//! Copies that arrive at once wait for each other twice. In one process each waits for its turn before it does anything, so that a crowd
//! of them holds no connection of the database. Between processes the database decides: the unit of work of the change holds the key's
//! lock until it commits together with the answer, or is gone. Whoever comes next finds the answer, or carries the request out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::scope::Scope;
use storage::idempotency::IdempotencyRecord;
use storage::{Source, UnitOfWork};
use tokio::sync::OwnedMutexGuard;

use crate::{App, Error, IdempotencyKey, Result};

/// Longest key, in characters.
const KEY_CHARS_MAX: usize = 255;
/// Between two looks at what another process does.
const PAUSE: Duration = Duration::from_millis(50);

/// Keys with a request under way in this process.
#[derive(Default)]
pub(crate) struct IdempotencyTurns(Mutex<HashMap<(Scope, String), Queue>>);

/// Whoever holds it has the turn.
type Queue = Arc<tokio::sync::Mutex<()>>;

/// The turn of a request: no other one with its key is carried out by this process until this is dropped.
pub struct IdempotencyTurn {
    /// Dropped before the place is given up.
    _turn: OwnedMutexGuard<()>,
    _place: Place,
}

/// A request that has its turn or waits for it.
struct Place {
    app: App,
    key: (Scope, String),
    queue: Queue,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut turns = self.app.shared.idempotency_turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and this one: nobody else has a place in the queue, and none gets one while the map is held.
        if Arc::strong_count(&self.queue) == 2 {
            turns.remove(&self.key);
        }
    }
}

impl App {
    /// Waits until no other request with this key is under way in this process.
    ///
    /// # Errors
    /// [`Error::IdempotencyInProgress`] when that takes too long.
    pub async fn idempotency_turn(&self, scope: &Scope, idempotency: &IdempotencyKey) -> Result<IdempotencyTurn> {
        let key = (scope.clone(), idempotency.key.clone());
        let queue = {
            let mut turns = self.shared.idempotency_turns.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(key.clone()).or_default())
        };
        let place = Place { app: self.clone(), key, queue };
        match tokio::time::timeout(self.shared.settings.idempotency_wait, Arc::clone(&place.queue).lock_owned()).await {
            Ok(turn) => Ok(IdempotencyTurn { _turn: turn, _place: place }),
            Err(_) => Err(Error::IdempotencyInProgress),
        }
    }

    /// The answer that was given under this key. The same key with another request is refused.
    pub async fn recall_answer(&self, scope: &Scope, idempotency: &IdempotencyKey) -> Result<Option<IdempotencyRecord>> {
        if idempotency.key.chars().count() > KEY_CHARS_MAX {
            return Err(Error::field("Idempotency-Key", format!("Idempotency-Key has at most {KEY_CHARS_MAX} characters")));
        }
        recall(&mut self.database(), scope, idempotency).await
    }

    /// Begins the change of a request with a key: when no process is changing anything under this key, and none has.
    ///
    /// # Errors
    /// [`Error::IdempotencyRace`] when another request was carried out meanwhile, and [`Error::IdempotencyInProgress`] when one is for long.
    pub(crate) async fn begin_keyed(&self, scope: &Scope, idempotency: &IdempotencyKey) -> Result<UnitOfWork> {
        let name = format!("idempotency/{}", idempotency.key);
        let begin = async {
            loop {
                let mut work = self.database().begin().await?;
                if work.try_lock(scope, &name).await? {
                    return match recall(&mut work, scope, idempotency).await? {
                        None => Ok(work),
                        Some(_) => Err(Error::IdempotencyRace),
                    };
                }
                // Whoever waits holds no connection.
                work.rollback().await?;
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(self.shared.settings.idempotency_wait, begin).await.unwrap_or(Err(Error::IdempotencyInProgress))
    }
}

async fn recall(source: &mut impl Source, scope: &Scope, idempotency: &IdempotencyKey) -> Result<Option<IdempotencyRecord>> {
    match storage::idempotency::recall(source, scope, &idempotency.key).await? {
        Some(record) if record.fingerprint != idempotency.fingerprint => {
            Err(Error::field("Idempotency-Key", "this Idempotency-Key was used for another request: use a new key for a new request"))
        }
        found => Ok(found),
    }
}

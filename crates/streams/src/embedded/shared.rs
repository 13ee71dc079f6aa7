//! What callers and the writing thread share: the queue and the open engine.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::damage::Damage;
use super::engine::Engine;
use super::write::Queue;
use crate::EventStoreError;

/// Between two looks whether readers have let go of an engine that is to be closed.
const RELEASE_PAUSE: Duration = Duration::from_millis(1);

/// The queue and the open engine.
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) damage: Arc<Damage>,
    engine: RwLock<Option<Arc<Engine>>>,
}

impl Shared {
    pub(super) fn new(queue: Queue, damage: Arc<Damage>, engine: Arc<Engine>) -> Self {
        Self { queue, damage, engine: RwLock::new(Some(engine)) }
    }

    /// The open engine, for one read. Blocks while the store is being reopened.
    pub(super) fn engine(&self) -> Result<Arc<Engine>, EventStoreError> {
        self.engine
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or_else(|| EventStoreError::Unavailable("the event store is not open".to_owned()))
    }

    /// Closes the engine and opens a new one; reads wait meanwhile. After an error none is open.
    pub(super) fn reopen(&self, open: impl FnOnce() -> Result<Engine, EventStoreError>) -> Result<Arc<Engine>, EventStoreError> {
        let mut current = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        release(current.take());
        let engine = Arc::new(open()?);
        *current = Some(engine.clone());
        Ok(engine)
    }

    /// Closes the engine once the reads under way are done.
    pub(super) fn close(&self) {
        release(self.engine.write().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Waits for the last reader, then drops the engine, which frees its lock on the directory.
fn release(engine: Option<Arc<Engine>>) {
    let Some(mut engine) = engine else { return };
    loop {
        match Arc::try_unwrap(engine) {
            Ok(engine) => return drop(engine),
            Err(shared) => engine = shared,
        }
        std::thread::sleep(RELEASE_PAUSE);
    }
}

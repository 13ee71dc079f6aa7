//! Damage: files that do not hold what was written. A damaged store takes nothing more, for what it would count then might stand on what
//! is wrong; it is read as far as it can be. It stays so, also after a restart, until an operator has acted (docs/recipes/repair-a-store.md).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::files::verify;
use crate::EventStoreError;

/// Its presence says that the store is damaged, its content how. Whoever finds damage makes it; `flexprice check` removes it.
const MARKER: &str = "DAMAGED";

/// What is known of the damage of one store.
pub(super) struct Damage {
    dir: PathBuf,
    known: OnceLock<String>,
    verifying: AtomicBool,
}

impl Damage {
    pub(super) fn of(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), known: OnceLock::new(), verifying: AtomicBool::new(false) }
    }

    /// Refuses when the store is damaged, as far as anybody has noticed: this process, one before it, or a check beside it.
    pub(super) fn require_none(&self) -> Result<(), EventStoreError> {
        match self.known.get().cloned().or_else(|| self.marked()) {
            None => Ok(()),
            Some(reason) => Err(EventStoreError::Damaged(reason)),
        }
    }

    fn marked(&self) -> Option<String> {
        marked(&self.dir).inspect(|reason| {
            // Who was first said the same.
            let _known = self.known.set(reason.clone());
        })
    }

    /// Keeps it in mind when an error tells of damage.
    pub(super) fn look_at<T>(&self, outcome: Result<T, EventStoreError>) -> Result<T, EventStoreError> {
        match outcome {
            // Nothing can be read of a directory that is gone: that is no damage of what was in it.
            Err(EventStoreError::Damaged(_)) if !self.dir.is_dir() => Err(gone(&self.dir)),
            Err(EventStoreError::Damaged(reason)) => {
                self.note(&reason);
                Err(EventStoreError::Damaged(reason))
            }
            other => other,
        }
    }

    fn note(&self, reason: &str) {
        if self.known.set(reason.to_owned()).is_err() {
            return;
        }
        tracing::error!(reason, dir = %self.dir.display(), "the event store is damaged: it takes nothing more until an operator has acted");
        if let Err(error) = mark(&self.dir, reason) {
            tracing::error!(%error, "the damage cannot be noted on disk: after a restart it will be found anew");
        }
    }

    /// Verifies all tables on a thread of its own, once at a time: after a failure whose cause the engine does not tell.
    pub(super) fn verify_beside(self: &std::sync::Arc<Self>) {
        if self.verifying.swap(true, Ordering::AcqRel) {
            return;
        }
        let damage = self.clone();
        let verifying = move || {
            match verify(&damage.dir, &mut |_, _| ()) {
                Ok(found) => found.damaged.first().iter().for_each(|reason| damage.note(reason)),
                Err(error) => tracing::warn!(%error, "the tables of the event store cannot be verified"),
            }
            damage.verifying.store(false, Ordering::Release);
        };
        if let Err(error) = std::thread::Builder::new().name("event-verify".to_owned()).spawn(verifying) {
            tracing::warn!(%error, "the tables of the event store cannot be verified");
            self.verifying.store(false, Ordering::Release);
        }
    }
}

/// What the marker says, when there is one.
pub(super) fn marked(dir: &Path) -> Option<String> {
    let said = std::fs::read_to_string(dir.join(MARKER)).ok()?;
    Some(if said.trim().is_empty() { "it was found damaged before".to_owned() } else { said.trim().to_owned() })
}

/// Makes the marker.
pub(super) fn mark(dir: &Path, reason: &str) -> std::io::Result<()> {
    let mut marker = std::fs::File::create(dir.join(MARKER))?;
    writeln!(marker, "{reason}")?;
    marker.sync_all()
}

/// Removes the marker.
pub(super) fn unmark(dir: &Path) -> std::io::Result<()> {
    std::fs::remove_file(dir.join(MARKER))
}

/// What is said of a directory that is no longer there.
pub(super) fn gone(dir: &Path) -> EventStoreError {
    EventStoreError::Unavailable(format!(
        "its directory {} is gone: stop the server, bring the directory back (mount its disk, or restore a backup), and start again",
        dir.display()
    ))
}

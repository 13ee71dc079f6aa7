//! Whether the database's file is still what it was: there, the same, and not damaged. SQLite goes on writing into a file that was removed,
//! and into one whose other parts are broken; both would lose what was acknowledged.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::StoreError;

/// What is known of one file.
#[derive(Debug)]
pub(crate) struct Soundness {
    file: PathBuf,
    /// Device and number of the file that was opened.
    identity: (u64, u64),
    damage: OnceLock<String>,
}

impl Soundness {
    /// Of a file that was opened just now.
    pub(crate) fn of(file: &Path) -> io::Result<Self> {
        Ok(Self { file: file.to_owned(), identity: identity(file)?, damage: OnceLock::new() })
    }

    /// Refuses to write into what is not sound.
    pub(crate) fn require(&self) -> Result<(), StoreError> {
        if let Some(reason) = self.damage.get() {
            return Err(StoreError::Damaged(reason.clone()));
        }
        let what = match identity(&self.file) {
            Ok(found) if found == self.identity => return Ok(()),
            Ok(_) => "was replaced by another file",
            Err(_) => "is gone",
        };
        Err(StoreError::Unavailable(format!(
            "its file {} {what}: stop the server, bring the file back (mount its disk, or restore a backup), and start again",
            self.file.display()
        )))
    }

    /// Keeps it in mind when an error tells of damage.
    pub(crate) fn look_at<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Damaged(reason)) = &outcome
            && self.damage.set(reason.clone()).is_ok()
        {
            tracing::error!(reason, file = %self.file.display(), "the database is damaged: it takes no changes until an operator has acted");
        }
        outcome
    }
}

fn identity(file: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(file).map(|metadata| (metadata.dev(), metadata.ino()))
}

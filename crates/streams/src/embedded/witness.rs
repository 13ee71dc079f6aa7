//! How many commits were acknowledged, said beside the engine. The engine takes damage in the middle of its journal for the torn end of a
//! crash: it cuts off all that follows and says nothing. Each commit carries its number, and a file of its own holds the last one that was
//! durable: a store that comes up with less has lost what was acknowledged.
//!
//! The file is written after the journal was synced and is not synced itself: after a loss of power it may lag, and never leads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::EventStoreError;

const NAME: &str = "COMMITTED";
/// The number, and all its bits turned.
const BYTES: usize = 16;

/// The file of an open store.
pub(super) struct Witness(File);

impl Witness {
    /// Opens or makes the file in a directory.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        File::options().read(true).write(true).create(true).truncate(false).open(dir.join(NAME)).map(Self)
    }

    /// Says that this commit, and all before it, are durable.
    pub(super) fn note(&self, commit: u64) -> io::Result<()> {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&commit.to_be_bytes());
        bytes[8..].copy_from_slice(&(!commit).to_be_bytes());
        self.0.write_all_at(&bytes, 0)
    }

    /// The last commit that was durable, as far as it is known: 0 where the file says nothing.
    pub(super) fn noted(&self) -> u64 {
        let mut bytes = [0; BYTES];
        if self.0.read_exact_at(&mut bytes, 0).is_err() {
            return 0;
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let (commit, turned) = (number(&bytes[..8]), number(&bytes[8..]));
        if commit == !turned { commit } else { 0 }
    }

    /// Refuses a store whose last commit is `found` when later ones were durable. It says so once: what is lost is lost, and whoever repairs
    /// the store has been told.
    pub(super) fn require(&self, found: u64) -> Result<(), EventStoreError> {
        let noted = self.noted();
        if found >= noted {
            return Ok(());
        }
        let lost = noted - found;
        if let Err(error) = self.note(found) {
            tracing::warn!(%error, "the note of commits cannot be written");
        }
        Err(EventStoreError::Damaged(format!(
            "the end of its journal is lost: the last {lost} writes that were acknowledged are not on disk any more"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_was_noted_is_damage_and_more_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let witness = Witness::open(dir.path()).unwrap();
        witness.require(0).unwrap();
        witness.note(u64::from(u32::MAX) + 7).unwrap();
        let witness = Witness::open(dir.path()).unwrap();
        witness.require(u64::from(u32::MAX) + 8).unwrap();
        let lost = witness.require(u64::from(u32::MAX) + 4).unwrap_err();
        assert!(matches!(&lost, EventStoreError::Damaged(reason) if reason.contains("last 3 writes")), "{lost}");
        witness.require(u64::from(u32::MAX) + 4).unwrap();
    }

    #[test]
    fn a_file_that_is_torn_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        Witness::open(dir.path()).unwrap().note(99).unwrap();
        std::fs::write(dir.path().join(NAME), [1; 16]).unwrap();
        Witness::open(dir.path()).unwrap().require(0).unwrap();
    }
}

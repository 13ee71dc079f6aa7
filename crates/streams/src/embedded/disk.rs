//! Free space and health of the disk below the store.

use std::io::{self, Write};
use std::path::Path;

use super::damage::gone;
use crate::EventStoreError;

/// Bytes a probe writes: more than a file system hides in an inode or a half-filled block.
const PROBE_BYTES: usize = 1 << 20;

/// Refuses when the directory is gone, or less than `bytes` are free.
pub(super) fn require_free(dir: &Path, bytes: u64) -> Result<(), EventStoreError> {
    if !dir.is_dir() {
        return Err(gone(dir));
    }
    if bytes == 0 {
        return Ok(());
    }
    let stat = rustix::fs::statvfs(dir).map_err(|error| io_error(&error.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < bytes {
        return Err(EventStoreError::Unavailable(format!("the disk is nearly full: {free} bytes are free, {bytes} are kept in reserve")));
    }
    Ok(())
}

/// Proves that the disk takes and keeps bytes.
pub(super) fn probe(dir: &Path) -> Result<(), EventStoreError> {
    let path = dir.join("probe");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&path)?;
        file.write_all(&vec![1; PROBE_BYTES])?;
        file.sync_all()
    };
    let written = write();
    let removed = std::fs::remove_file(&path);
    written.and(removed).map_err(|error| io_error(&error))
}

/// What an error of the system means: a file that is gone was not removed by this program.
pub(super) fn io_error(error: &io::Error) -> EventStoreError {
    match error.kind() {
        io::ErrorKind::NotFound => EventStoreError::Damaged(format!("a file is gone ({error})")),
        io::ErrorKind::UnexpectedEof => EventStoreError::Damaged(format!("a file is shorter than it was ({error})")),
        io::ErrorKind::ReadOnlyFilesystem => {
            EventStoreError::Unavailable("its disk is mounted read-only: find out why (`dmesg`), and mount it for writing".to_owned())
        }
        _ => EventStoreError::Unavailable(format!("the disk does not do as asked: {error}")),
    }
}

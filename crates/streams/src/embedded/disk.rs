//! Free space and health of the disk below the store.

use std::io::Write;
use std::path::Path;

use crate::EventStoreError;

/// Bytes a probe writes: more than a file system hides in an inode or a half-filled block.
const PROBE_BYTES: usize = 1 << 20;

/// Refuses when less than `bytes` are free.
pub(super) fn require_free(dir: &Path, bytes: u64) -> Result<(), EventStoreError> {
    if bytes == 0 {
        return Ok(());
    }
    let stat =
        rustix::fs::statvfs(dir).map_err(|error| EventStoreError::Unavailable(format!("the free disk space is unknown: {error}")))?;
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
    written.and(removed).map_err(|error| EventStoreError::Unavailable(format!("the disk does not take writes: {error}")))
}

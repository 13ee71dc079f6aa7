//! Files that only their owner reads: events, customers, invoices and hashes of keys are nobody else's on a machine that several use.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

/// Rights of the group and of others.
const OTHERS: u32 = 0o077;
/// Most entries that are looked at: the first loose one says enough.
const ENTRIES_MAX: usize = 100_000;

/// From now on this process makes directories with 0700 and files with 0600, also those of the engines below.
pub fn make_private() {
    rustix::process::umask(Mode::from_raw_mode(OTHERS));
}

/// The first thing in a directory, itself included, that others than its owner may read or write, in words and with what to do.
#[must_use]
pub fn looser(dir: &Path) -> Option<String> {
    let (path, mode) = first_loose(dir)?;
    Some(format!(
        "{} has mode {mode:04o}, so that others on this machine get at its data: run `chmod -R go= {}`",
        path.display(),
        dir.display()
    ))
}

fn first_loose(dir: &Path) -> Option<(PathBuf, u32)> {
    let mut waiting = vec![dir.to_owned()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        seen += 1;
        // What is gone by now, or cannot be looked at, is for others to report.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let mode = metadata.permissions().mode() & 0o7777;
        // A link has no rights of its own.
        if !metadata.is_symlink() && mode & OTHERS != 0 {
            return Some((path, mode));
        }
        if metadata.is_dir() && seen < ENTRIES_MAX {
            waiting.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
    }

    #[test]
    fn what_others_may_read_is_found_at_any_depth() {
        let dir = tempfile::tempdir().expect("a directory");
        let (below, file) = (dir.path().join("events"), dir.path().join("events/journal"));
        fs::create_dir(&below).expect("made");
        fs::write(&file, "x").expect("written");
        for (path, mode) in [(dir.path(), 0o700), (&below, 0o700), (&file, 0o600)] {
            chmod(path, mode);
        }
        assert_eq!(looser(dir.path()), None);
        for (path, loose, tight) in [(file.as_path(), 0o640, 0o600), (&below, 0o711, 0o700), (dir.path(), 0o750, 0o700)] {
            chmod(path, loose);
            let said = looser(dir.path()).expect("it is loose");
            assert!(said.starts_with(&format!("{} has mode {loose:04o}", path.display())), "{said}");
            chmod(path, tight);
        }
        assert_eq!(looser(&dir.path().join("not yet")), None);
    }
}

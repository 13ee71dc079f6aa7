//! A small disk: a file system in memory that can be filled to the last byte. Needs the rights of root.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Written at a time while the disk is being filled.
const FILLING: usize = 64 << 10;

/// A mounted file system, unmounted in the end.
pub(crate) struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    pub(crate) fn mount(mebibytes: u32) -> Self {
        let dir = TempDir::new().expect("a directory");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]).arg(dir.path());
        let ran = command.output().expect("this test needs the program `mount`");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "this test mounts a small file system and must run as root (CAP_SYS_ADMIN): {}", said.trim());
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes all space that is left.
    pub(super) fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).expect("a file");
        let mut size = FILLING;
        while size > 0 {
            if filler.write_all(&vec![1; size]).is_err() {
                size /= 2;
            }
        }
    }

    /// Takes all space but this much.
    pub(super) fn fill_but(&self, bytes: u64) {
        self.fill();
        let filler = File::options().write(true).open(self.filler()).expect("a file");
        let size = filler.metadata().expect("a size").len();
        filler.set_len(size.checked_sub(bytes).expect("the disk has that much")).expect("can be cut");
    }

    /// Gives the space back.
    pub(super) fn free(&self) {
        std::fs::remove_file(self.filler()).expect("can be removed");
    }

    fn filler(&self) -> PathBuf {
        self.dir.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.dir.path()).status();
        assert!(std::thread::panicking() || unmounted.is_ok_and(|status| status.success()), "the file system cannot be unmounted");
    }
}

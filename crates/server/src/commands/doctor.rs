//! `flexprice doctor`: would the server start here? Looks, changes nothing that lasts, and says what to do.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::Options;
use crate::config::{Config, check, load};
use crate::exit::Failure;
use crate::finding::{self, Check, Finding};
use crate::{output, private_files, serve, wiring};

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let loaded = match load(&options.inputs()) {
        Ok(loaded) => loaded,
        Err(problems) => return say(&[("configuration", Finding::Bad(problems.to_string()))]),
    };
    let mut checks = vec![match check(&loaded) {
        Ok(()) => ("configuration", Finding::Good(loaded.file.as_ref().map_or("no file".into(), |path| path.display().to_string()))),
        Err(problems) => ("configuration", Finding::Bad(problems.to_string())),
    }];
    checks.extend(loaded.warnings.iter().map(|warning| ("configuration", Finding::Warning(warning.clone()))));
    let config = &loaded.config;
    checks.push(("data directory", writable(&config.data.dir)));
    checks.extend(private_files::looser(&config.data.dir).map(|loose| ("data directory", Finding::Warning(loose))));
    checks.push(("free disk", free_disk(config)));
    let runtime = super::runtime()?;
    checks.push(("listen address", runtime.block_on(port(config))));
    checks.extend(runtime.block_on(wiring::inspect(config)));
    say(&checks)
}

fn say(checks: &[Check]) -> Result<(), Failure> {
    let (mut text, bad) = (finding::lines(checks), finding::bad(checks));
    text.push_str(&if bad == 0 { "The server can start.\n".to_owned() } else { format!("The server cannot start: {bad} failed.\n") });
    output::write(&text)?;
    if bad == 0 { Ok(()) } else { Err(Failure::Unhealthy) }
}

/// The directory itself, or the closest one above it that exists: the server makes the rest.
fn nearest(dir: &Path) -> PathBuf {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    absolute.ancestors().find(|path| path.exists()).map_or(absolute.clone(), Path::to_owned)
}

/// Permissions are not trusted: a file is written, forced to disk and removed.
fn writable(dir: &Path) -> Finding {
    let at = nearest(dir);
    if !at.is_dir() {
        return Finding::Bad(format!("{} is not a directory; set FLEXPRICE_DATA_DIR", at.display()));
    }
    let probe = at.join(format!(".flexprice-doctor-{}", std::process::id()));
    let written = fs::File::create_new(&probe).and_then(|mut file| file.write_all(b"probe").and_then(|()| file.sync_all()));
    let removed = written.and_then(|()| fs::remove_file(&probe));
    match removed {
        Ok(()) if dir.exists() => Finding::Good(format!("{} is writable", dir.display())),
        Ok(()) => Finding::Good(format!("{} will be created", dir.display())),
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            Finding::Bad(format!("the disk of {} is mounted read-only: find out why (`dmesg`), and mount it for writing", at.display()))
        }
        Err(error) => Finding::Bad(format!("cannot write in {}: {error}; set FLEXPRICE_DATA_DIR or its permissions", at.display())),
    }
}

fn free_disk(config: &Config) -> Finding {
    match rustix::fs::statvfs(nearest(&config.data.dir)) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let (said, least) = (mib(free), config.data.min_free_bytes);
            if free < config.data.reserve_bytes {
                Finding::Bad(format!(
                    "{said} free, less than data.reserve_bytes ({}): events would be refused",
                    mib(config.data.reserve_bytes)
                ))
            } else if free < least {
                Finding::Warning(format!("{said} free, less than data.min_free_bytes ({})", mib(least)))
            } else {
                Finding::Good(format!("{said} free"))
            }
        }
        Err(error) => Finding::Warning(format!("cannot be told: {error}")),
    }
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes / (1024 * 1024))
}

async fn port(config: &Config) -> Finding {
    match serve::bind(&config.server.address).await {
        Ok(_) => Finding::Good(format!("{} is free", config.server.address)),
        Err(error) => Finding::Bad(format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_to_be_made_is_checked_where_it_will_be() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(matches!(writable(&dir.path().join("a/b")), Finding::Good(said) if said.ends_with("will be created")));
        assert!(matches!(writable(dir.path()), Finding::Good(said) if said.ends_with("is writable")));
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0, "the probe is removed");
    }

    #[test]
    fn a_file_in_its_place_is_bad() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(matches!(writable(file.path()), Finding::Bad(_)));
        assert!(matches!(writable(&file.path().join("below")), Finding::Bad(_)));
    }
}

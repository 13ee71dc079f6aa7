//! The stores inside this process: SQLite and the embedded event store, in the data directory.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rustix::fs::StatVfsMountFlags;
use storage::{Database, DatabaseOptions};
use streams::{EmbeddedEventStore, EmbeddedOptions};

use crate::config::Config;

pub(super) fn database_file(config: &Config) -> PathBuf {
    config.data.dir.join("flexprice.db")
}

pub(super) fn events_dir(config: &Config) -> PathBuf {
    config.data.dir.join("events")
}

pub(super) async fn open_database(config: &Config) -> anyhow::Result<Database> {
    let dir = &config.data.dir;
    require_both(config)?;
    // Before the database, so that a database without events was not left by an early end of the first start.
    let first = if holds_both(config) { events_dir(config) } else { dir.clone() };
    require_writable(dir)?;
    std::fs::create_dir_all(first).with_context(|| format!("cannot create the data directory {}", dir.display()))?;
    let file = database_file(config);
    let opened = Database::open(&file, &database_options(config)).await;
    opened.with_context(|| format!("the database {} does not open", file.display()))
}

pub(super) fn database_options(config: &Config) -> DatabaseOptions {
    DatabaseOptions { lock_timeout: config.data.lock_timeout, ..DatabaseOptions::default() }
}

/// Refuses a disk that is mounted read-only, in words that the engines do not have.
fn require_writable(dir: &Path) -> anyhow::Result<()> {
    let mounted = rustix::fs::statvfs(dir).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY));
    ensure!(!mounted, "the disk of {} is mounted read-only: find out why (`dmesg`), and mount it for writing", dir.display());
    Ok(())
}

/// Whether both stores are embedded.
fn holds_both(config: &Config) -> bool {
    config.postgres.host.is_empty() && config.clickhouse.address.is_empty()
}

/// Refuses half an installation: made anew, the other half would be empty, and the next invoices wrong without a word.
pub(super) fn require_both(config: &Config) -> anyhow::Result<()> {
    if !holds_both(config) {
        return Ok(());
    }
    let (file, dir) = (database_file(config), events_dir(config));
    let has_events = std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(
        file.exists() || !has_events,
        "the database {} is gone, and the events of {} are there: restore it from a backup",
        file.display(),
        dir.display()
    );
    ensure!(
        dir.exists() || !file.exists(),
        "the event store {} is gone, and the database {} is there: restore it from a backup",
        dir.display(),
        file.display()
    );
    Ok(())
}

pub(super) fn open_events(config: &Config) -> anyhow::Result<EmbeddedEventStore> {
    let options = EmbeddedOptions {
        queue_events_max: config.event.queue_max_events,
        group_events_max: config.event.commit_max_events,
        disk_reserve_bytes: config.data.reserve_bytes,
        ..EmbeddedOptions::default()
    };
    let dir = events_dir(config);
    EmbeddedEventStore::open(&dir, options).with_context(|| format!("the event store {} does not open", dir.display()))
}

//! The stores inside this process: SQLite and the embedded event store, in the data directory.

use std::path::PathBuf;

use anyhow::Context;
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
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create the data directory {}", dir.display()))?;
    let file = database_file(config);
    let options = DatabaseOptions { lock_timeout: config.data.lock_timeout, ..DatabaseOptions::default() };
    let opened = Database::open(&file, &options).await;
    opened.with_context(|| format!("the database {} does not open", file.display()))
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

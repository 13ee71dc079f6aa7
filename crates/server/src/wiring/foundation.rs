//! The stores that the configuration selects: opened, migrated, inspected.

use std::sync::Arc;

use anyhow::Context;
use app::Foundation;
use storage::{Database, Depth, StoreError};

#[cfg(feature = "cluster")]
use super::cluster;
use super::embedded::{self, database_file, events_dir};
use crate::config::Config;
use crate::finding::{Check, Finding};
use crate::gate::Gate;

/// Opens the stores and brings their schema up to date.
pub(super) async fn open(config: &Config, gate: &Gate) -> anyhow::Result<Foundation> {
    let database = open_database(config, gate).await?;
    database.migrate().await.context("the database cannot be migrated")?;
    #[cfg(feature = "cluster")]
    if let Some(foundation) = cluster::foundation(config, &database, gate).await? {
        return Ok(foundation);
    }
    // In a build without it, every gate is open at once.
    #[cfg(not(feature = "cluster"))]
    let _ = gate;
    Ok(Foundation::embedded(database, Arc::new(embedded::open_events(config)?)))
}

async fn open_database(config: &Config, gate: &Gate) -> anyhow::Result<Database> {
    #[cfg(feature = "cluster")]
    if !config.postgres.host.is_empty() {
        return cluster::open_database(config, gate).await;
    }
    let _ = gate;
    embedded::open_database(config).await
}

/// Brings the schemas up to date; says in a line each what was done.
///
/// # Errors
/// When a store does not open or a migration fails.
pub async fn migrate(config: &Config) -> anyhow::Result<String> {
    let gate = Gate::default();
    let database = open_database(config, &gate).await?;
    let ran = database.migrate().await.context("the database cannot be migrated")?;
    database.close().await;
    let name = database_name(config);
    #[cfg_attr(not(feature = "cluster"), expect(unused_mut, reason = "a cluster adds lines"))]
    let mut said = format!("{name}: {ran} migrations ran, the schema is current");
    #[cfg(feature = "cluster")]
    if !config.clickhouse.address.is_empty() {
        cluster::migrate_events(config, &gate).await?;
        said.push_str(&format!("\nClickHouse at {}: the schema is current", config.clickhouse.address));
    }
    Ok(said)
}

fn database_name(config: &Config) -> String {
    if config.postgres.host.is_empty() {
        database_file(config).display().to_string()
    } else {
        format!("PostgreSQL at {}:{}/{}", config.postgres.host, config.postgres.port, config.postgres.dbname)
    }
}

/// What `doctor` finds about the stores: they open, and the schema is current. Creates nothing.
pub async fn inspect(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let fresh = |what: &str| Finding::Good(format!("no {what} yet: the first start makes it"));
    if let Err(error) = embedded::require_both(config) {
        return vec![("data directory", Finding::Bad(error.to_string()))];
    }
    if config.postgres.host.is_empty() {
        let database = if database_file(config).exists() { inspect_database(config).await } else { fresh("database") };
        checks.push(("database", database));
    }
    if config.clickhouse.address.is_empty() {
        let events = if events_dir(config).exists() { inspect_events(config).await } else { fresh("event store") };
        checks.push(("event store", events));
    }
    #[cfg(feature = "cluster")]
    checks.extend(cluster::inspect(config).await);
    checks
}

async fn inspect_events(config: &Config) -> Finding {
    match embedded::open_events(config) {
        Ok(store) => {
            let answer = streams::EventStore::check(&store).await;
            streams::EventStore::close(&store).await;
            match answer {
                Ok(()) => Finding::Good(events_dir(config).display().to_string()),
                Err(error) => Finding::Bad(error.to_string()),
            }
        }
        Err(error) => Finding::Bad(format!("{error:#}: is a server running on this data directory?")),
    }
}

async fn inspect_database(config: &Config) -> Finding {
    let look = async {
        let wrong = Database::verify(&database_file(config), &embedded::database_options(config), Depth::Structure).await?;
        anyhow::ensure!(wrong.is_empty(), "{}", StoreError::Damaged(wrong.join("; ")));
        let database = embedded::open_database(config).await?;
        let pending = database.pending_migrations().await;
        database.close().await;
        Ok(pending?)
    };
    match look.await {
        Ok(0) => Finding::Good(database_file(config).display().to_string()),
        Ok(pending) => Finding::Warning(format!("{pending} migrations are pending: the next start, or `flexprice migrate`, runs them")),
        Err(error) => Finding::Bad(format!("{error:#}")),
    }
}

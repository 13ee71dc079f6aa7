//! The one place that joins this shell to the stores, the use cases and the API.
//!
//! Everything here is called by a file of [`crate::commands`]; nothing else in this crate knows the other crates.

#[cfg(feature = "cluster")]
mod wait;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use api::ApiSettings;
use app::platform::ConfiguredKey;
use app::{App, Foundation, Settings, UlidIds};
use axum::Router;
use axum::http::HeaderName;
use domain::time::Timestamp;
use storage::{Database, DatabaseOptions};
use streams::{EmbeddedEventStore, EmbeddedOptions};
use workflows::{Runner, RunnerOptions};

use crate::commands::doctor::{Check, Finding};
use crate::config::Config;
use crate::gate::Gate;
use crate::metrics::Metrics;

/// Work to do after the last request: flush and close the stores.
pub type Close = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// What [`crate::serve::serve`] runs.
pub struct Service {
    /// All routes.
    pub router: Router,
    /// Runs once, after the requests in flight are done.
    pub close: Close,
}

/// Opens the stores, brings their schema up to date, starts the runner of due work and builds the router.
///
/// # Errors
/// When a store does not open.
pub async fn open(config: &Config, metrics: Metrics, _gate: &Gate) -> anyhow::Result<Service> {
    let database = open_database(config).await?;
    database.migrate().await.context("the database cannot be migrated")?;
    let events = Arc::new(open_events(config)?);
    let app = App::start(Foundation::embedded(database, events), system_now, Box::new(UlidIds::default()), settings(config))
        .await
        .context("the stores do not answer")?;
    let days = i64::try_from(config.idempotency.retention.as_secs() / 86_400).unwrap_or(i64::MAX);
    let runner = Runner::start(app.clone(), RunnerOptions { answers_kept_days: days.max(1), ..RunnerOptions::default() });
    let router = api::router(app.clone(), api_settings(config, metrics)?);
    let close = Box::pin(async move {
        runner.stop().await;
        app.close().await;
        Ok(())
    });
    Ok(Service { router, close })
}

fn database_file(config: &Config) -> PathBuf {
    config.data.dir.join("flexprice.db")
}

fn events_dir(config: &Config) -> PathBuf {
    config.data.dir.join("events")
}

async fn open_database(config: &Config) -> anyhow::Result<Database> {
    let dir = &config.data.dir;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create the data directory {}", dir.display()))?;
    let file = database_file(config);
    let options = DatabaseOptions { lock_timeout: config.data.lock_timeout, ..DatabaseOptions::default() };
    let opened = Database::open(&file, &options).await;
    opened.with_context(|| format!("the database {} does not open", file.display()))
}

fn open_events(config: &Config) -> anyhow::Result<EmbeddedEventStore> {
    let options = EmbeddedOptions {
        queue_events_max: config.event.queue_max_events,
        group_events_max: config.event.commit_max_events,
        disk_reserve_bytes: config.data.reserve_bytes,
        ..EmbeddedOptions::default()
    };
    let dir = events_dir(config);
    EmbeddedEventStore::open(&dir, options).with_context(|| format!("the event store {} does not open", dir.display()))
}

fn settings(config: &Config) -> Settings {
    let active = config.auth.api_key.keys.0.iter().filter(|(_, key)| key.is_active);
    let configured_keys = active
        .map(|(hash, key)| {
            let owner = ConfiguredKey { tenant_id: key.tenant_id.as_str().into(), user_id: key.user_id.as_str().into() };
            (hash.to_lowercase(), owner)
        })
        .collect();
    Settings { configured_keys, ..Settings::default() }
}

fn api_settings(config: &Config, metrics: Metrics) -> anyhow::Result<ApiSettings> {
    let header = &config.auth.api_key.header;
    let timeout = config.server.request_timeout;
    Ok(ApiSettings {
        api_key_header: HeaderName::try_from(header.as_str())
            .with_context(|| format!("auth.api_key.header `{header}` is no header name"))?,
        body_bytes_max: config.server.max_body_bytes,
        in_flight_max: config.server.max_in_flight_requests,
        request_timeout: if timeout.is_zero() { Duration::from_secs(u64::from(u32::MAX)) } else { timeout },
        render_metrics: Arc::new(move || metrics.render()),
    })
}

/// The system's clock, cut to microseconds: the one place where the wall clock is read.
#[expect(clippy::disallowed_methods, reason = "everything else asks the injected Clock, which asks this")]
fn system_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// Brings the schema up to date; says in one line what was done.
///
/// # Errors
/// When the database does not open or a migration fails.
pub async fn migrate(config: &Config) -> anyhow::Result<String> {
    let database = open_database(config).await?;
    let ran = database.migrate().await.context("the database cannot be migrated")?;
    database.close().await;
    let file = database_file(config);
    Ok(format!("{}: {ran} migrations ran, the schema is current", file.display()))
}

/// The API description.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn openapi_json() -> anyhow::Result<String> {
    Ok(api::document().to_pretty_json()?)
}

/// The page docs/coverage.md: which operations of the published API work.
#[must_use]
pub fn coverage_page() -> String {
    api::coverage_page()
}

/// What `doctor` finds about the stores: they open, and the schema is current. Creates nothing.
pub async fn inspect(config: &Config) -> Vec<Check> {
    let fresh = |what: &str| Finding::Good(format!("no {what} yet: the first start makes it"));
    let database = if database_file(config).exists() { inspect_database(config).await } else { fresh("database") };
    let events = if !events_dir(config).exists() {
        fresh("event store")
    } else {
        match open_events(config) {
            Ok(store) => {
                streams::EventStore::close(&store).await;
                Finding::Good(events_dir(config).display().to_string())
            }
            Err(error) => Finding::Bad(format!("{error:#}: is a server running on this data directory?")),
        }
    };
    vec![("database", database), ("event store", events)]
}

async fn inspect_database(config: &Config) -> Finding {
    let look = async {
        let database = open_database(config).await?;
        let pending = database.pending_migrations().await?;
        database.close().await;
        anyhow::Ok(pending)
    };
    match look.await {
        Ok(0) => Finding::Good(database_file(config).display().to_string()),
        Ok(pending) => Finding::Warning(format!("{pending} migrations are pending: the next start, or `flexprice migrate`, runs them")),
        Err(error) => Finding::Bad(format!("{error:#}")),
    }
}

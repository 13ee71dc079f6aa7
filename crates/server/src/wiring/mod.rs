//! The one place that joins this shell to the stores, the use cases and the API.
//!
//! Everything here is called by a file of [`crate::commands`]; nothing else in this crate knows the other crates. Each part is chosen
//! on its own (DESIGN decision 1): naming a server selects it, else the part runs inside this process ([`embedded`]).

mod embedded;
mod foundation;
mod gauges;

#[cfg(feature = "cluster")]
mod cluster;

mod service;

mod settings;

mod verify;

#[cfg(feature = "cluster")]
mod wait;

#[cfg(feature = "cluster")]
pub use cluster::{LagRow, lag, plan_topics, redrive, topics};
pub use foundation::{inspect, migrate};
pub use service::{Close, Service};
pub use verify::verify;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use app::{App, UlidIds};
use domain::time::Timestamp;
use workflows::{Runner, RunnerOptions};

use self::gauges::Gauges;
use self::service::Stop;
use crate::config::{Config, Mode};
use crate::gate::Gate;
use crate::metrics::Metrics;

/// Opens the stores, waiting for servers that are not up yet, brings their schema up to date, and starts what the process's role asks
/// for: the API, consumers, workers, or all of them.
///
/// # Errors
/// When a store does not open and waiting would not help.
pub async fn open(config: &Config, metrics: Metrics, gate: &Gate) -> anyhow::Result<Service> {
    let mode = config.deployment.mode;
    let foundation = foundation::open(config, gate).await?;
    let database = foundation.database.clone();
    let app = App::start(foundation, system_now, Box::new(UlidIds::default()), settings::of_app(config)?)
        .await
        .context("the stores do not answer")?;
    let gauges = Gauges::new(metrics, app.clone(), database, config);
    #[cfg_attr(not(feature = "cluster"), expect(unused_mut, reason = "a cluster adds checks"))]
    let mut settings = settings::of_api(config, Arc::new(move || Box::pin(gauges.clone().render())))?;
    let mut running = Vec::new();
    #[cfg(feature = "cluster")]
    running.extend(cluster::start(config, &app, gate, &mut settings).await?);
    if config.temporal.address.is_empty() && mode == Mode::Local {
        running.push(in_process_runner(config, &app));
    }
    let serves_api = matches!(mode, Mode::Local | Mode::Api);
    let router = if serves_api { api::router(app.clone(), settings) } else { api::probe_router(app.clone(), settings) };
    let close = Box::pin(async move {
        // Beside each other: one that waits for its servers does not keep the others waiting.
        let stopping: Vec<_> = running.into_iter().map(tokio::spawn).collect();
        for stopped in stopping {
            if let Err(error) = stopped.await {
                tracing::error!(%error, "a part of this process ended badly");
            }
        }
        app.close().await;
        Ok(())
    });
    Ok(Service { router, close })
}

fn in_process_runner(config: &Config, app: &App) -> Stop {
    let options = RunnerOptions { answers_kept_days: settings::answers_kept_days(config), ..RunnerOptions::default() };
    let runner = Runner::start(app.clone(), options);
    Box::pin(runner.stop())
}

/// The system's clock, cut to microseconds: the one place where the wall clock is read.
#[expect(clippy::disallowed_methods, reason = "everything else asks the injected Clock, which asks this")]
fn system_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
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

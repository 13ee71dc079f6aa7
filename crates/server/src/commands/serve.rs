//! `flexprice serve`: from configuration to a listening server and back down.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;

use crate::cli::Options;
use crate::config::{Config, Loaded};
use crate::connections::ConnectionLimits;
use crate::exit::Failure;
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::serve::{Limits, Outcome, bind, serve};
use crate::signals::Signals;
use crate::wiring::Close;
use crate::{descriptors, logging, output, private_files, wiring};

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let loaded = super::configured(options)?;
    logging::init(&loaded.config.logging);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(run_until_stopped(loaded))?;
    match outcome {
        Outcome::Stopped => {
            // What is done is durable. A client of servers that are gone may wait for them without end.
            runtime.shutdown_timeout(BLOCKING_WORK_MAX);
            Ok(())
        }
        Outcome::Interrupted => {
            // At once: do not wait for blocking work of the runtime.
            runtime.shutdown_background();
            Err(Failure::Interrupted)
        }
    }
}

/// After everything was stopped in order, what still blocks gets so long.
const BLOCKING_WORK_MAX: Duration = Duration::from_secs(5);

async fn run_until_stopped(loaded: Loaded) -> Result<Outcome, Failure> {
    let config = loaded.config;
    // Signals are caught first, so that none is lost while the stores open; the address next, so that a second
    // server is refused before it touches the stores.
    let (stopper, signals) = Signals::of_process().context("cannot catch signals")?;
    let listener = bind(&config.server.address).await?;
    let metrics = Metrics::install().context("cannot install the metrics recorder")?;
    let limits = limits(&config);
    let address = listener.local_addr()?;
    let upkeep = metrics.spawn_upkeep();
    let gate = Gate::default();
    let router = gate.router();
    let opening = tokio::spawn(async move {
        let opened = open(&config, metrics, &gate, address).await;
        if opened.is_err() {
            stopper.stop();
        }
        opened
    });
    let abort = opening.abort_handle();
    let close = async move {
        // Asked to stop while it still waits for its stores: there is nothing to close.
        abort_unless_finished(&abort);
        match opening.await {
            Ok(opened) => opened?.await.context("closing the stores failed"),
            Err(error) if error.is_cancelled() => Ok(()),
            Err(error) => Err(error.into()),
        }
    };
    let outcome = serve(listener, router, limits, signals, close).await;
    upkeep.abort();
    Ok(outcome?)
}

/// How long a stop waits for clients: it ends within 5 s unless the server has work to finish.
const PARTING: Duration = Duration::from_secs(2);

fn limits(config: &Config) -> Limits {
    let descriptors = descriptors::raise();
    let server = &config.server;
    let most = descriptors::connections_max(server.max_connections, descriptors);
    tracing::info!(descriptors, connections_max = most, "limits of this process");
    if most < server.max_connections {
        tracing::warn!(
            "server.max_connections is {}, and the limit of open files allows {most}: raise it (`ulimit -n`, LimitNOFILE)",
            server.max_connections
        );
    }
    let connections = ConnectionLimits { most, header: server.header_timeout, idle: server.idle_timeout, parting: PARTING };
    Limits { drain: server.shutdown_timeout, connections }
}

fn abort_unless_finished(opening: &tokio::task::AbortHandle) {
    if !opening.is_finished() {
        opening.abort();
    }
}

async fn open(config: &Config, metrics: Metrics, gate: &Gate, address: SocketAddr) -> anyhow::Result<Close> {
    if let Some(loose) = private_files::looser(&config.data.dir) {
        tracing::warn!("{loose}");
    }
    let service = wiring::open(config, metrics, gate).await?;
    gate.open(service.router);
    let data_dir = std::path::absolute(&config.data.dir)?;
    let (version, mode) = (env!("CARGO_PKG_VERSION"), config.deployment.mode);
    output::write(&format!("FlexPrice {version} listening on http://{address} (mode {mode}, data {})\n", data_dir.display()))?;
    tracing::info!(%address, %mode, data_dir = %data_dir.display(), "serving");
    Ok(service.close)
}

//! `flexprice serve`: from configuration to a listening server and back down.

use anyhow::Context;

use crate::cli::Options;
use crate::config::Loaded;
use crate::exit::Failure;
use crate::metrics::Metrics;
use crate::serve::{Limits, Outcome, bind, serve};
use crate::signals::Signals;
use crate::{logging, output, wiring};

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let loaded = super::configured(options)?;
    logging::init(&loaded.config.logging);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(run_until_stopped(loaded))?;
    match outcome {
        Outcome::Stopped => Ok(()),
        Outcome::Interrupted => {
            // At once: do not wait for blocking work of the runtime.
            runtime.shutdown_background();
            Err(Failure::Interrupted)
        }
    }
}

async fn run_until_stopped(loaded: Loaded) -> Result<Outcome, Failure> {
    let config = loaded.config;
    // Signals are caught first, so that none is lost while the stores open; the address next, so that a second
    // server is refused before it touches the stores.
    let mut signals = Signals::of_process().context("cannot catch signals")?;
    let listener = bind(&config.server.address).await?;
    let metrics = Metrics::install().context("cannot install the metrics recorder")?;
    let limits = Limits { drain: config.server.shutdown_timeout };
    let address = listener.local_addr()?;
    let service = tokio::select! {
        service = wiring::open(&config, metrics.clone()) => service?,
        () = signals.next() => return Ok(Outcome::Interrupted),
    };
    let upkeep = metrics.spawn_upkeep();
    let data_dir = std::path::absolute(&config.data.dir)?;
    output::write(&format!(
        "FlexPrice {} listening on http://{address} (mode {}, data {})\n",
        env!("CARGO_PKG_VERSION"),
        config.deployment.mode,
        data_dir.display()
    ))?;
    tracing::info!(%address, mode = %config.deployment.mode, data_dir = %data_dir.display(), "serving");
    let outcome = serve(listener, service.router, limits, signals, service.close).await;
    upkeep.abort();
    Ok(outcome?)
}

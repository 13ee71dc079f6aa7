//! `flexprice migrate`: the schema of this build, ahead of the first start or of an upgrade.

use crate::cli::Options;
use crate::exit::Failure;
use crate::{logging, output, wiring};

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let loaded = super::configured(options)?;
    logging::init(&loaded.config.logging);
    let outcome = super::runtime()?.block_on(wiring::migrate(&loaded.config))?;
    Ok(output::write(&format!("{outcome}\n"))?)
}

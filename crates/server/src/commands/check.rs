//! `flexprice check`: are the stores as they were written? Reads all of them, of a stopped or of a running installation.

use crate::cli::Options;
use crate::exit::Failure;
use crate::finding::{bad, lines};
use crate::{output, wiring};

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let loaded = super::configured(options)?;
    let checks = super::runtime()?.block_on(wiring::verify(&loaded.config));
    let bad = bad(&checks);
    let said = match bad {
        0 => "The stores are sound.\n".to_owned(),
        _ => format!("The stores are not sound: {bad} failed. See docs/recipes/repair-a-store.md.\n"),
    };
    output::write(&format!("{}{said}", lines(&checks)))?;
    if bad == 0 { Ok(()) } else { Err(Failure::Unsound) }
}

//! `flexprice demo`: a year of real flights, billed by a running server and checked.

use crate::demo::{self, DemoArgs};
use crate::exit::Failure;

pub(super) fn run(args: &DemoArgs) -> Result<(), Failure> {
    Ok(super::runtime()?.block_on(demo::run(args))?)
}

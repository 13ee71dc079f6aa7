//! `flexprice openapi`: the API description, for SDK generators and gateways.

use crate::cli::OpenapiArgs;
use crate::exit::Failure;
use crate::{output, wiring};

pub(super) fn run(args: &OpenapiArgs) -> Result<(), Failure> {
    let text = if args.coverage { wiring::coverage_page() } else { wiring::openapi_json()? };
    Ok(output::write(&text)?)
}

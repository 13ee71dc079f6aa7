//! The API over real stores, through its router: one module per concept, each test named for the rule that it proves.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod analytics;
mod bad_input;
mod billing;
mod choices;
mod contract;
mod costs;
mod coverage;
mod document;
mod errors;
mod expressions;
mod idempotency;
mod isolation;
mod lists;
mod metering;
mod openapi;
mod oracle;
mod refusals;

//! The API over real stores, through its router: one module per concept, each test named for the rule that it proves.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod bad_input;
mod billing;
mod catalog;
mod conventions;
mod entitlements;
mod events;
mod platform;
mod published;
mod refusals;
mod subscriptions;
mod usage;

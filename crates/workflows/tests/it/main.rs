//! Due work on a real Temporal server: one module per concept, each test named for the rule that it proves. Every test has names of its
//! own on the server and removes its schedules in the end.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod billing;
mod connection;
mod failures;
mod histories;
mod identity;
mod recovery;
mod scan;
mod schedules;
mod sharing;
mod support;
mod takeover;

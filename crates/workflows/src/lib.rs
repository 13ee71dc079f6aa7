//! Drives due work. The work itself is data and idempotent use cases (`app`); this only sees to it that they run: by looking at the
//! clock, again and again, or through a Temporal server.

mod engine;
mod runner;

/// Due work on a Temporal server.
#[cfg(feature = "cluster")]
pub mod temporal;

pub use engine::{Unavailable, WorkflowEngine};
pub use runner::{Runner, RunnerOptions};

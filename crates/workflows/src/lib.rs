//! Drives due work. The work itself is data and idempotent use cases (`app`); this only looks at the clock, again and again.

mod runner;

pub use runner::{Runner, RunnerOptions};

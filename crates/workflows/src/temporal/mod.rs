//! Due work on a Temporal server (ADR 0007): schedules look for it, workflows carry it, activities do it by the use cases of `app`.
//!
//! A piece of due work is one workflow under a deterministic id, so that however many schedules, processes and calls find it, one run
//! does it; and because the use cases are idempotent, one that is cut off is simply done again.

mod activities;
mod client;
mod error;
mod meter;
mod options;
mod piece;
mod queue;
/// The schedules, by their ids.
pub mod schedules;
mod table;
mod work;
mod worker;
/// The workflow types.
pub mod workflows;

pub use client::{Started, TemporalClient};
pub use error::EngineError;
pub use options::{ClientOptions, ScheduleOptions, WorkerOptions};
pub use piece::{PageRequest, PageStarted, Piece, PieceOutcome, Scan, ScanPosition, Scanned};
pub use queue::Queue;
pub use table::{Entry, Scanner, entry};
pub use work::Work;
pub use worker::Workers;
pub use workflows::replayer;

//! Counting past events for a meter that was made after them (spec 10 §17).

use crate::ids::{BackfillId, MeterId};
use crate::scope::Audit;
use crate::time::Timestamp;

/// Where a backfill stands. Only `Running` changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackfillStatus {
    /// Events are still to be read.
    Running,
    /// All events of its time were read.
    Completed,
    /// It was given up: the meter is archived.
    Failed,
}

text_enum!(BackfillStatus { Running = "RUNNING", Completed = "COMPLETED", Failed = "FAILED" });

/// A run over past events, page by page in the order of time. What it did is kept with its place, so that it goes on there after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterBackfill {
    /// Identity.
    pub id: BackfillId,
    /// For which meter; one runs at a time.
    pub meter_id: MeterId,
    /// Events at or after this instant; all without.
    pub start_time: Option<Timestamp>,
    /// Events before this instant; all without.
    pub end_time: Option<Timestamp>,
    /// Where it stands.
    pub backfill_status: BackfillStatus,
    /// Events read.
    pub events_read: i64,
    /// Entries added to the usage ledger. A page that was cut off by a crash is read again, and what it had added is not told here.
    pub entries_added: i64,
    /// Events that the meter cannot measure.
    pub events_failed: i64,
    /// The last of those and why; or why it was given up. Empty for none.
    pub last_failure: String,
    /// Event time of the last event read.
    pub cursor_time: Option<Timestamp>,
    /// Its id; empty before.
    pub cursor_id: String,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl MeterBackfill {
    /// The last event read.
    pub fn cursor(&self) -> Option<(Timestamp, String)> {
        self.cursor_time.map(|time| (time, self.cursor_id.clone()))
    }
}

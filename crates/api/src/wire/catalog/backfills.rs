//! Counting past events for a meter, on the wire.

use app::event::BackfillState;
use domain::meter::{BackfillStatus, MeterBackfill};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which past events to count.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct BackfillMeterRequest {
    /// Events at or after; all without.
    pub(crate) start_time: Option<Timestamp>,
    /// Events before; all without.
    pub(crate) end_time: Option<Timestamp>,
}

/// A run over past events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackfillResponse {
    /// `backfill_` and a ULID.
    pub(crate) id: String,
    /// For which meter; one runs at a time.
    pub(crate) meter_id: String,
    /// RUNNING until all events of its time were read, then COMPLETED; FAILED when it was given up.
    pub(crate) status: BackfillStatus,
    /// Events at or after this instant; all without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_time: Option<Timestamp>,
    /// Events before this instant; all without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_time: Option<Timestamp>,
    /// Events read so far.
    pub(crate) events_read: i64,
    /// Of those, how many were counted that were not before.
    pub(crate) entries_added: i64,
    /// Events that the meter cannot measure.
    pub(crate) events_failed: i64,
    /// The last of those and why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) last_failure: String,
    /// Event time of the last event read: everything before it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor_time: Option<Timestamp>,
    /// How often the present piece failed; it is tried again.
    pub(crate) attempts: i64,
    /// Why it failed last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) error: String,
    /// When it was asked for.
    pub(crate) started_at: Timestamp,
    /// When it ended; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finished_at: Option<Timestamp>,
}

impl From<&MeterBackfill> for BackfillResponse {
    fn from(backfill: &MeterBackfill) -> Self {
        Self {
            id: backfill.id.to_string(),
            meter_id: backfill.meter_id.to_string(),
            status: backfill.backfill_status,
            start_time: backfill.start_time,
            end_time: backfill.end_time,
            events_read: backfill.events_read,
            entries_added: backfill.entries_added,
            events_failed: backfill.events_failed,
            last_failure: backfill.last_failure.clone(),
            cursor_time: backfill.cursor_time,
            attempts: 0,
            error: String::new(),
            started_at: backfill.audit.created_at,
            finished_at: backfill.finished_at,
        }
    }
}

impl From<BackfillState> for BackfillResponse {
    fn from(state: BackfillState) -> Self {
        Self { attempts: state.attempts, error: state.last_error, ..Self::from(&state.backfill) }
    }
}

//! Clocks of sandbox environments on the wire.

use app::platform::{ClockState, Stopped};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a sandbox's clock is set.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct SetClockRequest {
    /// What the clock shows from now on: RFC 3339 with a zone.
    #[schema(required = true)]
    pub(crate) time: Option<Timestamp>,
}

/// How far a sandbox's clock is advanced.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct AdvanceClockRequest {
    /// Until when, not before the present: RFC 3339 with a zone.
    #[schema(required = true)]
    pub(crate) to: Option<Timestamp>,
    /// Most pieces of due work that run, 1 to 100000; as many without.
    #[schema(minimum = 1, maximum = 100_000)]
    pub(crate) max_work: Option<u64>,
}

/// Where an environment's clock stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ClockResponse {
    /// Whose clock it is.
    pub(crate) environment_id: String,
    /// The environment's present.
    pub(crate) now: Timestamp,
    /// Whether it has a clock of its own.
    pub(crate) own: bool,
    /// Pieces of due work that ran on the way.
    pub(crate) ran: i64,
    /// Where the clock is being advanced to, while that is under way, or was to be when the advance ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advancing_to: Option<Timestamp>,
    /// Why an advance ended early: `cancelled`, `limit` (as much work as was allowed has run) or `caller_left`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<&'static str>,
}

impl ClockResponse {
    /// The state of an environment's clock.
    pub(crate) fn new(environment_id: &str, state: &ClockState) -> Self {
        let ran = i64::try_from(state.ran).unwrap_or(i64::MAX);
        let stopped = state.stopped.map(|stopped| match stopped {
            Stopped::Cancelled => "cancelled",
            Stopped::Limit => "limit",
            Stopped::CallerLeft => "caller_left",
        });
        let (now, own, advancing_to) = (state.now, state.own, state.advancing_to);
        Self { environment_id: environment_id.to_owned(), now, own, ran, advancing_to, stopped }
    }
}

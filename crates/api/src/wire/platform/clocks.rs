//! Clocks of sandbox environments on the wire.

use app::platform::ClockState;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a sandbox's clock is set.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct SetClockRequest {
    /// Required.
    #[schema(required = true)]
    pub(crate) time: Option<Timestamp>,
}

/// How far a sandbox's clock is advanced.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct AdvanceClockRequest {
    /// Required; not before the present.
    #[schema(required = true)]
    pub(crate) to: Option<Timestamp>,
}

/// Where an environment's clock stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ClockResponse {
    pub(crate) environment_id: String,
    /// The environment's present.
    pub(crate) now: Timestamp,
    /// Whether it has a clock of its own.
    pub(crate) own: bool,
    /// Pieces of due work that ran on the way.
    pub(crate) ran: i64,
}

impl ClockResponse {
    /// The state of an environment's clock.
    pub(crate) fn new(environment_id: &str, state: &ClockState) -> Self {
        let ran = i64::try_from(state.ran).unwrap_or(i64::MAX);
        Self { environment_id: environment_id.to_owned(), now: state.now, own: state.own, ran }
    }
}

//! How much comes in, on the wire (spec 10 §9.5).

use app::event::EventMonitoring;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which time.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct MonitoringQuery {
    /// RFC 3339; with `end_time`, or the last 24 hours.
    pub(crate) start_time: Option<String>,
    /// RFC 3339; with `start_time`.
    pub(crate) end_time: Option<String>,
    /// Points besides the total, in UTC: MINUTE, 15MIN, 30MIN, HOUR, 3HOUR, 6HOUR, 12HOUR, DAY, WEEK or MONTH.
    pub(crate) window_size: Option<String>,
}

/// Events of a time, and what waits to be counted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MonitoringResponse {
    /// Events of the time.
    pub(crate) total_count: i64,
    /// Events that the group which stores them has not read.
    pub(crate) consumption_lag: i64,
    /// Events that the group which counts usage has not read.
    pub(crate) post_processing_lag: i64,
    /// Per window that has events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) points: Option<Vec<MonitoringPoint>>,
}

/// Events of one window.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MonitoringPoint {
    /// First instant of the window.
    timestamp: Timestamp,
    /// Events in it.
    event_count: i64,
}

impl From<EventMonitoring> for MonitoringResponse {
    fn from(monitoring: EventMonitoring) -> Self {
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let point = |(timestamp, count)| MonitoringPoint { timestamp, event_count: whole(count) };
        Self {
            total_count: whole(monitoring.total),
            consumption_lag: whole(monitoring.lag.events),
            post_processing_lag: whole(monitoring.lag.usage),
            points: monitoring.points.map(|points| points.into_iter().map(point).collect()),
        }
    }
}

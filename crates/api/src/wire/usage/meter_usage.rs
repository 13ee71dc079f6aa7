//! What the usage ledger holds, on the wire (spec 10 §10).

use crate::body::Texts;
use app::usage::MeterUsage;
use domain::meter::{AggregationType, WindowSize};
use domain::money::Decimal;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::wire::empty_is_none;

/// Usage of one meter.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct MeterUsageQueryRequest {
    /// Which meter.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) meter_id: String,
    /// Customer, time and aggregation.
    #[serde(flatten)]
    pub(crate) common: MeterUsageCommon,
}

/// Usage of several meters.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct MeterUsageAnalyticsRequest {
    /// Which meters: 1 to 100.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000, required = true)]
    pub(crate) meter_ids: Texts,
    /// Customer, time and aggregation.
    #[serde(flatten)]
    pub(crate) common: MeterUsageCommon,
}

/// Whose usage, when, and how quantities become usage.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct MeterUsageCommon {
    /// Whose usage, by the identifier that events name.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) external_customer_id: String,
    /// First instant.
    #[schema(value_type = Timestamp, required = true)]
    pub(crate) start_time: Option<Timestamp>,
    /// First instant after it.
    #[schema(value_type = Timestamp, required = true)]
    pub(crate) end_time: Option<Timestamp>,
    /// COUNT, SUM, AVG, COUNT_UNIQUE, LATEST, SUM_WITH_MULTIPLIER, MAX or WEIGHTED_SUM, in any case; it need not be the meter's own.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) aggregation_type: String,
    /// Points besides the total, in UTC.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub(crate) window_size: Option<WindowSize>,
    /// Where months begin.
    pub(crate) billing_anchor: Option<Timestamp>,
}

/// Usage of one meter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeterUsageResponse {
    /// Which meter.
    meter_id: String,
    /// As it was asked for.
    aggregation_type: AggregationType,
    /// Over the whole time; of buckets the sum.
    total_value: Decimal,
    /// Events behind it.
    event_count: i64,
    /// Per window that has events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    points: Vec<MeterUsagePointBody>,
}

/// Usage of one window.
#[derive(Debug, Serialize, ToSchema)]
struct MeterUsagePointBody {
    /// Its first instant.
    window_size: Timestamp,
    /// The usage in the window.
    value: Decimal,
    /// Events in the window.
    event_count: i64,
}

/// Usage per meter that has any.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeterUsageAnalyticsResponse {
    /// One for each meter that has usage.
    pub(crate) items: Vec<MeterUsageResponse>,
}

impl MeterUsageResponse {
    /// As it is answered.
    pub(crate) fn new(kind: AggregationType, usage: MeterUsage) -> Self {
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let points = usage.points.into_iter().map(|point| MeterUsagePointBody {
            window_size: point.start,
            value: point.value,
            event_count: whole(point.events),
        });
        Self {
            meter_id: usage.meter_id.to_string(),
            aggregation_type: kind,
            total_value: usage.total,
            event_count: whole(usage.events),
            points: points.collect(),
        }
    }
}

//! Usage straight from the events, on the wire (spec 10 §§9.1, 9.2).

use crate::body::Texts;
use crate::wire::PropertyFilters;
use domain::meter::WindowSize;
use domain::money::Decimal;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::wire::{Number, empty_is_none};

/// Usage straight from the events, by name and property.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetUsageRequest {
    /// Required.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) event_name: String,
    /// Required; in any case.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) aggregation_type: String,
    /// COUNT without.
    pub(crate) property_name: Option<String>,
    /// Everybody's without.
    pub(crate) external_customer_id: Option<String>,
    /// Accepted when it names a customer.
    pub(crate) customer_id: Option<String>,
    /// Seven days before the end without.
    pub(crate) start_time: Option<Timestamp>,
    /// Now without.
    pub(crate) end_time: Option<Timestamp>,
    /// Usage per window besides.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub(crate) window_size: Option<WindowSize>,
    /// For MAX and SUM: usage per bucket, and their sum; goes before `window_size`.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub(crate) bucket_size: Option<WindowSize>,
    /// Conditions on properties.
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    pub(crate) filters: Option<PropertyFilters>,
    /// Only for SUM_WITH_MULTIPLIER.
    pub(crate) multiplier: Option<Decimal>,
    /// Where days begin.
    pub(crate) timezone: Option<String>,
    /// Where months begin.
    pub(crate) billing_anchor: Option<Timestamp>,
    /// For MAX with a bucket: the first entry, `properties.NAME`, tells buckets apart.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) group_by: Texts,
    /// The older form of `group_by`: a property's name.
    pub(crate) group_by_property: Option<String>,
}

/// Usage straight from the events, by a meter.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetUsageByMeterRequest {
    /// Required.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) meter_id: String,
    pub(crate) external_customer_id: Option<String>,
    pub(crate) customer_id: Option<String>,
    pub(crate) start_time: Option<Timestamp>,
    pub(crate) end_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "empty_is_none")]
    pub(crate) window_size: Option<WindowSize>,
    /// For meters of MAX and SUM that have none of their own.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub(crate) bucket_size: Option<WindowSize>,
    /// Added to the meter's.
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    pub(crate) filters: Option<PropertyFilters>,
    pub(crate) billing_anchor: Option<Timestamp>,
    pub(crate) timezone: Option<String>,
}

/// Usage of one window.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UsageResult {
    /// Its first instant.
    pub(crate) window_size: Timestamp,
    pub(crate) value: Number,
    /// The value that the bucket is told apart by; empty for events without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
}

/// Usage.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GetUsageResponse {
    pub(crate) event_name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Absent when 0, and when windows were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) results: Option<Vec<UsageResult>>,
}

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
    /// Which events, by their exact name; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) event_name: String,
    /// COUNT, SUM, AVG, COUNT_UNIQUE, LATEST, SUM_WITH_MULTIPLIER, MAX or WEIGHTED_SUM, in any case.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) aggregation_type: String,
    /// A first-level property; events are counted without.
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
    /// A factor above 0; only for SUM_WITH_MULTIPLIER.
    pub(crate) multiplier: Option<Decimal>,
    /// IANA name: where days begin; UTC without.
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
    /// Which meter.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) meter_id: String,
    /// Everybody's without.
    pub(crate) external_customer_id: Option<String>,
    /// The same by the customer's id.
    pub(crate) customer_id: Option<String>,
    /// First instant; seven days before the end without.
    pub(crate) start_time: Option<Timestamp>,
    /// First instant after it; now without.
    pub(crate) end_time: Option<Timestamp>,
    /// Usage per window besides.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub(crate) window_size: Option<WindowSize>,
    /// For meters of MAX and SUM that have none of their own.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub(crate) bucket_size: Option<WindowSize>,
    /// Added to the meter's.
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    pub(crate) filters: Option<PropertyFilters>,
    /// Where months begin.
    pub(crate) billing_anchor: Option<Timestamp>,
    /// IANA name: where days begin; UTC without.
    pub(crate) timezone: Option<String>,
}

/// Usage of one window.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UsageResult {
    /// Its first instant.
    pub(crate) window_size: Timestamp,
    /// The usage in it. A JSON number, with its digits.
    pub(crate) value: Number,
    /// The value that the bucket is told apart by; empty for events without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
}

/// Usage.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GetUsageResponse {
    /// The events that were read.
    pub(crate) event_name: String,
    /// How quantities became usage.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// A JSON number, with its digits; absent when 0, and when windows say all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Number>,
    /// One for each window that has events, ascending; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) results: Option<Vec<UsageResult>>,
}

//! Usage analytics on the wire.

use super::Filters;
use super::feature::FeatureResponse;
use super::meter::MeterResponse;
use super::price::PriceResponse;
use super::subscription::SubscriptionLineItemResponse;
use crate::schema::AggregationTypeSchema;
use crate::schema::Dec;
use crate::schema::Time;
use crate::schema::WindowSizeSchema;
use domain::meter::AggregationType;
use domain::meter::WindowSize;
use domain::money::Decimal;
use domain::time::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Usage and cost per line of a customer's subscriptions.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetUsageAnalyticsRequest {
    /// Everybody's without, then without cost.
    pub(crate) external_customer_id: Option<String>,
    #[serde(default)]
    pub(crate) feature_ids: Vec<String>,
    /// Seven days before the end without.
    #[schema(value_type = Option<Time>)]
    pub(crate) start_time: Option<Timestamp>,
    /// Now without.
    #[schema(value_type = Option<Time>)]
    pub(crate) end_time: Option<Timestamp>,
    /// Points besides the total.
    #[schema(value_type = Option<WindowSizeSchema>)]
    pub(crate) window_size: Option<WindowSize>,
    /// Only feature_id and meter_id are built.
    #[serde(default)]
    pub(crate) group_by: Vec<String>,
    /// Not built yet.
    pub(crate) property_filters: Option<Filters>,
    /// Not built yet.
    #[serde(default)]
    pub(crate) sources: Vec<String>,
    /// Not built yet.
    pub(crate) breakdown_bucket: Option<bool>,
    /// Not built yet.
    pub(crate) include_children: Option<bool>,
    /// price, meter, feature, subscription_line_item.
    #[serde(default)]
    pub(crate) expand: Vec<String>,
}

/// Usage of one window.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UsageAnalyticPoint {
    #[schema(value_type = Time)]
    pub(crate) timestamp: Timestamp,
    #[schema(value_type = Dec)]
    pub(crate) usage: Decimal,
    #[schema(value_type = Dec)]
    pub(crate) cost: Decimal,
    #[schema(value_type = Dec)]
    pub(crate) subtotal: Decimal,
    #[schema(value_type = Dec)]
    pub(crate) discount: Decimal,
    pub(crate) event_count: i64,
}

/// Usage of one meter on one line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UsageAnalyticItem {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feature_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feature: Option<FeatureResponse>,
    pub(crate) meter_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter: Option<MeterResponse>,
    pub(crate) event_name: String,
    #[schema(value_type = AggregationTypeSchema)]
    pub(crate) aggregation_type: AggregationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit_plural: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<PriceResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_line_item_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_line_item: Option<SubscriptionLineItemResponse>,
    #[schema(value_type = Dec)]
    pub(crate) total_usage: Decimal,
    pub(crate) event_count: i64,
    #[schema(value_type = Dec)]
    pub(crate) total_cost: Decimal,
    #[schema(value_type = Dec)]
    pub(crate) subtotal: Decimal,
    #[schema(value_type = Dec)]
    pub(crate) total_discount: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<WindowSizeSchema>)]
    pub(crate) window_size: Option<WindowSize>,
    pub(crate) points: Vec<UsageAnalyticPoint>,
    pub(crate) properties: BTreeMap<String, String>,
}

/// Usage and cost.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GetUsageAnalyticsResponse {
    pub(crate) items: Vec<UsageAnalyticItem>,
    #[schema(value_type = Dec)]
    pub(crate) total_cost: Decimal,
    #[schema(value_type = Dec)]
    pub(crate) subtotal: Decimal,
    #[schema(value_type = Dec)]
    pub(crate) total_discount: Decimal,
    pub(crate) currency: String,
}

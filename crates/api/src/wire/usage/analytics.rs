//! Usage analytics on the wire.

use crate::body::Texts;
use crate::wire::PropertyFilters;
use crate::wire::catalog::features::FeatureResponse;
use crate::wire::catalog::features::ReportingUnitBody;
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::plans::PlanResponse;
use crate::wire::catalog::prices::PriceResponse;
use crate::wire::subscriptions::SubscriptionLineItemResponse;
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
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) feature_ids: Texts,
    /// Seven days before the end without.
    pub(crate) start_time: Option<Timestamp>,
    /// Now without.
    pub(crate) end_time: Option<Timestamp>,
    /// Points besides the total.
    pub(crate) window_size: Option<WindowSize>,
    /// source and properties.NAME make an item per value; feature_id and meter_id stand apart anyway.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) group_by: Texts,
    /// Only events with each of these properties, of any of its values.
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    pub(crate) property_filters: Option<PropertyFilters>,
    /// Only events from any of these sources.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) sources: Texts,
    /// Says of bucketed meters which bucket prices a point, and sums each up.
    pub(crate) breakdown_bucket: Option<bool>,
    /// Accepted, and changes nothing yet: there are no inherited subscriptions whose usage it could add.
    #[expect(dead_code, reason = "read and documented; nothing hangs on it until subscriptions are inherited")]
    pub(crate) include_children: Option<bool>,
    /// price, meter, feature, subscription_line_item, plan, source.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) expand: Texts,
}

/// The same, of chosen meters.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetDetailedUsageAnalyticsRequest {
    /// Six hours before the end without `start_time`.
    #[serde(flatten)]
    pub(crate) analytics: GetUsageAnalyticsRequest,
    /// Only of these meters.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) meter_ids: Texts,
    /// Where MONTH windows begin.
    pub(crate) billing_anchor: Option<Timestamp>,
}

/// Usage of one window.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UsageAnalyticPoint {
    pub(crate) timestamp: Timestamp,
    pub(crate) usage: Decimal,
    /// Of this window alone, not rounded.
    pub(crate) cost: Decimal,
    pub(crate) subtotal: Decimal,
    pub(crate) discount: Decimal,
    pub(crate) event_count: i64,
    /// What prices the window's buckets; where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buckets: Option<Vec<PointBucket>>,
}

/// A part of the day with a price of its own.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PointBucket {
    /// Absent for what the line's own price covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_id: Option<String>,
    pub(crate) price_id: String,
}

/// A time of day in UTC.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = types::Bucket)]
pub(crate) struct TimeOfDay {
    /// 0 to 24.
    pub(crate) hour: u32,
    /// 0 to 59.
    pub(crate) minute: u32,
}

/// What the buckets in a part of the day add up to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BucketSummary {
    /// Absent for what the line's own price covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_id: Option<String>,
    pub(crate) price_id: String,
    pub(crate) subscription_line_item_id: String,
    pub(crate) start: TimeOfDay,
    pub(crate) end: TimeOfDay,
    pub(crate) total_usage: Decimal,
    /// The sum of the buckets' costs, not rounded.
    pub(crate) base_charge: Decimal,
}

/// Usage of one meter on one line, of one group.
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
    pub(crate) aggregation_type: AggregationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit_plural: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<PriceResponse>,
    /// The plan of the price; of a subscription's own price, of the one that it overrides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<PlanResponse>,
    /// The add-on of the price, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) add_on_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_line_item_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_line_item: Option<SubscriptionLineItemResponse>,
    pub(crate) total_usage: Decimal,
    /// In the feature's reporting unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_usage_display: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reporting_unit: Option<ReportingUnitBody>,
    pub(crate) event_count: i64,
    pub(crate) total_cost: Decimal,
    pub(crate) subtotal: Decimal,
    pub(crate) total_discount: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) window_size: Option<WindowSize>,
    pub(crate) points: Vec<UsageAnalyticPoint>,
    /// Of bucketed meters that are billed, where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_summaries: Option<Vec<BucketSummary>>,
    /// The source of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// All sources, where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sources: Option<Vec<String>>,
    /// The property values of the group.
    pub(crate) properties: BTreeMap<String, String>,
}

/// Usage and cost.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GetUsageAnalyticsResponse {
    pub(crate) items: Vec<UsageAnalyticItem>,
    pub(crate) total_cost: Decimal,
    pub(crate) subtotal: Decimal,
    pub(crate) total_discount: Decimal,
    pub(crate) currency: String,
}

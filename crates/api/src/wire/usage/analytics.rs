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
    /// Only of these features; of all without.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) feature_ids: Texts,
    /// Seven days before the end without.
    pub(crate) start_time: Option<Timestamp>,
    /// Now without.
    pub(crate) end_time: Option<Timestamp>,
    /// Points of this size besides the total, in the customer's zone; none without.
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
    /// First instant of the window.
    pub(crate) timestamp: Timestamp,
    /// The usage in it; of a bucketed MAX, its largest bucket.
    pub(crate) usage: Decimal,
    /// Of this window alone, not rounded.
    pub(crate) cost: Decimal,
    /// The same as the cost: coupons are not built yet.
    pub(crate) subtotal: Decimal,
    /// Always 0: coupons are not built yet.
    pub(crate) discount: Decimal,
    /// Events in the window.
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
    /// What prices it.
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
    /// What prices it.
    pub(crate) price_id: String,
    /// The line that is charged.
    pub(crate) subscription_line_item_id: String,
    /// When it begins, each day.
    pub(crate) start: TimeOfDay,
    /// When it ends, each day: exclusive.
    pub(crate) end: TimeOfDay,
    /// What its buckets add up to.
    pub(crate) total_usage: Decimal,
    /// The sum of the buckets' costs, not rounded.
    pub(crate) base_charge: Decimal,
}

/// Usage of one meter on one line, of one group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UsageAnalyticItem {
    /// The feature's name; the meter's without a feature.
    pub(crate) name: String,
    /// What was used; absent for a meter without feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feature_id: Option<String>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feature: Option<FeatureResponse>,
    /// What counted it.
    pub(crate) meter_id: String,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter: Option<MeterResponse>,
    /// The events that it reads.
    pub(crate) event_name: String,
    /// How quantities become usage.
    pub(crate) aggregation_type: AggregationType,
    /// One unit of the feature; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    /// Many units of the feature; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit_plural: Option<String>,
    /// What prices it; absent where no line charges it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_id: Option<String>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<PriceResponse>,
    /// The plan of the price; of a subscription's own price, of the one that it overrides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan_id: Option<String>,
    /// That plan; where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<PlanResponse>,
    /// The add-on of the price, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) add_on_id: Option<String>,
    /// Whose line charges it; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_id: Option<String>,
    /// The line that charges it; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_line_item_id: Option<String>,
    /// That line; where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_line_item: Option<SubscriptionLineItemResponse>,
    /// Over the whole time; of a bucketed meter the sum of its buckets.
    pub(crate) total_usage: Decimal,
    /// In the feature's reporting unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_usage_display: Option<Decimal>,
    /// The other unit of the feature; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reporting_unit: Option<ReportingUnitBody>,
    /// Events behind it.
    pub(crate) event_count: i64,
    /// What it costs, rounded to the currency; 0 without a line.
    pub(crate) total_cost: Decimal,
    /// The same: coupons are not built yet.
    pub(crate) subtotal: Decimal,
    /// Always 0: coupons are not built yet.
    pub(crate) total_discount: Decimal,
    /// Three letters, lower case; absent without a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    /// The size of the points' windows; absent when none were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) window_size: Option<WindowSize>,
    /// One for each window that has events, ascending; empty when none were asked for.
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
    /// One for each line, meter and group, by name; those without events are left out.
    pub(crate) items: Vec<UsageAnalyticItem>,
    /// The sum of the items' costs.
    pub(crate) total_cost: Decimal,
    /// The same: coupons are not built yet.
    pub(crate) subtotal: Decimal,
    /// Always 0: coupons are not built yet.
    pub(crate) total_discount: Decimal,
    /// Three letters, lower case; empty when nothing is charged.
    pub(crate) currency: String,
}

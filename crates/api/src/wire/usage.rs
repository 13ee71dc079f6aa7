//! Usage, analytics and lists of events on the wire.

use super::Filters;
use super::Number;
use super::RawProperties;
use super::feature::FeatureResponse;
use super::meter::MeterResponse;
use super::price::PriceResponse;
use super::subscription::SubscriptionLineItemResponse;
use crate::schema::AggregationTypeSchema;
use crate::schema::Dec;
use crate::schema::Time;
use crate::schema::WindowSizeSchema;
use domain::event::Event;
use domain::meter::AggregationType;
use domain::meter::WindowSize;
use domain::money::Decimal;
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

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
    #[schema(value_type = Option<Time>)]
    pub(crate) start_time: Option<Timestamp>,
    /// Now without.
    #[schema(value_type = Option<Time>)]
    pub(crate) end_time: Option<Timestamp>,
    /// Usage per window besides.
    #[schema(value_type = Option<WindowSizeSchema>)]
    pub(crate) window_size: Option<WindowSize>,
    /// Not built yet.
    #[schema(value_type = Option<WindowSizeSchema>)]
    pub(crate) bucket_size: Option<WindowSize>,
    /// Conditions on properties.
    pub(crate) filters: Option<Filters>,
    /// Only for SUM_WITH_MULTIPLIER.
    #[schema(value_type = Option<Dec>)]
    pub(crate) multiplier: Option<Decimal>,
    /// Where days begin.
    pub(crate) timezone: Option<String>,
    /// Where months begin.
    #[schema(value_type = Option<Time>)]
    pub(crate) billing_anchor: Option<Timestamp>,
    /// Not built yet.
    #[serde(default)]
    pub(crate) group_by: Vec<String>,
    /// Not built yet.
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
    #[schema(value_type = Option<Time>)]
    pub(crate) start_time: Option<Timestamp>,
    #[schema(value_type = Option<Time>)]
    pub(crate) end_time: Option<Timestamp>,
    #[schema(value_type = Option<WindowSizeSchema>)]
    pub(crate) window_size: Option<WindowSize>,
    /// Not built yet.
    #[schema(value_type = Option<WindowSizeSchema>)]
    pub(crate) bucket_size: Option<WindowSize>,
    /// Added to the meter's.
    pub(crate) filters: Option<Filters>,
    #[schema(value_type = Option<Time>)]
    pub(crate) billing_anchor: Option<Timestamp>,
    pub(crate) timezone: Option<String>,
}

/// Usage of one window.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UsageResult {
    /// Its first instant.
    #[schema(value_type = Time)]
    pub(crate) window_size: Timestamp,
    pub(crate) value: Number,
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

/// Which events.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetEventsRequest {
    pub(crate) external_customer_id: Option<String>,
    pub(crate) event_name: Option<String>,
    pub(crate) event_id: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) property_filters: Option<Filters>,
    /// Seven days before the end without.
    #[schema(value_type = Option<Time>)]
    pub(crate) start_time: Option<Timestamp>,
    /// Now without; inclusive.
    #[schema(value_type = Option<Time>)]
    pub(crate) end_time: Option<Timestamp>,
    /// timestamp.
    pub(crate) sort: Option<String>,
    /// asc or desc.
    pub(crate) order: Option<String>,
    /// 50 without, at most 1000.
    pub(crate) page_size: Option<i64>,
    pub(crate) offset: Option<i64>,
    /// Events newer than this key.
    pub(crate) iter_first_key: Option<String>,
    /// Events older than this key.
    pub(crate) iter_last_key: Option<String>,
}

/// An event.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventResponse {
    pub(crate) id: String,
    pub(crate) event_name: String,
    pub(crate) external_customer_id: String,
    pub(crate) customer_id: String,
    pub(crate) environment_id: String,
    pub(crate) source: String,
    #[schema(value_type = Time)]
    pub(crate) timestamp: Timestamp,
    /// As they were sent.
    pub(crate) properties: RawProperties,
}

/// A page of events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GetEventsResponse {
    pub(crate) events: Vec<EventResponse>,
    pub(crate) has_more: bool,
    pub(crate) total_count: i64,
    /// The offset of the next page.
    pub(crate) offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iter_first_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iter_last_key: Option<String>,
}

impl EventResponse {
    /// An event of a scope.
    pub(crate) fn new(scope: &Scope, event: &Event) -> Self {
        Self {
            id: event.id.clone(),
            event_name: event.name.clone(),
            external_customer_id: event.external_customer_id.clone(),
            customer_id: event.customer_id.clone(),
            environment_id: scope.environment_id.to_string(),
            source: event.source.clone(),
            timestamp: event.timestamp,
            properties: RawProperties::new(&event.properties),
        }
    }
}

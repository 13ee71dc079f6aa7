//! Usage and cost per line of a customer's subscriptions.

use std::collections::{HashMap, HashSet};

use app::usage::{AnalyticsItem, AnalyticsRequest, PriceOwner};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::catalog::Plan;
use domain::money::Decimal;
use domain::time::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::routes::asked_period::asked_period;
use crate::wire::catalog::features::{FeatureResponse, ReportingUnitBody};
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::plans::PlanResponse;
use crate::wire::catalog::prices::PriceResponse;
use crate::wire::subscriptions::SubscriptionLineItemResponse;
use crate::wire::usage::analytics::{
    BucketSummary, GetDetailedUsageAnalyticsRequest, GetUsageAnalyticsRequest, GetUsageAnalyticsResponse, PointBucket, TimeOfDay,
    UsageAnalyticItem, UsageAnalyticPoint,
};
use crate::wire::values_by_property;

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(usage_analytics)).routes(routes!(detailed_usage_analytics))
}

/// What detailed analytics read when no time is asked for.
const DETAILED_SECONDS: i64 = 6 * 3600;

/// Usage and cost per line of a customer's subscriptions
#[utoipa::path(post, path = "/v1/events/analytics", operation_id = "getUsageAnalytics", tag = "Events", request_body = GetUsageAnalyticsRequest,
    responses((status = 200, body = GetUsageAnalyticsResponse)))]
async fn usage_analytics(state: State<ApiState>, caller: Caller, Body(request): Body<GetUsageAnalyticsRequest>) -> ApiResult<Response> {
    respond(state, caller, request, Vec::new(), None).await
}

/// Usage and cost per line of a customer's subscriptions, of chosen meters
#[utoipa::path(post, path = "/v1/meter-usage/detailed-analytics", operation_id = "getDetailedUsageAnalytics", tag = "Events",
    request_body = GetDetailedUsageAnalyticsRequest, responses((status = 200, body = GetUsageAnalyticsResponse)))]
async fn detailed_usage_analytics(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetDetailedUsageAnalyticsRequest>,
) -> ApiResult<Response> {
    let GetDetailedUsageAnalyticsRequest { mut analytics, meter_ids, billing_anchor } = request;
    let end = analytics.end_time.unwrap_or_else(|| state.app.now(&context.scope));
    analytics.end_time = Some(end);
    analytics.start_time = Some(analytics.start_time.unwrap_or_else(|| end.plus_seconds(-DETAILED_SECONDS)));
    respond(State(state), Caller(context), analytics, meter_ids.into_vec(), billing_anchor).await
}

async fn respond(
    State(state): State<ApiState>,
    Caller(context): Caller,
    request: GetUsageAnalyticsRequest,
    meter_ids: Vec<String>,
    billing_anchor: Option<Timestamp>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    let wants: HashSet<String> = request.expand.into_iter().collect();
    let analytics = AnalyticsRequest {
        external_customer_id: request.external_customer_id.filter(|id| !id.is_empty()),
        feature_ids: request.feature_ids.into_vec(),
        meter_ids,
        period: asked_period(&state, scope, request.start_time, request.end_time)?,
        window_size: request.window_size,
        billing_anchor,
        group_by: request.group_by.into_vec(),
        sources: request.sources.into_vec(),
        property_filters: values_by_property(request.property_filters),
        wants_sources: wants.contains("source"),
    };
    let analytics = state.app.analytics(scope, analytics).await?;
    let plans: HashMap<String, Plan> =
        if wants.contains("plan") { state.app.get_many(scope, analytics.items.iter().filter_map(plan_id)).await? } else { HashMap::new() };
    let total: Decimal = analytics.items.iter().map(|item| &item.cost).sum();
    let view = View { wants, breakdown: request.breakdown_bucket == Some(true), plans };
    let response = GetUsageAnalyticsResponse {
        items: analytics.items.iter().map(|item| view.item(item)).collect(),
        total_cost: total.clone(),
        subtotal: total,
        total_discount: Decimal::zero(),
        currency: analytics.currency,
    };
    Ok(axum::Json(response).into_response())
}

fn plan_id(item: &AnalyticsItem) -> Option<String> {
    match item.row.billed_by.as_ref()?.owner.as_ref()? {
        PriceOwner::Plan(id) => Some(id.clone()),
        PriceOwner::Addon(_) => None,
    }
}

fn add_on_id(item: &AnalyticsItem) -> Option<String> {
    match item.row.billed_by.as_ref()?.owner.as_ref()? {
        PriceOwner::Addon(id) => Some(id.clone()),
        PriceOwner::Plan(_) => None,
    }
}

/// How much of an item is shown.
struct View {
    /// What is embedded.
    wants: HashSet<String>,
    /// Whether bucketed meters name the buckets of the day.
    breakdown: bool,
    /// The plans to embed.
    plans: HashMap<String, Plan>,
}

impl View {
    fn item(&self, item: &AnalyticsItem) -> UsageAnalyticItem {
        let wants = |name: &str| self.wants.contains(name);
        let text = |text: &str| if text.is_empty() { None } else { Some(text.to_owned()) };
        let (row, plan_id) = (&item.row, plan_id(item));
        let (feature, billed) = (row.feature.as_ref(), row.billed_by.as_ref());
        let unit = feature.and_then(|feature| feature.reporting_unit.as_ref());
        UsageAnalyticItem {
            name: item.name().to_owned(),
            feature_id: feature.map(|feature| feature.id.to_string()),
            feature: feature.filter(|_| wants("feature")).map(|feature| FeatureResponse::new(feature, None, None)),
            meter_id: row.meter.id.to_string(),
            meter: if wants("meter") { Some(MeterResponse::from(&row.meter)) } else { None },
            event_name: row.meter.event_name.clone(),
            aggregation_type: row.meter.aggregation.kind,
            unit: feature.and_then(|feature| text(&feature.unit_singular)),
            unit_plural: feature.and_then(|feature| text(&feature.unit_plural)),
            price_id: billed.map(|billed| billed.price.id.to_string()),
            price: billed.filter(|_| wants("price")).map(|billed| PriceResponse::from(&billed.price)),
            plan: plan_id.as_ref().and_then(|id| self.plans.get(id)).map(|plan| PlanResponse::new(plan, None)),
            plan_id,
            add_on_id: add_on_id(item),
            subscription_id: billed.map(|billed| billed.subscription.id.to_string()),
            sub_line_item_id: billed.map(|billed| billed.line.id.to_string()),
            subscription_line_item: billed
                .filter(|_| wants("subscription_line_item"))
                .map(|billed| SubscriptionLineItemResponse::from(&billed.line)),
            total_usage: item.usage.clone(),
            total_usage_display: unit.map(|unit| unit.convert(&item.usage)),
            reporting_unit: unit.map(ReportingUnitBody::from),
            event_count: i64::try_from(item.events).unwrap_or(i64::MAX),
            total_cost: item.cost.clone(),
            subtotal: item.cost.clone(),
            total_discount: Decimal::zero(),
            currency: billed.map(|billed| billed.line.currency.to_string()),
            window_size: item.window_size,
            points: self.points(item),
            bucket_summaries: self.bucket_summaries(item),
            source: item.source.as_deref().and_then(text),
            sources: if wants("source") { Some(item.sources.clone()) } else { None },
            properties: item.properties.clone(),
        }
    }

    fn points(&self, item: &AnalyticsItem) -> Vec<UsageAnalyticPoint> {
        let price_id = self.bucket_price(item);
        let point = |point: &app::usage::AnalyticsPoint| UsageAnalyticPoint {
            timestamp: point.start,
            usage: point.usage.clone(),
            cost: point.cost.clone(),
            subtotal: point.cost.clone(),
            discount: Decimal::zero(),
            event_count: i64::try_from(point.events).unwrap_or(i64::MAX),
            buckets: price_id.clone().map(|price_id| vec![PointBucket { bucket_id: None, price_id }]),
        };
        item.points.iter().map(point).collect()
    }

    /// One for the whole day: no part of it has a price of its own.
    fn bucket_summaries(&self, item: &AnalyticsItem) -> Option<Vec<BucketSummary>> {
        let (price_id, billed) = (self.bucket_price(item)?, item.row.billed_by.as_ref()?);
        Some(vec![BucketSummary {
            bucket_id: None,
            price_id,
            subscription_line_item_id: billed.line.id.to_string(),
            start: TimeOfDay { hour: 0, minute: 0 },
            end: TimeOfDay { hour: 24, minute: 0 },
            total_usage: item.usage.clone(),
            base_charge: item.exact_cost.clone(),
        }])
    }

    /// What prices the buckets, where they are broken down.
    fn bucket_price(&self, item: &AnalyticsItem) -> Option<String> {
        let billed = item.row.billed_by.as_ref().filter(|_| self.breakdown && item.row.meter.aggregation.bucket_size.is_some())?;
        Some(billed.price.id.to_string())
    }
}

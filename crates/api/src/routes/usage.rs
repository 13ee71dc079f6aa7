//! Usage out: by name and property, by meter, and per line with cost.

use std::collections::HashMap;

use app::Error;
use app::event::{AnalyticsItem, AnalyticsRequest, RawUsage, RawUsageRequest};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::ids::MeterId;
use domain::meter::{Aggregation, AggregationType, Filter, Meter, ResetUsage, Window, WindowSize};
use domain::money::Decimal;
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::wire::feature::FeatureResponse;
use crate::wire::meter::MeterResponse;
use crate::wire::price::PriceResponse;
use crate::wire::subscription::SubscriptionLineItemResponse;
use crate::wire::usage::{
    GetUsageAnalyticsRequest, GetUsageAnalyticsResponse, GetUsageByMeterRequest, GetUsageRequest, GetUsageResponse, UsageAnalyticItem,
    UsageAnalyticPoint, UsageResult,
};
use crate::wire::{Filters, Number};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(usage_statistics)).routes(routes!(usage_by_meter)).routes(routes!(usage_analytics))
}

/// Seven days: the time that is read when none is asked for.
const DEFAULT_SECONDS: i64 = 7 * 86_400;

fn asked_period(state: &ApiState, scope: &Scope, start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Period, Error> {
    let end = end.unwrap_or_else(|| state.app.now(scope));
    let start = start.unwrap_or_else(|| end.plus_seconds(-DEFAULT_SECONDS));
    if end < start {
        return Err(Error::input("end_time must not be before start_time"));
    }
    Ok(Period::new(start, end))
}

/// Windows in a zone; an unknown zone is UTC, as the published API has it.
fn window(size: Option<WindowSize>, timezone: Option<&str>, anchor: Option<Timestamp>) -> Option<Window> {
    let zone = Zone::parse(timezone.unwrap_or_default()).unwrap_or(Zone::UTC);
    size.map(|size| match anchor {
        Some(anchor) => Window::anchored(size, zone, anchor),
        None => Window::new(size, zone),
    })
}

fn filters(filters: Option<Filters>) -> Vec<Filter> {
    filters.unwrap_or_default().into_iter().filter(|(_, values)| !values.is_empty()).map(|(key, values)| Filter { key, values }).collect()
}

/// The external id to read: the one given, or that of the customer whose id is given.
async fn external_id(state: &ApiState, scope: &Scope, external_id: Option<String>, id: Option<String>) -> ApiResult<Option<String>> {
    if let Some(external_id) = external_id.filter(|id| !id.is_empty()) {
        return Ok(Some(external_id));
    }
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(Some(state.app.customer(scope, &id).await?.external_id.clone())),
        None => Ok(None),
    }
}

/// Usage by event name and property, straight from the events
#[utoipa::path(post, path = "/v1/events/usage", operation_id = "getUsageStatistics", tag = "Events", request_body = GetUsageRequest,
    responses((status = 200, body = GetUsageResponse)))]
async fn usage_statistics(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetUsageRequest>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    if request.bucket_size.is_some() || !request.group_by.is_empty() || request.group_by_property.is_some() {
        return Err(Error::unbuilt("bucket_size or group_by").into());
    }
    let event_name = request.event_name.trim().to_owned();
    domain::invalid::require_text(&event_name, "event_name")?;
    let asked = request.aggregation_type.to_uppercase();
    let kind = AggregationType::parse(&asked).ok_or_else(|| Error::input(format!("aggregation_type `{asked}` is unknown")))?;
    if request.multiplier.is_some() && kind != AggregationType::SumWithMultiplier {
        return Err(Error::input("multiplier belongs to SUM_WITH_MULTIPLIER").into());
    }
    let field = request.property_name.unwrap_or_default();
    // Without a property there is nothing to add up but the events themselves.
    let kind = if field.is_empty() { AggregationType::Count } else { kind };
    let meter = Meter {
        id: MeterId::default(),
        name: event_name.clone(),
        event_name,
        aggregation: Aggregation {
            kind,
            field,
            expression: None,
            multiplier: request.multiplier,
            bucket_size: None,
            group_by: String::new(),
        },
        filters: filters(request.filters),
        reset_usage: ResetUsage::BillingPeriod,
        audit: state.app.audit(&context),
    };
    meter.validate()?;
    let raw = RawUsageRequest {
        meter,
        external_customer_id: external_id(&state, scope, request.external_customer_id, request.customer_id).await?,
        period: asked_period(&state, scope, request.start_time, request.end_time)?,
        window: window(request.window_size, request.timezone.as_deref(), request.billing_anchor),
    };
    respond(&state, scope, raw).await
}

/// Usage by a meter, straight from the events
#[utoipa::path(post, path = "/v1/events/usage/meter", operation_id = "getUsageByMeter", tag = "Events", request_body = GetUsageByMeterRequest,
    responses((status = 200, body = GetUsageResponse)))]
async fn usage_by_meter(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetUsageByMeterRequest>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    if request.bucket_size.is_some() {
        return Err(Error::unbuilt("bucket_size").into());
    }
    domain::invalid::require_text(&request.meter_id, "meter_id")?;
    let mut meter: Meter = state.app.get(scope, "meter", &request.meter_id).await?;
    meter.filters.extend(filters(request.filters));
    let raw = RawUsageRequest {
        meter,
        external_customer_id: external_id(&state, scope, request.external_customer_id, request.customer_id).await?,
        period: asked_period(&state, scope, request.start_time, request.end_time)?,
        window: window(request.window_size, request.timezone.as_deref(), request.billing_anchor),
    };
    respond(&state, scope, raw).await
}

async fn respond(state: &ApiState, scope: &Scope, request: RawUsageRequest) -> ApiResult<Response> {
    let event_name = request.meter.event_name.clone();
    let kind = request.meter.aggregation.kind.to_string();
    let windowed = request.window.is_some();
    let RawUsage { value, windows } = state.app.raw_usage(scope, request).await?;
    let results: Vec<UsageResult> =
        windows.iter().map(|(start, value)| UsageResult { window_size: *start, value: Number::from(value) }).collect();
    let response = GetUsageResponse {
        event_name,
        kind,
        value: if value.is_zero() || windowed { None } else { Some(Number::from(&value)) },
        results: if results.is_empty() { None } else { Some(results) },
    };
    Ok(axum::Json(response).into_response())
}

/// Usage and cost per line of a customer's subscriptions
#[utoipa::path(post, path = "/v1/events/analytics", operation_id = "getUsageAnalytics", tag = "Events", request_body = GetUsageAnalyticsRequest,
    responses((status = 200, body = GetUsageAnalyticsResponse)))]
async fn usage_analytics(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetUsageAnalyticsRequest>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    for group in &request.group_by {
        match group.as_str() {
            "feature_id" | "meter_id" => {}
            "source" => return Err(Error::unbuilt("group_by source").into()),
            property if property.starts_with("properties.") => return Err(Error::unbuilt("group_by properties").into()),
            other => return Err(Error::input(format!("group_by `{other}` is unknown: use feature_id, source or properties.NAME")).into()),
        }
    }
    if !request.sources.is_empty() || request.property_filters.as_ref().is_some_and(|filters| !filters.is_empty()) {
        return Err(Error::unbuilt("sources or property_filters").into());
    }
    if request.breakdown_bucket == Some(true) || request.include_children == Some(true) {
        return Err(Error::unbuilt("breakdown_bucket or include_children").into());
    }
    let period = asked_period(&state, scope, request.start_time, request.end_time)?;
    let analytics = AnalyticsRequest {
        external_customer_id: request.external_customer_id.filter(|id| !id.is_empty()),
        feature_ids: request.feature_ids,
        period,
        window_size: request.window_size,
    };
    let items = state.app.analytics(scope, analytics).await?;
    let wants: HashMap<&str, bool> = request.expand.iter().map(|name| (name.as_str(), true)).collect();
    let currency = items.iter().find_map(|item| Some(item.billed_by.as_ref()?.0.currency.to_string())).unwrap_or_default();
    if items.iter().filter_map(|item| item.billed_by.as_ref()).any(|(subscription, ..)| subscription.currency.as_str() != currency) {
        return Err(Error::operation("the customer's subscriptions have different currencies: ask per feature").into());
    }
    let total: Decimal = items.iter().map(|item| &item.cost).sum();
    let response = GetUsageAnalyticsResponse {
        items: items.iter().map(|item| analytics_item(item, &wants, request.window_size)).collect(),
        total_cost: total.clone(),
        subtotal: total,
        total_discount: Decimal::zero(),
        currency,
    };
    Ok(axum::Json(response).into_response())
}

fn analytics_item(item: &AnalyticsItem, wants: &HashMap<&str, bool>, window_size: Option<WindowSize>) -> UsageAnalyticItem {
    let wants = |name: &str| wants.contains_key(name);
    let text = |text: &str| if text.is_empty() { None } else { Some(text.to_owned()) };
    let feature = item.feature.as_ref();
    let billed = item.billed_by.as_ref();
    let points = item.points.iter().map(|point| UsageAnalyticPoint {
        timestamp: point.start,
        usage: point.usage.clone(),
        cost: point.cost.clone(),
        subtotal: point.cost.clone(),
        discount: Decimal::zero(),
        event_count: i64::try_from(point.events).unwrap_or(i64::MAX),
    });
    UsageAnalyticItem {
        name: feature.map_or_else(|| item.meter.name.clone(), |feature| feature.name.clone()),
        feature_id: feature.map(|feature| feature.id.to_string()),
        feature: feature.filter(|_| wants("feature")).map(|feature| FeatureResponse::new(feature, None, None)),
        meter_id: item.meter.id.to_string(),
        meter: if wants("meter") { Some(MeterResponse::from(&item.meter)) } else { None },
        event_name: item.meter.event_name.clone(),
        aggregation_type: item.meter.aggregation.kind,
        unit: feature.and_then(|feature| text(&feature.unit_singular)),
        unit_plural: feature.and_then(|feature| text(&feature.unit_plural)),
        price_id: billed.map(|(_, _, price)| price.id.to_string()),
        price: billed.filter(|_| wants("price")).map(|(_, _, price)| PriceResponse::from(price)),
        plan_id: billed.map(|(subscription, ..)| subscription.plan_id.to_string()),
        subscription_id: billed.map(|(subscription, ..)| subscription.id.to_string()),
        sub_line_item_id: billed.map(|(_, line, _)| line.id.to_string()),
        subscription_line_item: billed
            .filter(|_| wants("subscription_line_item"))
            .map(|(_, line, _)| SubscriptionLineItemResponse::from(line)),
        total_usage: item.usage.clone(),
        event_count: i64::try_from(item.events).unwrap_or(i64::MAX),
        total_cost: item.cost.clone(),
        subtotal: item.cost.clone(),
        total_discount: Decimal::zero(),
        currency: billed.map(|(subscription, ..)| subscription.currency.to_string()),
        window_size,
        points: points.collect(),
        properties: std::collections::BTreeMap::new(),
    }
}

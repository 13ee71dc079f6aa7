//! Usage and cost per line of a customer's subscriptions.

use std::collections::HashMap;

use app::Error;
use app::event::{AnalyticsItem, AnalyticsRequest};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::meter::WindowSize;
use domain::money::Decimal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked_period::asked_period;
use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::wire::feature::FeatureResponse;
use crate::wire::meter::MeterResponse;
use crate::wire::price::PriceResponse;
use crate::wire::subscription::SubscriptionLineItemResponse;
use crate::wire::usage::{GetUsageAnalyticsRequest, GetUsageAnalyticsResponse, UsageAnalyticItem, UsageAnalyticPoint};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(usage_analytics))
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

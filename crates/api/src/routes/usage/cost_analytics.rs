//! What usage costs, and what is left of the revenue.

use app::Error;
use app::cost::{CostItem, CostRequest};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::invalid::{Invalid, require_field};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::routes::asked_period::asked_period;
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::prices::PriceResponse;
use crate::wire::usage::cost_analytics::{CostAnalyticItem, GetCostAnalyticsRequest, GetDetailedCostAnalyticsResponse};
use crate::wire::values_by_property;

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_cost_analytics))
}

/// What usage cost, beside what it is billed at
#[utoipa::path(post, path = "/v1/costs/analytics", operation_id = "getDetailedCostAnalytics", tag = "Costs",
    request_body = GetCostAnalyticsRequest, responses((status = 200, body = GetDetailedCostAnalyticsResponse)))]
async fn get_cost_analytics(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetCostAnalyticsRequest>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    require_field(request.start_time.is_some() == request.end_time.is_some(), "end_time", "give start_time and end_time both, or neither")?;
    if let Some(wrong) = request.expand.iter().find(|name| !matches!(name.as_str(), "meter" | "price")) {
        return Err(Error::from(
            Invalid::input(format!("`{wrong}` cannot be expanded here: use meter, price")).with("field", "expand").with("value", wrong),
        )
        .into());
    }
    let wants = |name: &str| request.expand.iter().any(|wanted| wanted == name);
    let external_customer_id = request.external_customer_id.clone().filter(|id| !id.is_empty());
    let period = asked_period(&state, scope, request.start_time, request.end_time)?;
    let asked = CostRequest {
        external_customer_id: external_customer_id.clone(),
        feature_ids: request.feature_ids.to_vec(),
        property_filters: values_by_property(request.property_filters.clone()),
        period,
    };
    let found = state.app.cost_analytics(scope, asked).await?;
    let sheet = found.sheet.as_ref().map(|sheet| sheet.id.to_string()).unwrap_or_default();
    let item = |item: &CostItem| CostAnalyticItem {
        meter_id: item.meter.id.to_string(),
        meter_name: item.meter.event_name.clone(),
        costsheet_id: sheet.clone(),
        price_id: item.price.id.to_string(),
        external_customer_id: external_customer_id.clone(),
        total_quantity: item.usage.clone(),
        total_cost: item.cost.clone(),
        total_events: i64::try_from(item.events).unwrap_or(i64::MAX),
        currency: item.price.currency.to_string(),
        meter: wants("meter").then(|| MeterResponse::from(&item.meter)),
        price: wants("price").then(|| PriceResponse::from(&item.price)),
    };
    let response = GetDetailedCostAnalyticsResponse {
        cost_analytics: found.items.iter().map(item).collect(),
        total_cost: found.cost,
        total_revenue: found.revenue,
        margin: found.margin.margin,
        margin_percent: found.margin.margin_percent,
        roi: found.margin.roi,
        roi_percent: found.margin.roi_percent,
        currency: found.currency,
        start_time: period.start,
        end_time: period.end,
    };
    Ok(axum::Json(response).into_response())
}

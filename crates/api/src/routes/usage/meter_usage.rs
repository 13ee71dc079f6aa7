//! What the usage ledger holds of a customer's meters (spec 10 §10).

use app::Error;
use app::usage::{MeterUsage, MeterUsageRequest};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::invalid::{Invalid, require_text};
use domain::meter::AggregationType;
use domain::scope::Scope;
use domain::time::Period;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::wire::usage::meter_usage::{
    MeterUsageAnalyticsRequest, MeterUsageAnalyticsResponse, MeterUsageCommon, MeterUsageQueryRequest, MeterUsageResponse,
};

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(query_meter_usage)).routes(routes!(analyze_meter_usage))
}

/// Usage of one meter by a customer
#[utoipa::path(post, path = "/v1/meter-usage/query", operation_id = "queryMeterUsage", tag = "Meters", request_body = MeterUsageQueryRequest,
    responses((status = 200, body = MeterUsageResponse)))]
async fn query_meter_usage(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<MeterUsageQueryRequest>,
) -> ApiResult<Response> {
    require_text(&request.meter_id, "meter_id")?;
    let (kind, mut usages) = read(&state, &context.scope, vec![request.meter_id], request.common).await?;
    let usage = usages.pop().ok_or_else(|| Error::Internal("a meter without usage".into()))?;
    Ok(axum::Json(MeterUsageResponse::new(kind, usage)).into_response())
}

/// Usage of several meters by a customer; those without events are left out
#[utoipa::path(post, path = "/v1/meter-usage/analytics", operation_id = "getMeterUsageAnalytics", tag = "Meters",
    request_body = MeterUsageAnalyticsRequest, responses((status = 200, body = MeterUsageAnalyticsResponse)))]
async fn analyze_meter_usage(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<MeterUsageAnalyticsRequest>,
) -> ApiResult<Response> {
    let mut meter_ids = request.meter_ids;
    meter_ids.sort_unstable();
    meter_ids.dedup();
    let (kind, usages) = read(&state, &context.scope, meter_ids.into_vec(), request.common).await?;
    let items = usages.into_iter().filter(|usage| usage.events > 0).map(|usage| MeterUsageResponse::new(kind, usage));
    Ok(axum::Json(MeterUsageAnalyticsResponse { items: items.collect() }).into_response())
}

async fn read(
    state: &ApiState,
    scope: &Scope,
    meter_ids: Vec<String>,
    asked: MeterUsageCommon,
) -> ApiResult<(AggregationType, Vec<MeterUsage>)> {
    require_text(&asked.external_customer_id, "external_customer_id")?;
    let (Some(start), Some(end)) = (asked.start_time, asked.end_time) else {
        return Err(Error::field("start_time", "start_time and end_time are required").into());
    };
    let name = asked.aggregation_type.to_uppercase();
    let aggregation =
        AggregationType::parse(&name).ok_or_else(|| Invalid::not_one_of("aggregation_type", AggregationType::TEXTS, &name))?;
    let request = MeterUsageRequest {
        external_customer_id: asked.external_customer_id,
        meter_ids,
        period: Period::new(start, end),
        aggregation,
        window_size: asked.window_size,
        billing_anchor: asked.billing_anchor,
    };
    Ok((aggregation, state.app.meter_usage(scope, &request).await?))
}

//! What single events cost, under the two paths that the marketplace and the published clients know (spec 10 §9.6).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::money::Decimal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::wire::usage::request_costs::{EventCostInfo, GetHuggingFaceBillingDataRequest, GetHuggingFaceBillingDataResponse};

const NANO_PER_DOLLAR: i64 = 1_000_000_000;

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(huggingface_inference)).routes(routes!(huggingface_billing))
}

/// Tells what events cost, each on its own
#[utoipa::path(post, path = "/v1/events/huggingface-inference", operation_id = "getHuggingfaceInferenceData", tag = "Events",
    request_body = GetHuggingFaceBillingDataRequest, responses((status = 200, body = GetHuggingFaceBillingDataResponse)))]
async fn huggingface_inference(
    state: State<ApiState>,
    caller: Caller,
    request: Body<GetHuggingFaceBillingDataRequest>,
) -> ApiResult<Response> {
    huggingface_billing(state, caller, request).await
}

/// Tells what events cost, each on its own
#[utoipa::path(post, path = "/v1/events/huggingface-billing", operation_id = "getHuggingfaceBillingData", tag = "Events",
    request_body = GetHuggingFaceBillingDataRequest, responses((status = 200, body = GetHuggingFaceBillingDataResponse)))]
async fn huggingface_billing(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetHuggingFaceBillingDataRequest>,
) -> ApiResult<Response> {
    let costs = state.app.request_costs(&context.scope, &request.request_ids).await?;
    let nano = Decimal::from(NANO_PER_DOLLAR);
    let requests = request.request_ids.into_iter().zip(costs);
    let requests = requests.map(|(request_id, cost)| EventCostInfo { request_id, cost_nano_usd: &cost * &nano });
    Ok(axum::Json(GetHuggingFaceBillingDataResponse { requests: requests.collect() }).into_response())
}

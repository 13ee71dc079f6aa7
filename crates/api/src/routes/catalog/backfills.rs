//! Counting past events for a meter that was made after them.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::commit;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::wire::catalog::backfills::{BackfillMeterRequest, BackfillResponse};

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(start_backfill, get_backfill))
}

/// Counts past events for a meter; one run at a time
#[utoipa::path(post, path = "/v1/meters/{id}/backfill", operation_id = "backfillMeter", tag = "Meters", request_body = BackfillMeterRequest,
    responses((status = 202, body = BackfillResponse)))]
async fn start_backfill(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<BackfillMeterRequest>,
) -> ApiResult<Response> {
    let pending = state.app.start_backfill(&context, &id, request.start_time, request.end_time).await?;
    commit(&context, StatusCode::ACCEPTED, pending, |backfill| BackfillResponse::from(backfill)).await
}

/// Tells how far the newest run over past events is
#[utoipa::path(get, path = "/v1/meters/{id}/backfill", operation_id = "getMeterBackfill", tag = "Meters",
    responses((status = 200, body = BackfillResponse)))]
async fn get_backfill(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let backfill = state.app.backfill_state(&context.scope, &id).await?;
    Ok(axum::Json(BackfillResponse::from(backfill)).into_response())
}

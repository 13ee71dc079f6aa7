//! The clock of a sandbox environment: a year of billing in seconds.

use app::Error;
use app::platform::ADVANCE_WORK_MAX;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::keep;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::wire::platform::clocks::{AdvanceClockRequest, ClockResponse, SetClockRequest};

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_clock, set_clock, remove_clock)).routes(routes!(advance_clock, cancel_advance))
}

/// Reads an environment's clock
#[utoipa::path(get, path = "/v1/environments/{id}/clock", operation_id = "getEnvironmentClock", tag = "Environments",
    responses((status = 200, body = ClockResponse)))]
async fn get_clock(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let clock = state.app.clock_state(&context, &id).await?;
    Ok(axum::Json(ClockResponse::new(&id, &clock)).into_response())
}

/// Sets a sandbox's clock; nothing runs until it is advanced
#[utoipa::path(put, path = "/v1/environments/{id}/clock", operation_id = "setEnvironmentClock", tag = "Environments",
    request_body = SetClockRequest, responses((status = 200, body = ClockResponse)))]
async fn set_clock(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<SetClockRequest>,
) -> ApiResult<Response> {
    let time = request.time.ok_or_else(|| Error::field("time", "time is required, such as 2025-01-01T00:00:00Z"))?;
    let clock = state.app.set_clock(&context, &id, time).await?;
    keep(&state.app, &context, StatusCode::OK, &ClockResponse::new(&id, &clock)).await
}

/// Takes a sandbox's clock away: it follows the system again
#[utoipa::path(delete, path = "/v1/environments/{id}/clock", operation_id = "removeEnvironmentClock", tag = "Environments",
    responses((status = 200, body = ClockResponse)))]
async fn remove_clock(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let clock = state.app.remove_clock(&context, &id).await?;
    keep(&state.app, &context, StatusCode::OK, &ClockResponse::new(&id, &clock)).await
}

/// Advances a sandbox's clock and runs all that falls due on the way, in order
///
/// It ends early when it is cancelled, when `max_work` pieces have run, and when the caller goes away; the answer says so in `stopped`, and
/// another advance goes on from there. While it is under way, the clock says how far it has come.
#[utoipa::path(post, path = "/v1/environments/{id}/clock/advance", operation_id = "advanceEnvironmentClock", tag = "Environments",
    request_body = AdvanceClockRequest, responses((status = 200, body = ClockResponse)))]
async fn advance_clock(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<AdvanceClockRequest>,
) -> ApiResult<Response> {
    let to = request.to.ok_or_else(|| Error::field("to", "to is required, such as 2025-02-01T00:00:00Z"))?;
    let work_max = request.max_work.unwrap_or(ADVANCE_WORK_MAX);
    if !(1..=ADVANCE_WORK_MAX).contains(&work_max) {
        return Err(Error::field("max_work", format!("max_work must be 1 to {ADVANCE_WORK_MAX}: advance again to go on")).into());
    }
    let clock = state.app.advance_clock(&context, &id, to, work_max).await?;
    keep(&state.app, &context, StatusCode::OK, &ClockResponse::new(&id, &clock)).await
}

/// Stops an advance of a sandbox's clock after the piece of work that runs
#[utoipa::path(delete, path = "/v1/environments/{id}/clock/advance", operation_id = "cancelEnvironmentClockAdvance", tag = "Environments",
    responses((status = 200, body = ClockResponse)))]
async fn cancel_advance(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let clock = state.app.cancel_advance(&context, &id).await?;
    keep(&state.app, &context, StatusCode::OK, &ClockResponse::new(&id, &clock)).await
}

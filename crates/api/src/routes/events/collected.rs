//! Raw objects of an external collector: in, and transformed again (spec 10 §13).

use app::Context;
use axum::extract::{Request, State};
use axum::response::Response;
use domain::event::ReprocessMode;
use http::StatusCode;
use serde_json::value::RawValue;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::{commit, keep};
use crate::body;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, parse_json_borrowed};
use crate::request::IgnoredFields;
use crate::wire::events::collected::{RawBulkResponse, RawBulkSchema, ReprocessRawEventsRequest, ReprocessRawEventsResponse, objects};
use crate::wire::events::ingest::Bulk;

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(ingest_raw_events)).routes(routes!(reprocess_all)).routes(routes!(reprocess_pending))
}

/// Keeps 1 to 1000 raw objects of a collector and takes in the events that they become
#[utoipa::path(post, path = "/v1/events/raw/bulk", operation_id = "ingestRawEventsBulk", tag = "Events", request_body = RawBulkSchema,
    responses((status = 202, body = RawBulkResponse)))]
async fn ingest_raw_events(State(state): State<ApiState>, Caller(context): Caller, request: Request) -> ApiResult<Response> {
    let ignored = IgnoredFields::of(request.extensions());
    let read = move |bytes: &[u8]| {
        let mut bulk = parse_json_borrowed::<Bulk<&RawValue>>(bytes)?;
        ignored.add(bulk.ignored());
        Ok(objects(&bulk.events)?)
    };
    let objects = body::read(request, &state, read).await?;
    let batch_size = i64::try_from(objects.len()).unwrap_or(i64::MAX);
    state.app.ingest_raw(&context, objects).await?;
    let answer = RawBulkResponse { message: "Raw events accepted for processing", batch_size };
    keep(&state.app, &context, StatusCode::ACCEPTED, &answer).await
}

/// Transforms raw objects of a time again
#[utoipa::path(post, path = "/v1/events/raw/reprocess/all", operation_id = "reprocessRawEvents", tag = "Events",
    request_body = ReprocessRawEventsRequest, responses((status = 200, body = ReprocessRawEventsResponse)))]
async fn reprocess_all(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<ReprocessRawEventsRequest>,
) -> ApiResult<Response> {
    start(&state, &context, request, ReprocessMode::All).await
}

/// Transforms raw objects of a time again that were not taken in
#[utoipa::path(post, path = "/v1/events/raw/reprocess/pending", operation_id = "reprocessPendingRawEvents", tag = "Events",
    request_body = ReprocessRawEventsRequest, responses((status = 200, body = ReprocessRawEventsResponse)))]
async fn reprocess_pending(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<ReprocessRawEventsRequest>,
) -> ApiResult<Response> {
    start(&state, &context, request, ReprocessMode::Pending).await
}

async fn start(state: &ApiState, context: &Context, request: ReprocessRawEventsRequest, mode: ReprocessMode) -> ApiResult<Response> {
    let pending = state.app.start_reprocess(context, request.into_request(mode)?).await?;
    commit(context, StatusCode::OK, pending, |run| ReprocessRawEventsResponse {
        message: "raw events are being reprocessed",
        workflow_id: app::due_work::Kind::ReprocessRawEvents.work_id(run.id.as_str()),
        run_id: run.id.to_string(),
    })
    .await
}

//! One event: what became of it, and why (spec 10 §9.4).

use app::{Context, Error};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Caller, Query};
use crate::wire::events::lookup::{EventLookupQuery, GetEventByIDResponse};

/// The older path stands outside of the document, which has no word for an id of several segments.
pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(look_up_event)).route("/v1/events/{*id}", get(look_up_event_by_path))
}

/// Tells what became of an event, and why
#[utoipa::path(get, path = "/v1/events/lookup", operation_id = "getEvent", tag = "Events",
    params(Query<EventLookupQuery>), responses((status = 200, body = GetEventByIDResponse)))]
async fn look_up_event(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Query(query): Query<EventLookupQuery>,
) -> ApiResult<Response> {
    respond(&state, &context, &query.id).await
}

async fn look_up_event_by_path(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    respond(&state, &context, &id).await
}

async fn respond(state: &ApiState, context: &Context, id: &str) -> ApiResult<Response> {
    if id.is_empty() {
        return Err(Error::field("id", "id is required: the event's id").into());
    }
    let lookup = state.app.event_lookup(&context.scope, id).await?;
    Ok(axum::Json(GetEventByIDResponse::new(&context.scope, &lookup)).into_response())
}

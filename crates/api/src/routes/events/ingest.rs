//! Events in: one or many; durable and counted before the answer.

use std::collections::BTreeMap;

use app::event::IncomingEvent;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::keep;
use crate::body;
use crate::error::ApiResult;
use crate::extract::{Caller, parse_json_borrowed};
use crate::request::IgnoredFields;
use crate::routes::events::list::{__path_list_events, list_events};
use crate::wire::events::ingest::{Bulk, BulkIngestSchema, IngestEvent, IngestEventSchema};

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(ingest_event, list_events)).routes(routes!(ingest_events_bulk))
}

/// Takes in one event
#[utoipa::path(post, path = "/v1/events", operation_id = "ingestEvent", tag = "Events", request_body = IngestEventSchema,
    responses((status = 202, body = BTreeMap<String, String>)))]
async fn ingest_event(State(state): State<ApiState>, Caller(context): Caller, request: Request) -> ApiResult<Response> {
    let ignored = IgnoredFields::of(request.extensions());
    let read = move |bytes: &[u8]| {
        let event: IngestEvent<'_> = parse_json_borrowed(bytes)?;
        ignored.add(event.ignored());
        Ok(IncomingEvent::from(event))
    };
    let event = body::read(request, &state, read).await?;
    let ingested = state.app.ingest_events(&context, vec![event]).await?;
    let event_id = ingested.event_ids.into_iter().next().unwrap_or_default();
    let answer = BTreeMap::from([("message", "Event accepted for processing".to_owned()), ("event_id", event_id)]);
    accepted(&state, &context, &answer).await
}

/// Takes in 1 to 1000 events, all or none
///
/// `accepted` is the number of events, `new` how many of them were no copies of events known before. Behind an event log (Kafka) that is
/// found out by the consumers after this answer, so `new` is left out there.
#[utoipa::path(post, path = "/v1/events/bulk", operation_id = "ingestEventsBulk", tag = "Events", request_body = BulkIngestSchema,
    responses((status = 202, body = BTreeMap<String, String>)))]
async fn ingest_events_bulk(State(state): State<ApiState>, Caller(context): Caller, request: Request) -> ApiResult<Response> {
    let ignored = IgnoredFields::of(request.extensions());
    let read = move |bytes: &[u8]| {
        let mut bulk: Bulk<IngestEvent<'_>> = parse_json_borrowed(bytes)?;
        ignored.add(bulk.ignored());
        let of_events = bulk.events.iter().flat_map(|event| event.ignored().map(|field| format!("events[].{field}")));
        ignored.add(of_events);
        Ok(bulk.events.into_iter().map(IncomingEvent::from).collect())
    };
    let incoming = body::read(request, &state, read).await?;
    let ingested = state.app.ingest_events(&context, incoming).await?;
    let mut answer =
        BTreeMap::from([("message", "Events accepted for processing".to_owned()), ("accepted", ingested.event_ids.len().to_string())]);
    answer.extend(ingested.new.map(|new| ("new", new.to_string())));
    accepted(&state, &context, &answer).await
}

async fn accepted(state: &ApiState, context: &app::Context, answer: &BTreeMap<&str, String>) -> ApiResult<Response> {
    keep(&state.app, context, StatusCode::ACCEPTED, answer).await
}

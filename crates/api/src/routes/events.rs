//! Events in: one or many; durable and counted before the answer.

use std::collections::BTreeMap;

use app::event::{EventPageRequest, IncomingEvent};
use app::{Error, EventFilter, EventOrder};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::time::Timestamp;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::json;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, body_bytes, parse_json_borrowed};
use crate::wire::event::{BulkIngest, BulkIngestSchema, IngestEvent, IngestEventSchema};
use crate::wire::event_list::{EventResponse, GetEventsRequest, GetEventsResponse};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(ingest_event)).routes(routes!(ingest_events_bulk)).routes(routes!(list_raw_events))
}

/// Takes in one event
#[utoipa::path(post, path = "/v1/events", operation_id = "ingestEvent", tag = "Events", request_body = IngestEventSchema,
    responses((status = 202, body = BTreeMap<String, String>)))]
async fn ingest_event(State(state): State<ApiState>, Caller(context): Caller, request: Request) -> ApiResult<Response> {
    let bytes = body_bytes(request, &state).await?;
    let event: IngestEvent<'_> = parse_json_borrowed(&bytes)?;
    let ingested = state.app.ingest_events(&context, vec![IncomingEvent::from(event)]).await?;
    let event_id = ingested.event_ids.into_iter().next().unwrap_or_default();
    let answer = BTreeMap::from([("message", "Event accepted for processing".to_owned()), ("event_id", event_id)]);
    accepted(&state, &context, &answer).await
}

/// Takes in 1 to 1000 events, all or none; says how many were new
#[utoipa::path(post, path = "/v1/events/bulk", operation_id = "ingestEventsBulk", tag = "Events", request_body = BulkIngestSchema,
    responses((status = 202, body = BTreeMap<String, String>)))]
async fn ingest_events_bulk(State(state): State<ApiState>, Caller(context): Caller, request: Request) -> ApiResult<Response> {
    let bytes = body_bytes(request, &state).await?;
    let bulk: BulkIngest<'_> = parse_json_borrowed(&bytes)?;
    let incoming = bulk.events.into_iter().map(IncomingEvent::from).collect();
    let ingested = state.app.ingest_events(&context, incoming).await?;
    let mut answer =
        BTreeMap::from([("message", "Events accepted for processing".to_owned()), ("accepted", ingested.event_ids.len().to_string())]);
    answer.extend(ingested.new.map(|new| ("new", new.to_string())));
    accepted(&state, &context, &answer).await
}

async fn accepted(state: &ApiState, context: &app::Context, answer: &BTreeMap<&str, String>) -> ApiResult<Response> {
    let body = serde_json::to_string(answer).map_err(|error| Error::Internal(error.to_string()))?;
    state.app.keep_answer(context, StatusCode::ACCEPTED.as_u16(), &body).await?;
    Ok(json(StatusCode::ACCEPTED, body))
}

/// Lists events, by offset or by cursor
#[utoipa::path(post, path = "/v1/events/query", operation_id = "listRawEvents", tag = "Events", request_body = GetEventsRequest,
    responses((status = 200, body = GetEventsResponse)))]
async fn list_raw_events(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetEventsRequest>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    let order = match request.order.as_deref() {
        None | Some("" | "desc") => EventOrder::Descending,
        Some("asc") => EventOrder::Ascending,
        Some(other) => return Err(Error::input(format!("order must be asc or desc, not {other}")).into()),
    };
    if let Some(sort) = request.sort.as_deref().filter(|sort| !matches!(*sort, "" | "timestamp")) {
        return Err(Error::input(format!("events are sorted by timestamp, not by {sort}")).into());
    }
    let end = request.end_time.unwrap_or_else(|| state.app.now(scope));
    let start = request.start_time.unwrap_or_else(|| end.plus_seconds(-7 * 86_400));
    if end < start {
        return Err(Error::input("end_time must not be before start_time").into());
    }
    let offset = usize::try_from(request.offset.unwrap_or(0)).map_err(|_| Error::input("offset must be 0 or more"))?;
    let newer = request.iter_first_key.as_deref().filter(|key| !key.is_empty()).map(parse_key).transpose()?;
    let older = request.iter_last_key.as_deref().filter(|key| !key.is_empty()).map(parse_key).transpose()?;
    let by_cursor = newer.is_some() || older.is_some();
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    // A key names a place in time: what is newer than it comes before it in a descending list, after it in an ascending one.
    let (before, after) = match (order, newer, older) {
        (EventOrder::Descending, Some(newer), _) => (Some(newer), None),
        (EventOrder::Descending, None, older) => (None, older),
        (EventOrder::Ascending, Some(newer), _) => (None, Some(newer)),
        (EventOrder::Ascending, None, older) => (older, None),
    };
    let page_request = EventPageRequest {
        filter: EventFilter {
            external_customer_id: text(request.external_customer_id),
            event_name: text(request.event_name),
            event_id: text(request.event_id),
            source: text(request.source),
            properties: request.property_filters.unwrap_or_default(),
            from: Some(start),
            // The list shows its last instant too.
            until: Some(end.plus_micros(1)),
        },
        order,
        page_size: request.page_size.and_then(|size| usize::try_from(size).ok()),
        offset,
        after,
        before,
    };
    let page = state.app.event_page(scope, page_request).await?;
    let shown = page.events.len();
    let response = GetEventsResponse {
        iter_first_key: page.events.first().map(|event| key(event.timestamp, &event.id)),
        iter_last_key: page.events.last().filter(|_| page.has_more || !by_cursor).map(|event| key(event.timestamp, &event.id)),
        events: page.events.iter().map(|event| EventResponse::new(scope, event)).collect(),
        has_more: page.has_more,
        total_count: i64::try_from(page.total).unwrap_or(i64::MAX),
        offset: i64::try_from(offset + shown).unwrap_or(i64::MAX),
    };
    Ok(axum::Json(response).into_response())
}

/// `<nanoseconds since 1970>::<id>` (spec 10 §9.3).
fn key(timestamp: Timestamp, id: &str) -> String {
    format!("{}::{id}", i128::from(timestamp.micros()) * 1_000)
}

fn parse_key(key: &str) -> Result<(Timestamp, String), Error> {
    let parsed = key.split_once("::").and_then(|(nanos, id)| {
        let micros = nanos.parse::<i128>().ok()?.div_euclid(1_000);
        Some((Timestamp::from_micros(i64::try_from(micros).ok()?), id.to_owned()))
    });
    parsed.ok_or_else(|| Error::input("a key looks like 1718193600000000000::event-id: use one that a page gave"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec 10 §18 no. 21; an id may hold `::`.
    #[test]
    fn keys_are_nanoseconds_and_id() {
        let at: Timestamp = "2024-06-12T12:00:00Z".parse().unwrap();
        assert_eq!(key(at, "ev-9"), "1718193600000000000::ev-9");
        assert_eq!(parse_key("1718193600000000000::a::b").unwrap(), (at, "a::b".to_owned()));
        assert!(parse_key("yesterday").is_err());
    }
}

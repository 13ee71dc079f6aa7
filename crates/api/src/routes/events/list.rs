//! The list of events, by offset or by cursor (spec 10 §9.3).

use app::event::{EventCursor, EventPageRequest, EventSort, Side};
use app::{Context, Error, EventFilter, EventOrder};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::invalid::Invalid;
use domain::time::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::routes::asked_period::asked_period;
use crate::wire::events::list::{EventResponse, GetEventsQuery, GetEventsRequest, GetEventsResponse};
use crate::wire::values_by_property;

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list_raw_events))
}

/// Lists events, by offset or by cursor
#[utoipa::path(get, path = "/v1/events", operation_id = "listEvents", tag = "Events",
    params(Query<GetEventsQuery>), responses((status = 200, body = GetEventsResponse)))]
pub(super) async fn list_events(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Query(query): Query<GetEventsQuery>,
) -> ApiResult<Response> {
    respond(&state, &context, query.into_request()?).await
}

/// Lists events, by offset or by cursor
#[utoipa::path(post, path = "/v1/events/query", operation_id = "listRawEvents", tag = "Events", request_body = GetEventsRequest,
    responses((status = 200, body = GetEventsResponse)))]
async fn list_raw_events(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetEventsRequest>,
) -> ApiResult<Response> {
    respond(&state, &context, request).await
}

async fn respond(state: &ApiState, context: &Context, request: GetEventsRequest) -> ApiResult<Response> {
    let scope = &context.scope;
    let order = match request.order.as_deref() {
        None | Some("" | "desc") => EventOrder::Descending,
        Some("asc") => EventOrder::Ascending,
        Some(other) => return Err(Invalid::not_one_of("order", &["asc", "desc"], other).into()),
    };
    let sort = match request.sort.as_deref() {
        None | Some("" | "timestamp") => EventSort::Timestamp,
        Some("event_name") => EventSort::Name,
        Some(other) => return Err(Invalid::not_one_of("sort", &["timestamp", "event_name"], other).into()),
    };
    let period = asked_period(state, scope, request.start_time, request.end_time)?;
    let offset = usize::try_from(request.offset.unwrap_or(0)).map_err(|_| Error::field("offset", "offset must be 0 or more"))?;
    let cursor = cursor(request.iter_first_key.as_deref(), request.iter_last_key.as_deref())?;
    let by_cursor = cursor.is_some();
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut properties = values_by_property(request.property_filters);
    properties.retain(|_, values| !values.is_empty());
    let page_size =
        request.page_size.map(usize::try_from).transpose().map_err(|_| Error::field("page_size", "page_size must be 0 or more"))?;
    let page_request = EventPageRequest {
        filter: EventFilter {
            external_customer_id: text(request.external_customer_id),
            event_name: text(request.event_name),
            event_id: text(request.event_id),
            source: text(request.source),
            properties,
            from: Some(period.start),
            // The list shows its last instant too.
            until: Some(period.end.plus_micros(1)),
        },
        sort,
        order,
        page_size,
        offset,
        cursor,
    };
    let page = state.app.event_page(scope, page_request).await?;
    let shown = page.events.len();
    let response = GetEventsResponse {
        iter_first_key: page.events.first().map(|event| key(event.timestamp, &event.id)),
        iter_last_key: page.events.last().filter(|_| page.has_more || !by_cursor).map(|event| key(event.timestamp, &event.id)),
        events: page.events.iter().map(|event| EventResponse::new(scope, event)).collect(),
        has_more: page.has_more,
        total_count: i64::try_from(page.total).unwrap_or(i64::MAX),
        offset: i64::try_from(offset.saturating_add(shown)).unwrap_or(i64::MAX),
    };
    Ok(axum::Json(response).into_response())
}

/// Of two keys the one that asks for newer events goes first.
fn cursor(first: Option<&str>, last: Option<&str>) -> Result<Option<EventCursor>, Error> {
    let given = |field, key: Option<&str>| key.filter(|key| !key.is_empty()).map(|key| parse_key(field, key)).transpose();
    let (newer, older) = (given("iter_first_key", first)?, given("iter_last_key", last)?);
    let newer = newer.map(|at| EventCursor { at, side: Side::Newer });
    Ok(newer.or_else(|| older.map(|at| EventCursor { at, side: Side::Older })))
}

/// `<nanoseconds since 1970>::<id>` (spec 10 §9.3).
fn key(timestamp: Timestamp, id: &str) -> String {
    format!("{}::{id}", i128::from(timestamp.micros()) * 1_000)
}

fn parse_key(field: &str, key: &str) -> Result<(Timestamp, String), Error> {
    let parsed = key.split_once("::").and_then(|(nanos, id)| {
        let micros = nanos.parse::<i128>().ok()?.div_euclid(1_000);
        Some((Timestamp::from_micros(i64::try_from(micros).ok()?), id.to_owned()))
    });
    parsed.ok_or_else(|| {
        let message = "a key looks like 1718193600000000000::event-id: use one that a page gave";
        Error::Invalid(Invalid::field(field, message).with("value", key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec 10 §18 no. 21; an id may hold `::`.
    #[test]
    fn keys_are_nanoseconds_and_id() {
        let at: Timestamp = "2024-06-12T12:00:00Z".parse().unwrap();
        assert_eq!(key(at, "ev-9"), "1718193600000000000::ev-9");
        assert_eq!(parse_key("iter_first_key", "1718193600000000000::a::b").unwrap(), (at, "a::b".to_owned()));
        assert!(parse_key("iter_first_key", "yesterday").is_err());
    }
}

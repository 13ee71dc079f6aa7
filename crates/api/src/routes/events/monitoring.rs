//! How much comes in, and what waits to be counted (spec 10 §9.5).

use app::Error;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::invalid::Invalid;
use domain::meter::{Window, WindowSize};
use domain::time::{Period, Zone};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Caller, Query};
use crate::wire::events::list::time;
use crate::wire::events::monitoring::{MonitoringQuery, MonitoringResponse};

/// Without times, the last day is shown.
const DEFAULT_SECONDS: i64 = 24 * 3_600;

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(monitor_events))
}

/// Counts events of a time, and those that wait to be counted
#[utoipa::path(get, path = "/v1/events/monitoring", operation_id = "getEventMonitoring", tag = "Events",
    params(Query<MonitoringQuery>), responses((status = 200, body = MonitoringResponse)))]
async fn monitor_events(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Query(query): Query<MonitoringQuery>,
) -> ApiResult<Response> {
    let (start, end) = (time("start_time", query.start_time.as_deref())?, time("end_time", query.end_time.as_deref())?);
    let period = match (start, end) {
        (Some(start), Some(end)) if start <= end => Period::new(start, end),
        (Some(_), Some(_)) => return Err(Error::field("end_time", "end_time must not be before start_time").into()),
        (None, None) => {
            let now = state.app.now(&context.scope);
            Period::new(now.plus_seconds(-DEFAULT_SECONDS), now)
        }
        _ => return Err(Error::field("start_time", "start_time and end_time go together").into()),
    };
    let size = query.window_size.filter(|size| !size.is_empty());
    let window = size.map(|size| WindowSize::parse(&size).ok_or_else(|| Invalid::not_one_of("window_size", WindowSize::TEXTS, &size)));
    let window = window.transpose()?.map(|size| Window::new(size, Zone::UTC));
    let monitoring = state.app.event_monitoring(&context.scope, period, window).await?;
    Ok(axum::Json(MonitoringResponse::from(monitoring)).into_response())
}

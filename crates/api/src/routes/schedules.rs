//! What is to happen to subscriptions on a date: listed, read, called off (spec 30 §15).

use app::{Condition, Error, Page, Value};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::invalid::Invalid;
use domain::subscription::{ScheduleStatus, ScheduleType, Subscription, SubscriptionSchedule};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::commit;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::{Columns, any_of, equals};
use crate::list::{CommonFilter, DefaultStatus};
use crate::wire::schedules::{
    CancelScheduleRequest, CancelScheduleResponse, ScheduleFilter, SchedulesResponse, SubscriptionScheduleResponse,
};

const COLUMNS: Columns = Columns::of::<SubscriptionSchedule>(&["subscription_id", "schedule_type", "schedule_status", "scheduled_at"]);

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_all_subscription_schedules))
        .routes(routes!(get_subscription_schedule))
        .routes(routes!(list_schedules))
        .routes(routes!(get_schedule))
        .routes(routes!(list_subscription_schedules))
        .routes(routes!(cancel_subscription_schedule))
        .routes(routes!(cancel_schedule))
}

/// Lists what is to happen to subscriptions
#[utoipa::path(get, path = "/v1/subscription-schedules", operation_id = "listAllSubscriptionSchedules", tag = "Subscriptions",
    params(Query<ScheduleFilter>), responses((status = 200, body = SchedulesResponse)))]
async fn list_all_subscription_schedules(
    state: State<ApiState>,
    caller: Caller,
    Query(filter): Query<ScheduleFilter>,
) -> ApiResult<Response> {
    list(state, caller, filter).await
}

/// Lists what is to happen to subscriptions, under the path of the newer clients
#[utoipa::path(get, path = "/v1/subscriptions/schedules", operation_id = "listSchedules", tag = "Subscriptions",
    params(Query<ScheduleFilter>), responses((status = 200, body = SchedulesResponse)))]
async fn list_schedules(state: State<ApiState>, caller: Caller, Query(filter): Query<ScheduleFilter>) -> ApiResult<Response> {
    list(state, caller, filter).await
}

async fn list(State(state): State<ApiState>, Caller(context): Caller, filter: ScheduleFilter) -> ApiResult<Response> {
    let mut own: Vec<Condition> = Vec::new();
    own.extend(equals("subscription_id", filter.subscription_id.as_ref()));
    own.extend(any_of("subscription_id", &filter.subscription_ids));
    own.extend(any_of("id", &filter.schedule_ids));
    own.extend(any_of("schedule_type", &filter.schedule_type));
    own.extend(any_of("schedule_status", &filter.schedule_status));
    own.extend((filter.pending_only == Some(true)).then(|| Condition::eq("schedule_status", &ScheduleStatus::Pending)));
    own.extend(filter.scheduled_at_start.map(|at| Condition::Gte("scheduled_at", Value::Time(at))));
    own.extend(filter.scheduled_at_end.map(|at| Condition::Lte("scheduled_at", Value::Time(at))));
    let page = CommonFilter { limit: filter.limit, offset: filter.offset, ..CommonFilter::default() };
    let query = page.into_query(&COLUMNS, DefaultStatus::Published, own)?;
    let Page { items, total } = state.app.list::<SubscriptionSchedule>(&context.scope, &query).await?;
    let now = state.app.now(&context.scope);
    let schedules = items.iter().map(|schedule| SubscriptionScheduleResponse::new(schedule, now)).collect();
    Ok(axum::Json(SchedulesResponse { schedules, count: total }).into_response())
}

/// Lists what is to happen to a subscription
#[utoipa::path(get, path = "/v1/subscriptions/{id}/schedules", operation_id = "listSubscriptionSchedules", tag = "Subscriptions",
    responses((status = 200, body = SchedulesResponse)))]
async fn list_subscription_schedules(state: State<ApiState>, caller: Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let subscription: Subscription = state.app.require(&caller.0.scope, &id).await?;
    let filter = ScheduleFilter { subscription_id: Some(subscription.id.to_string()), limit: Some(1000), ..ScheduleFilter::default() };
    list(state, caller, filter).await
}

/// Reads what is to happen to a subscription
#[utoipa::path(get, path = "/v1/subscription-schedules/{id}", operation_id = "getSubscriptionSchedule", tag = "Subscriptions",
    responses((status = 200, body = SubscriptionScheduleResponse)))]
async fn get_subscription_schedule(state: State<ApiState>, caller: Caller, path: Path<String>) -> ApiResult<Response> {
    get(state, caller, path).await
}

/// Reads what is to happen to a subscription, under the path of the newer clients
#[utoipa::path(get, path = "/v1/subscriptions/schedules/{id}", operation_id = "getSchedule", tag = "Subscriptions",
    responses((status = 200, body = SubscriptionScheduleResponse)))]
async fn get_schedule(state: State<ApiState>, caller: Caller, path: Path<String>) -> ApiResult<Response> {
    get(state, caller, path).await
}

async fn get(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let schedule: SubscriptionSchedule = state.app.require(&context.scope, &id).await?;
    let now = state.app.now(&context.scope);
    Ok(axum::Json(SubscriptionScheduleResponse::new(&schedule, now)).into_response())
}

/// Calls off what is to happen to a subscription: it goes on as if it had not been asked for
#[utoipa::path(post, path = "/v1/subscriptions/schedules/{id}/cancel", operation_id = "cancelSubscriptionSchedule",
    tag = "Subscriptions", request_body = CancelScheduleRequest, responses((status = 200, body = CancelScheduleResponse)))]
async fn cancel_subscription_schedule(
    state: State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    Body(request): Body<CancelScheduleRequest>,
) -> ApiResult<Response> {
    if let Some(other) = request.schedule_id.as_ref().filter(|other| !other.is_empty() && **other != id) {
        let message = "schedule_id names another schedule than the path: leave it out";
        return Err(Error::from(Invalid::field("schedule_id", message).with("value", other)).into());
    }
    cancel(state, caller, CancelScheduleRequest { schedule_id: Some(id), ..request }).await
}

/// Calls off a schedule, or what of a type is pending for a subscription
#[utoipa::path(post, path = "/v1/subscriptions/schedules/cancel", operation_id = "cancelSchedule", tag = "Subscriptions",
    request_body = CancelScheduleRequest, responses((status = 200, body = CancelScheduleResponse)))]
async fn cancel_schedule(state: State<ApiState>, caller: Caller, Body(request): Body<CancelScheduleRequest>) -> ApiResult<Response> {
    cancel(state, caller, request).await
}

async fn cancel(State(state): State<ApiState>, Caller(context): Caller, request: CancelScheduleRequest) -> ApiResult<Response> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let pending = match (given(&request.schedule_id), given(&request.subscription_id), request.schedule_type) {
        (Some(id), subscription_id, kind) => {
            let schedule: SubscriptionSchedule = state.app.require(&context.scope, &id).await?;
            require_same("subscription_id", subscription_id.as_deref(), schedule.subscription_id.as_str())?;
            require_same("schedule_type", kind.map(ScheduleType::as_str), schedule.schedule_type.as_str())?;
            state.app.cancel_schedule(&context, &id).await?
        }
        (None, Some(subscription_id), Some(kind)) => state.app.cancel_schedule_of(&context, &subscription_id, kind).await?,
        (None, Some(_), None) => {
            let message = "schedule_type is required with subscription_id: plan_change or cancellation";
            return Err(Error::from(Invalid::field("schedule_type", message).with("allowed", ScheduleType::TEXTS.join(", "))).into());
        }
        (None, None, _) => return Err(Error::field("schedule_id", "give schedule_id, or subscription_id with schedule_type").into()),
    };
    commit(&context, StatusCode::OK, pending, |schedule| CancelScheduleResponse {
        status: schedule.schedule_status,
        message: format!("the {} of {} was called off", schedule.schedule_type, schedule.subscription_id),
    })
    .await
}

/// Refuses a request that says something else of its schedule than is true.
fn require_same(field: &str, asked: Option<&str>, found: &str) -> ApiResult<()> {
    match asked {
        Some(asked) if asked != found => {
            let message = format!("{field} is {found} for this schedule: leave it out");
            Err(Error::from(Invalid::field(field, message).with("value", asked)).into())
        }
        _ => Ok(()),
    }
}

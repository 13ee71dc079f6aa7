//! Meters. Clients of the published API make them inside features; the dashboard's routes are here.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::ids::MeterId;
use domain::meter::{Filter, Meter};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::commit;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::{Columns, any_of, equals};
use crate::list::{DefaultStatus, ListResponse, page_of};
use crate::wire::SuccessResponse;
use crate::wire::catalog::meters::{CreateMeterRequest, MeterFilter, MeterResponse, UpdateMeterRequest};

const COLUMNS: Columns = Columns::of::<Meter>(&["name", "event_name", "reset_usage"]);

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_meter, list_meters))
        .routes(routes!(get_meter, update_meter, delete_meter))
        .routes(routes!(disable_meter))
}

/// Makes a meter
#[utoipa::path(post, path = "/v1/meters", operation_id = "createMeter", tag = "Meters", request_body = CreateMeterRequest,
    responses((status = 201, body = MeterResponse)))]
async fn create_meter(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateMeterRequest>,
) -> ApiResult<Response> {
    let meter = request.into_meter(MeterId::new(state.app.ids()), state.app.audit(&context))?;
    let pending = state.app.create_meter(&context, meter).await?;
    commit(&context, StatusCode::CREATED, pending, |meter| MeterResponse::from(meter)).await
}

/// Lists meters, published and archived
#[utoipa::path(get, path = "/v1/meters", operation_id = "listMeters", tag = "Meters",
    params(Query<MeterFilter>), responses((status = 200, body = ListResponse<MeterResponse>)))]
async fn list_meters(State(state): State<ApiState>, Caller(context): Caller, Query(filter): Query<MeterFilter>) -> ApiResult<Response> {
    let event_name = filter.event_name.map(|name| name.trim().to_owned());
    let own = [equals("event_name", event_name.as_ref()), any_of("id", &filter.meter_ids)];
    let query = filter.common.into_query(&COLUMNS, DefaultStatus::PublishedAndArchived, own.into_iter().flatten())?;
    page_of::<Meter, MeterResponse>(&state, &context.scope, &query).await
}

/// Reads a meter
#[utoipa::path(get, path = "/v1/meters/{id}", operation_id = "getMeter", tag = "Meters", responses((status = 200, body = MeterResponse)))]
async fn get_meter(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let meter: Meter = state.app.require(&context.scope, &id).await?;
    Ok(axum::Json(MeterResponse::from(&meter)).into_response())
}

/// Adds filters to a meter
#[utoipa::path(put, path = "/v1/meters/{id}", operation_id = "updateMeter", tag = "Meters", request_body = UpdateMeterRequest,
    responses((status = 200, body = MeterResponse)))]
async fn update_meter(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<UpdateMeterRequest>,
) -> ApiResult<Response> {
    let filters: Vec<Filter> = request.filters.into_iter().map(Filter::from).collect();
    let pending = state.app.update_meter(&context, &id, &filters).await?;
    commit(&context, StatusCode::OK, pending, |meter| MeterResponse::from(meter)).await
}

/// Archives a meter
#[utoipa::path(delete, path = "/v1/meters/{id}", operation_id = "deleteMeter", tag = "Meters", responses((status = 200, body = SuccessResponse)))]
async fn delete_meter(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.archive_meter(&context, &id).await?;
    commit(&context, StatusCode::OK, pending, |()| SuccessResponse::new("meter deleted successfully")).await
}

/// Archives a meter
#[utoipa::path(post, path = "/v1/meters/{id}/disable", operation_id = "disableMeter", tag = "Meters", responses((status = 200, body = SuccessResponse)))]
async fn disable_meter(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.archive_meter(&context, &id).await?;
    commit(&context, StatusCode::OK, pending, |()| SuccessResponse::new("meter disabled successfully")).await
}

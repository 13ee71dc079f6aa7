//! Environments of the tenant.

use app::platform::EnvironmentType;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::invalid::Invalid;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::commit;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::wire::platform::environments::{
    CreateEnvironmentRequest, EnvironmentResponse, ListEnvironmentsResponse, UpdateEnvironmentRequest,
};

/// Most environments of a page.
const LIMIT_MAX: usize = 1000;

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create_environment, list_environments)).routes(routes!(get_environment, update_environment))
}

/// Makes an environment
#[utoipa::path(post, path = "/v1/environments", operation_id = "createEnvironment", tag = "Environments",
    request_body = CreateEnvironmentRequest, responses((status = 201, body = EnvironmentResponse)))]
async fn create_environment(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateEnvironmentRequest>,
) -> ApiResult<Response> {
    let kind = match request.kind.as_str() {
        "development" => EnvironmentType::Development,
        "production" => EnvironmentType::Production,
        other => return Err(Invalid::not_one_of("type", &["development", "production"], other).into()),
    };
    let pending = state.app.create_environment(&context, &request.name, kind).await?;
    commit(&context, StatusCode::CREATED, pending, |environment| EnvironmentResponse::from(environment)).await
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct Paging {
    /// Most environments of the page: 1 to 1000; 50 without.
    limit: Option<usize>,
    /// Environments before the page; 0 without.
    offset: Option<usize>,
}

/// Lists environments
#[utoipa::path(get, path = "/v1/environments", operation_id = "listEnvironments", tag = "Environments",
    params(Query<Paging>), responses((status = 200, body = ListEnvironmentsResponse)))]
async fn list_environments(State(state): State<ApiState>, Caller(context): Caller, Query(paging): Query<Paging>) -> ApiResult<Response> {
    let (limit, offset) = (paging.limit.filter(|limit| *limit > 0).unwrap_or(50), paging.offset.unwrap_or(0));
    if limit > LIMIT_MAX {
        let message = format!("limit must be 1 to {LIMIT_MAX}, not {limit}");
        return Err(Invalid::field("limit", message).with("value", limit).with("limit", LIMIT_MAX).into());
    }
    let all = state.app.environments(&context);
    let environments: Vec<_> = all.iter().skip(offset).take(limit).map(|environment| EnvironmentResponse::from(&**environment)).collect();
    let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let total = whole(environments.len());
    Ok(axum::Json(ListEnvironmentsResponse { environments, total, offset: whole(offset), limit: whole(limit) }).into_response())
}

/// Reads an environment
#[utoipa::path(get, path = "/v1/environments/{id}", operation_id = "getEnvironment", tag = "Environments",
    responses((status = 200, body = EnvironmentResponse)))]
async fn get_environment(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let environment = state.app.environment(&context, &id)?;
    Ok(axum::Json(EnvironmentResponse::from(&*environment)).into_response())
}

/// Renames an environment
#[utoipa::path(put, path = "/v1/environments/{id}", operation_id = "updateEnvironment", tag = "Environments",
    request_body = UpdateEnvironmentRequest, responses((status = 200, body = EnvironmentResponse)))]
async fn update_environment(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<UpdateEnvironmentRequest>,
) -> ApiResult<Response> {
    let pending = state.app.rename_environment(&context, &id, &request.name).await?;
    commit(&context, StatusCode::OK, pending, |environment| EnvironmentResponse::from(environment)).await
}

//! Display groups.

use std::collections::BTreeMap;

use app::{Condition, Error};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::catalog::Group;
use domain::ids::GroupId;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::{commit, commit_empty};
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::filter::{Columns, any_of, contains, equals};
use crate::list::{DefaultStatus, ListResponse, page_of};
use crate::wire::catalog::groups::{CreateGroupRequest, GroupFilter, GroupResponse};

const COLUMNS: Columns = Columns::of::<Group>(&["name", "lookup_key", "entity_type"]);

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create_group)).routes(routes!(query_group)).routes(routes!(get_group, delete_group))
}

/// Makes a group
#[utoipa::path(post, path = "/v1/groups", operation_id = "createGroup", tag = "Groups", request_body = CreateGroupRequest,
    responses((status = 201, body = GroupResponse)))]
async fn create_group(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateGroupRequest>,
) -> ApiResult<Response> {
    let entity_type = request.entity_type.ok_or_else(|| Error::field("entity_type", "entity_type is required: price or feature"))?;
    let group = Group {
        id: GroupId::new(state.app.ids()),
        name: request.name,
        lookup_key: request.lookup_key,
        entity_type,
        metadata: BTreeMap::new(),
        audit: state.app.audit(&context),
    };
    let pending = state.app.create_group(&context, group).await?;
    commit(&context, StatusCode::CREATED, pending, |group| GroupResponse::from(group)).await
}

/// Searches groups
#[utoipa::path(post, path = "/v1/groups/search", operation_id = "queryGroup", tag = "Groups", request_body = GroupFilter,
    responses((status = 200, body = ListResponse<GroupResponse>)))]
async fn query_group(State(state): State<ApiState>, Caller(context): Caller, Body(filter): Body<GroupFilter>) -> ApiResult<Response> {
    let own = [
        any_of("id", &filter.group_ids),
        equals("lookup_key", filter.lookup_key.as_ref()),
        filter.entity_type.map(|kind| Condition::eq("entity_type", &kind)),
        contains("name", filter.name),
    ];
    let query = filter.common.into_query(&COLUMNS, DefaultStatus::Published, own.into_iter().flatten())?;
    page_of::<Group, GroupResponse>(&state, &context.scope, &query).await
}

/// Reads a group
#[utoipa::path(get, path = "/v1/groups/{id}", operation_id = "getGroup", tag = "Groups", responses((status = 200, body = GroupResponse)))]
async fn get_group(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let group: Group = state.app.require(&context.scope, &id).await?;
    Ok(axum::Json(GroupResponse::from(&group)).into_response())
}

/// Archives a group; its members stay
#[utoipa::path(delete, path = "/v1/groups/{id}", operation_id = "deleteGroup", tag = "Groups", responses((status = 204)))]
async fn delete_group(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.delete_group(&context, &id).await?;
    commit_empty(&context, pending).await
}

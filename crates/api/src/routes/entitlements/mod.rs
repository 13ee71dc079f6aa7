//! Entitlements: what plans and subscriptions give of features.

mod effective;

use std::collections::HashMap;

use app::{Condition, Page, Value};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::catalog::{Feature, Plan};
use domain::entitlement::{Entitlement, EntitlementEntityType};
use domain::ids::EntitlementId;
use domain::meter::Meter;
use domain::scope::Scope;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(in crate::routes) use effective::aggregated;

use crate::ApiState;
use crate::answer::commit;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::{Columns, any_of};
use crate::list::{DefaultStatus, ListResponse};
use crate::routes::expand::{Allowed, Expand};
use crate::routes::items;
use crate::wire::SuccessResponse;
use crate::wire::catalog::features::FeatureResponse;
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::plans::PlanResponse;
use crate::wire::entitlements::{
    CreateBulkEntitlementRequest, CreateBulkEntitlementResponse, CreateEntitlementRequest, EntitlementFilter, EntitlementResponse,
    UpdateEntitlementRequest,
};

const COLUMNS: Columns = Columns::of::<Entitlement>(&[
    "entity_type",
    "entity_id",
    "feature_id",
    "feature_type",
    "is_enabled",
    "usage_limit",
    "usage_reset_period",
    "is_soft_limit",
    "static_value",
    "display_order",
    "parent_entitlement_id",
    "start_date",
    "end_date",
]);

/// Add-ons are not built yet: they may be asked for, and none is embedded.
const EXPAND: Allowed = &[("features", &["meters"]), ("meters", &[]), ("plans", &[]), ("addons", &[])];

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_entitlement, list_entitlements))
        .routes(routes!(create_entitlements))
        .routes(routes!(query_entitlement))
        .routes(routes!(get_entitlement, update_entitlement, delete_entitlement))
        .routes(routes!(plan_entitlements))
        .merge(effective::router())
}

/// Makes an entitlement
#[utoipa::path(post, path = "/v1/entitlements", operation_id = "createEntitlement", tag = "Entitlements",
    request_body = CreateEntitlementRequest, responses((status = 201, body = EntitlementResponse)))]
async fn create_entitlement(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateEntitlementRequest>,
) -> ApiResult<Response> {
    let entitlement = request.into_entitlement(EntitlementId::new(state.app.ids()), state.app.audit(&context))?;
    let pending = state.app.create_entitlements(&context, vec![entitlement]).await?;
    let responses = embed(&state, &context.scope, pending.value(), Wants { features: true, meters: true, plans: true }).await?;
    commit(&context, StatusCode::CREATED, pending, |_| responses.into_iter().next()).await
}

/// Makes up to 100 entitlements, all or none
#[utoipa::path(post, path = "/v1/entitlements/bulk", operation_id = "createEntitlementsBulk", tag = "Entitlements",
    request_body = CreateBulkEntitlementRequest, responses((status = 201, body = CreateBulkEntitlementResponse)))]
async fn create_entitlements(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateBulkEntitlementRequest>,
) -> ApiResult<Response> {
    let entitlements = items::each(request.items, |item: CreateEntitlementRequest| {
        item.into_entitlement(EntitlementId::new(state.app.ids()), state.app.audit(&context))
    })?;
    let pending = state.app.create_entitlements(&context, entitlements).await?;
    let items = embed(&state, &context.scope, pending.value(), Wants { features: true, meters: true, plans: true }).await?;
    commit(&context, StatusCode::CREATED, pending, |_| CreateBulkEntitlementResponse { items }).await
}

/// Lists entitlements
#[utoipa::path(get, path = "/v1/entitlements", operation_id = "listEntitlements", tag = "Entitlements", params(Query<EntitlementFilter>),
    responses((status = 200, body = ListResponse<EntitlementResponse>)))]
async fn list_entitlements(state: State<ApiState>, caller: Caller, Query(filter): Query<EntitlementFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

/// Searches entitlements
#[utoipa::path(post, path = "/v1/entitlements/search", operation_id = "queryEntitlement", tag = "Entitlements",
    request_body = EntitlementFilter, responses((status = 200, body = ListResponse<EntitlementResponse>)))]
async fn query_entitlement(state: State<ApiState>, caller: Caller, Body(filter): Body<EntitlementFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

async fn search(State(state): State<ApiState>, Caller(context): Caller, filter: EntitlementFilter) -> ApiResult<Response> {
    let expand = Expand::parse(filter.common.expand.as_deref(), EXPAND)?;
    let none = || Condition::In("id", Vec::new());
    let own = [
        any_of("id", &filter.entitlement_ids),
        any_of("entity_id", &filter.entity_ids),
        any_of("entity_id", &filter.plan_ids),
        any_of("feature_id", &filter.feature_ids),
        filter.entity_type.map(|kind| Condition::eq("entity_type", &kind)),
        (!filter.plan_ids.is_empty()).then(|| Condition::eq("entity_type", &EntitlementEntityType::Plan)),
        filter.feature_type.map(|kind| Condition::eq("feature_type", &kind)),
        filter.is_enabled.map(|is_enabled| Condition::Eq("is_enabled", Value::Bool(is_enabled))),
        // No entitlement has a grant yet.
        (filter.has_grant_config == Some(true)).then(none),
    ];
    let query = filter.common.into_query(&COLUMNS, DefaultStatus::Published, own.into_iter().flatten())?;
    let Page { items, total } = state.app.list::<Entitlement>(&context.scope, &query).await?;
    let meters = expand.has("meters") || expand.has_in("features", "meters");
    let wants = Wants { features: expand.has("features"), meters, plans: expand.has("plans") };
    let items = embed(&state, &context.scope, &items, wants).await?;
    Ok(axum::Json(ListResponse::new(Page { items, total }, query.limit, query.offset, |item| item)).into_response())
}

/// Reads an entitlement with its feature and plan
#[utoipa::path(get, path = "/v1/entitlements/{id}", operation_id = "getEntitlement", tag = "Entitlements",
    responses((status = 200, body = EntitlementResponse)))]
async fn get_entitlement(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let entitlement: Entitlement = state.app.require(&context.scope, &id).await?;
    let wants = Wants { features: true, meters: true, plans: true };
    Ok(axum::Json(embed(&state, &context.scope, &[entitlement], wants).await?.pop()).into_response())
}

/// Changes an entitlement
#[utoipa::path(put, path = "/v1/entitlements/{id}", operation_id = "updateEntitlement", tag = "Entitlements",
    request_body = UpdateEntitlementRequest, responses((status = 200, body = EntitlementResponse)))]
async fn update_entitlement(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<UpdateEntitlementRequest>,
) -> ApiResult<Response> {
    let pending = state.app.update_entitlement(&context, &id, request.into_change()?).await?;
    commit(&context, StatusCode::OK, pending, |entitlement| EntitlementResponse::from(entitlement)).await
}

/// Archives an entitlement
#[utoipa::path(delete, path = "/v1/entitlements/{id}", operation_id = "deleteEntitlement", tag = "Entitlements",
    responses((status = 200, body = SuccessResponse)))]
async fn delete_entitlement(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.delete_entitlement(&context, &id).await?;
    commit(&context, StatusCode::OK, pending, |()| SuccessResponse::new("entitlement deleted successfully")).await
}

/// Lists the entitlements of a plan
#[utoipa::path(get, path = "/v1/plans/{id}/entitlements", operation_id = "getPlanEntitlements", tag = "Entitlements",
    responses((status = 200, body = ListResponse<EntitlementResponse>)))]
async fn plan_entitlements(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let plan: Plan = state.app.require(&context.scope, &id).await?;
    let entitlements = state.app.entitlements_of_plans(&context.scope, &[plan.id.to_string()]).await?;
    let items = embed(&state, &context.scope, &entitlements, Wants { features: true, meters: true, plans: true }).await?;
    let total = i64::try_from(items.len()).unwrap_or(i64::MAX);
    Ok(axum::Json(ListResponse::new(Page { items, total }, total, 0, |item| item)).into_response())
}

/// What is embedded in entitlements.
#[derive(Clone, Copy, Default)]
pub(in crate::routes) struct Wants {
    pub(in crate::routes) features: bool,
    /// In the features.
    pub(in crate::routes) meters: bool,
    pub(in crate::routes) plans: bool,
}

/// Entitlements with what is wanted: one query per kind of thing, whatever their number.
pub(in crate::routes) async fn embed(
    state: &ApiState,
    scope: &Scope,
    entitlements: &[Entitlement],
    wants: Wants,
) -> ApiResult<Vec<EntitlementResponse>> {
    let feature_ids = entitlements.iter().filter(|_| wants.features).map(|entitlement| entitlement.feature_id.to_string());
    let features = features(state, scope, feature_ids, wants.meters).await?;
    let of_plans = entitlements.iter().filter(|entitlement| wants.plans && entitlement.entity_type == EntitlementEntityType::Plan);
    let plans: HashMap<String, Plan> = state.app.get_many(scope, of_plans.map(|entitlement| entitlement.entity_id.clone())).await?;
    let embedded = |entitlement: &Entitlement| {
        let mut response = EntitlementResponse::from(entitlement);
        response.feature = features.get(entitlement.feature_id.as_str()).cloned();
        response.plan = plans.get(&entitlement.entity_id).map(|plan| Box::new(PlanResponse::new(plan, None)));
        response
    };
    Ok(entitlements.iter().map(embedded).collect())
}

/// Features by id, with their meters where these are wanted.
async fn features(
    state: &ApiState,
    scope: &Scope,
    ids: impl Iterator<Item = String>,
    with_meters: bool,
) -> ApiResult<HashMap<String, FeatureResponse>> {
    let features: HashMap<String, Feature> = state.app.get_many(scope, ids).await?;
    let meter_ids = features.values().filter(|_| with_meters).filter_map(|feature| Some(feature.meter_id.as_ref()?.to_string()));
    let meters: HashMap<String, Meter> = state.app.get_many(scope, meter_ids).await?;
    let response = |feature: &Feature| {
        let meter = feature.meter_id.as_ref().and_then(|id| meters.get(id.as_str())).map(MeterResponse::from);
        FeatureResponse::new(feature, meter, None)
    };
    Ok(features.iter().map(|(id, feature)| (id.clone(), response(feature))).collect())
}

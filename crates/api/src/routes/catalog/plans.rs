//! Plans.

use std::collections::HashMap;

use app::Page;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::catalog::Plan;
use domain::ids::PlanId;
use domain::meter::Meter;
use domain::rating::Price;
use domain::scope::Scope;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::commit;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::{Columns, any_of, equals, pairs};
use crate::list::{DefaultStatus, ListResponse};
use crate::routes::entitlements::{Wants, embed};
use crate::routes::expand::{Allowed, Expand};
use crate::wire::SuccessResponse;
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::plans::{ClonePlanRequest, CreatePlanRequest, PlanFilter, PlanResponse, UpdatePlanRequest};
use crate::wire::catalog::prices::PriceResponse;
use crate::wire::entitlements::EntitlementResponse;

const COLUMNS: Columns = Columns::of::<Plan>(&["name", "lookup_key", "description", "display_order"]);

/// Credit grants and price units are not built yet: they may be asked for, and none is embedded.
const EXPAND: Allowed = &[
    ("prices", &["meters", "priceunit"]),
    ("meters", &[]),
    ("entitlements", &["features"]),
    ("features", &[]),
    ("credit_grant", &["features"]),
    ("priceunit", &[]),
];

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_plan, list_plans))
        .routes(routes!(query_plan))
        .routes(routes!(get_plan, update_plan, delete_plan))
        .routes(routes!(clone_plan))
}

/// Makes a plan
#[utoipa::path(post, path = "/v1/plans", operation_id = "createPlan", tag = "Plans", request_body = CreatePlanRequest,
    responses((status = 201, body = PlanResponse)))]
async fn create_plan(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreatePlanRequest>,
) -> ApiResult<Response> {
    let plan = request.into_plan(PlanId::new(state.app.ids()), state.app.audit(&context));
    let pending = state.app.create_plan(&context, plan).await?;
    commit(&context, StatusCode::CREATED, pending, |plan| PlanResponse::new(plan, None)).await
}

/// Lists plans
#[utoipa::path(get, path = "/v1/plans", operation_id = "listPlans", tag = "Plans", params(Query<PlanFilter>), responses((status = 200, body = ListResponse<PlanResponse>)))]
async fn list_plans(state: State<ApiState>, caller: Caller, Query(filter): Query<PlanFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

/// Searches plans
#[utoipa::path(post, path = "/v1/plans/search", operation_id = "queryPlan", tag = "Plans", request_body = PlanFilter,
    responses((status = 200, body = ListResponse<PlanResponse>)))]
async fn query_plan(state: State<ApiState>, caller: Caller, Body(filter): Body<PlanFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

async fn search(State(state): State<ApiState>, Caller(context): Caller, filter: PlanFilter) -> ApiResult<Response> {
    let scope = &context.scope;
    let expand = Expand::parse(filter.common.expand.as_deref(), EXPAND)?;
    let own = [any_of("id", &filter.plan_ids), equals("lookup_key", filter.lookup_key.as_ref())];
    let own = own.into_iter().flatten().chain(pairs(filter.metadata));
    let query = filter.common.into_query(&COLUMNS, DefaultStatus::Published, own)?;
    let page: Page<Plan> = state.app.list(scope, &query).await?;
    let mut prices = if expand.has("prices") {
        let now = state.app.now(scope);
        let ids: Vec<String> = page.items.iter().map(|plan| plan.id.to_string()).collect();
        let with_meters = expand.has("meters") || expand.has_in("prices", "meters");
        let prices = plan_prices(&state, scope, &ids, with_meters).await?;
        let live = |(plan, prices): (String, Vec<PriceResponse>)| {
            (plan, prices.into_iter().filter(|price| price.end_date.is_none_or(|end| end > now)).collect())
        };
        Some(prices.into_iter().map(live).collect::<HashMap<String, Vec<PriceResponse>>>())
    } else {
        None
    };
    let mut entitlements = if expand.has("entitlements") {
        let ids: Vec<String> = page.items.iter().map(|plan| plan.id.to_string()).collect();
        let features = expand.has("features") || expand.has_in("entitlements", "features");
        Some(plan_entitlements(&state, scope, &ids, Wants { features, ..Wants::default() }).await?)
    } else {
        None
    };
    let response = ListResponse::new(page, query.limit, query.offset, |plan| {
        let prices = prices.as_mut().map(|prices| prices.remove(plan.id.as_str()).unwrap_or_default());
        let mut response = PlanResponse::new(&plan, prices);
        response.entitlements = entitlements.as_mut().map(|entitlements| entitlements.remove(plan.id.as_str()).unwrap_or_default());
        response
    });
    Ok(axum::Json(response).into_response())
}

/// The prices of plans, also ended ones, by plan.
async fn plan_prices(
    state: &ApiState,
    scope: &Scope,
    plans: &[String],
    with_meters: bool,
) -> ApiResult<HashMap<String, Vec<PriceResponse>>> {
    let prices: Vec<Price> = state.app.prices_of_plans(scope, plans).await?;
    let meters: HashMap<String, Meter> = if with_meters {
        state.app.get_many(scope, prices.iter().filter_map(|price| Some(price.meter_id.as_ref()?.to_string()))).await?
    } else {
        HashMap::new()
    };
    let mut by_plan: HashMap<String, Vec<PriceResponse>> = HashMap::new();
    for price in &prices {
        let mut response = PriceResponse::from(price);
        response.meter = price.meter_id.as_ref().and_then(|id| meters.get(id.as_str())).map(MeterResponse::from);
        by_plan.entry(price.entity_id.clone()).or_default().push(response);
    }
    Ok(by_plan)
}

/// The entitlements of plans, by plan.
async fn plan_entitlements(
    state: &ApiState,
    scope: &Scope,
    plans: &[String],
    wants: Wants,
) -> ApiResult<HashMap<String, Vec<EntitlementResponse>>> {
    let entitlements = state.app.entitlements_of_plans(scope, plans).await?;
    let mut by_plan: HashMap<String, Vec<EntitlementResponse>> = HashMap::new();
    for response in embed(state, scope, &entitlements, wants).await? {
        by_plan.entry(response.entity_id.clone()).or_default().push(response);
    }
    Ok(by_plan)
}

/// Reads a plan with its prices and entitlements
#[utoipa::path(get, path = "/v1/plans/{id}", operation_id = "getPlan", tag = "Plans", responses((status = 200, body = PlanResponse)))]
async fn get_plan(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let plan: Plan = state.app.require(&context.scope, &id).await?;
    let mut prices = plan_prices(&state, &context.scope, std::slice::from_ref(&id), true).await?;
    let wants = Wants { features: true, meters: true, plans: false };
    let mut entitlements = plan_entitlements(&state, &context.scope, std::slice::from_ref(&id), wants).await?;
    let mut response = PlanResponse::new(&plan, Some(prices.remove(&id).unwrap_or_default()));
    response.entitlements = Some(entitlements.remove(&id).unwrap_or_default());
    Ok(axum::Json(response).into_response())
}

/// Changes a plan
#[utoipa::path(put, path = "/v1/plans/{id}", operation_id = "updatePlan", tag = "Plans", request_body = UpdatePlanRequest,
    responses((status = 200, body = PlanResponse)))]
async fn update_plan(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<UpdatePlanRequest>,
) -> ApiResult<Response> {
    let pending = state.app.update_plan(&context, &id, |plan| request.apply(plan)).await?;
    commit(&context, StatusCode::OK, pending, |plan| PlanResponse::new(plan, None)).await
}

/// Archives a plan
#[utoipa::path(delete, path = "/v1/plans/{id}", operation_id = "deletePlan", tag = "Plans", responses((status = 200, body = SuccessResponse)))]
async fn delete_plan(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.delete_plan(&context, &id).await?;
    commit(&context, StatusCode::OK, pending, |()| SuccessResponse::new("plan deleted successfully")).await
}

/// Copies a plan with its prices and entitlements
#[utoipa::path(post, path = "/v1/plans/{id}/clone", operation_id = "clonePlan", tag = "Plans", request_body = ClonePlanRequest,
    responses((status = 201, body = PlanResponse)))]
async fn clone_plan(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<ClonePlanRequest>,
) -> ApiResult<Response> {
    let pending = state.app.clone_plan(&context, &id, |plan| request.apply(plan)).await?;
    commit(&context, StatusCode::CREATED, pending, |(plan, prices, entitlements)| {
        let mut response = PlanResponse::new(plan, Some(prices.iter().map(PriceResponse::from).collect()));
        response.entitlements = Some(entitlements.iter().map(EntitlementResponse::from).collect());
        response
    })
    .await
}

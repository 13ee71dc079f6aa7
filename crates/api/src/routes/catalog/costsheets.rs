//! Cost sheets.

use std::collections::HashMap;

use app::Page;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::cost::Costsheet;
use domain::ids::CostsheetId;
use domain::meter::Meter;
use domain::scope::Scope;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::commit;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::{Columns, any_of, equals};
use crate::list::{DefaultStatus, ListResponse};
use crate::routes::expand::{Allowed, Expand};
use crate::wire::catalog::costsheets::{
    CostsheetEnvelope, CostsheetFilter, CostsheetResponse, CreateCostsheetRequest, DeleteCostsheetResponse, GetCostsheetResponse,
    UpdateCostsheetRequest,
};
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::prices::PriceResponse;

const COLUMNS: Columns = Columns::of::<Costsheet>(&["name", "lookup_key"]);

const EXPAND: Allowed = &[("prices", &["meters"]), ("meters", &[])];

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_costsheet))
        .routes(routes!(query_costsheet))
        .routes(routes!(get_active_costsheet))
        .routes(routes!(get_costsheet, update_costsheet, delete_costsheet))
}

/// Makes a cost sheet
#[utoipa::path(post, path = "/v1/costs", operation_id = "createCostsheet", tag = "Costs", request_body = CreateCostsheetRequest,
    responses((status = 201, body = CostsheetEnvelope)))]
async fn create_costsheet(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateCostsheetRequest>,
) -> ApiResult<Response> {
    let sheet = request.into_costsheet(CostsheetId::new(state.app.ids()), state.app.audit(&context));
    let pending = state.app.create_costsheet(&context, sheet).await?;
    commit(&context, StatusCode::CREATED, pending, |sheet| CostsheetEnvelope { costsheet: CostsheetResponse::new(sheet, None) }).await
}

/// Searches cost sheets of every status
#[utoipa::path(post, path = "/v1/costs/search", operation_id = "queryCostsheet", tag = "Costs", request_body = CostsheetFilter,
    responses((status = 200, body = ListResponse<CostsheetResponse>)))]
async fn query_costsheet(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(mut filter): Body<CostsheetFilter>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    let common = filter.common()?;
    let expand = Expand::parse(common.expand.as_deref(), EXPAND)?;
    let own = [any_of("id", &filter.costsheet_ids), equals("name", filter.name.as_ref()), equals("lookup_key", filter.lookup_key.as_ref())];
    let query = common.into_query(&COLUMNS, DefaultStatus::All, own.into_iter().flatten())?;
    let page: Page<Costsheet> = state.app.list(scope, &query).await?;
    let with_meters = expand.has("meters") || expand.has_in("prices", "meters");
    let mut prices = if expand.has("prices") { Some(prices_of(&state, scope, &page.items, with_meters).await?) } else { None };
    let response = ListResponse::new(page, query.limit, query.offset, |sheet| {
        let prices = prices.as_mut().map(|prices| prices.remove(sheet.id.as_str()).unwrap_or_default());
        CostsheetResponse::new(&sheet, prices)
    });
    Ok(axum::Json(response).into_response())
}

/// The prices of cost sheets, also ended ones, by cost sheet.
async fn prices_of(
    state: &ApiState,
    scope: &Scope,
    sheets: &[Costsheet],
    with_meters: bool,
) -> ApiResult<HashMap<String, Vec<PriceResponse>>> {
    let ids: Vec<String> = sheets.iter().map(|sheet| sheet.id.to_string()).collect();
    let prices = state.app.prices_of_costsheets(scope, &ids).await?;
    let meter_ids = prices.iter().filter(|_| with_meters).filter_map(|price| Some(price.meter_id.as_ref()?.to_string()));
    let meters: HashMap<String, Meter> = state.app.get_many(scope, meter_ids).await?;
    let mut by_sheet: HashMap<String, Vec<PriceResponse>> = HashMap::new();
    for price in &prices {
        let mut response = PriceResponse::from(price);
        response.meter = price.meter_id.as_ref().and_then(|id| meters.get(id.as_str())).map(MeterResponse::from);
        by_sheet.entry(price.entity_id.clone()).or_default().push(response);
    }
    Ok(by_sheet)
}

async fn with_prices(state: &ApiState, scope: &Scope, sheet: Costsheet, with_meters: bool) -> ApiResult<CostsheetResponse> {
    let mut prices = prices_of(state, scope, std::slice::from_ref(&sheet), with_meters).await?;
    Ok(CostsheetResponse::new(&sheet, Some(prices.remove(sheet.id.as_str()).unwrap_or_default())))
}

/// Reads the newest published cost sheet with its prices
#[utoipa::path(get, path = "/v1/costs/active", operation_id = "getActiveCostsheet", tag = "Costs",
    responses((status = 200, body = CostsheetResponse)))]
async fn get_active_costsheet(State(state): State<ApiState>, Caller(context): Caller) -> ApiResult<Response> {
    let sheet = state.app.active_costsheet(&context.scope).await?;
    Ok(axum::Json(with_prices(&state, &context.scope, sheet, true).await?).into_response())
}

/// What to embed in a cost sheet.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
struct Embed {
    /// `meters` embeds the meters of the prices, which are always embedded.
    expand: Option<String>,
}

/// Reads a cost sheet with its prices
#[utoipa::path(get, path = "/v1/costs/{id}", operation_id = "getCostsheet", tag = "Costs", params(Query<Embed>), responses((status = 200, body = GetCostsheetResponse)))]
async fn get_costsheet(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Query(embed): Query<Embed>,
) -> ApiResult<Response> {
    let expand = Expand::parse(embed.expand.as_deref(), EXPAND)?;
    let sheet: Costsheet = state.app.require(&context.scope, &id).await?;
    let with_meters = expand.has("meters") || expand.has_in("prices", "meters");
    let costsheet = with_prices(&state, &context.scope, sheet, with_meters).await?;
    Ok(axum::Json(GetCostsheetResponse { bare: costsheet.clone(), costsheet }).into_response())
}

/// Changes a cost sheet
#[utoipa::path(put, path = "/v1/costs/{id}", operation_id = "updateCostsheet", tag = "Costs", request_body = UpdateCostsheetRequest,
    responses((status = 200, body = CostsheetEnvelope)))]
async fn update_costsheet(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<UpdateCostsheetRequest>,
) -> ApiResult<Response> {
    let pending = state.app.update_costsheet(&context, &id, |sheet| request.apply(sheet)).await?;
    commit(&context, StatusCode::OK, pending, |sheet| CostsheetEnvelope { costsheet: CostsheetResponse::new(sheet, None) }).await
}

/// Removes a cost sheet; its prices stay
#[utoipa::path(delete, path = "/v1/costs/{id}", operation_id = "deleteCostsheet", tag = "Costs",
    responses((status = 200, body = DeleteCostsheetResponse)))]
async fn delete_costsheet(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.delete_costsheet(&context, &id).await?;
    let message = "cost sheet deleted successfully".to_owned();
    commit(&context, StatusCode::OK, pending, |()| DeleteCostsheetResponse { message, id }).await
}

//! Prices.

use std::collections::HashMap;

use app::{Condition, Error, Page, Value};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::catalog::Group;
use domain::ids::PriceId;
use domain::meter::Meter;
use domain::rating::{Price, PriceEntityType};
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
use crate::routes::items;
use crate::wire::SuccessResponse;
use crate::wire::catalog::groups::GroupResponse;
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::prices::{
    CreateBulkPriceRequest, CreateBulkPriceResponse, CreatePriceRequest, DeletePriceRequest, PreviewPriceRequest, PreviewPriceResponse,
    PriceFilter, PriceResponse, QuoteBody, UpdatePriceRequest,
};

const COLUMNS: Columns = Columns::of::<Price>(&[
    "display_name",
    "description",
    "lookup_key",
    "entity_type",
    "entity_id",
    "currency",
    "amount",
    "billing_model",
    "billing_period",
    "billing_period_count",
    "invoice_cadence",
    "meter_id",
    "parent_price_id",
    "group_id",
    "start_date",
    "end_date",
    "sequence",
])
.renaming(&[("type", "kind"), ("value", "amount")]);

/// Price units and add-ons are not built yet: they may be asked for, and none is embedded.
const EXPAND: Allowed = &[("meters", &[]), ("priceunit", &[]), ("plan", &[]), ("addons", &[]), ("groups", &[])];

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_price, list_prices))
        .routes(routes!(create_prices_bulk))
        .routes(routes!(preview_price))
        .routes(routes!(query_price))
        .routes(routes!(get_price_by_lookup_key))
        .routes(routes!(get_price, update_price, delete_price))
}

fn decode(state: &ApiState, context: &app::Context, request: CreatePriceRequest) -> Result<Price, Error> {
    request.refuse_unbuilt()?;
    Ok(request.into_price(PriceId::new(state.app.ids()), state.app.audit(context))?)
}

/// Makes a price
#[utoipa::path(post, path = "/v1/prices", operation_id = "createPrice", tag = "Prices", request_body = CreatePriceRequest,
    responses((status = 201, body = PriceResponse)))]
async fn create_price(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreatePriceRequest>,
) -> ApiResult<Response> {
    let price = decode(&state, &context, request)?;
    let pending = state.app.create_price(&context, price).await?;
    commit(&context, StatusCode::CREATED, pending, |price| PriceResponse::from(price)).await
}

/// Tells what quantities would cost at a price, and makes nothing
#[utoipa::path(post, path = "/v1/prices/preview", operation_id = "previewPrice", tag = "Prices", request_body = PreviewPriceRequest,
    responses((status = 200, body = PreviewPriceResponse)))]
async fn preview_price(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<PreviewPriceRequest>,
) -> ApiResult<Response> {
    let mut draft = request.price.ok_or_else(|| Error::field("price", "price is required: the body of a price to make"))?;
    if draft.entity_id.is_empty() {
        draft.entity_type = Some(draft.entity_type.unwrap_or(PriceEntityType::Plan));
        draft.entity_id = "preview".to_owned();
    }
    if request.quantities.is_empty() {
        return Err(Error::field("quantities", "quantities must hold 1 to 100 quantities").into());
    }
    let price = decode(&state, &context, draft).map_err(|error| match error {
        Error::Invalid(invalid) => Error::Invalid(invalid.within("price")),
        other => other,
    })?;
    let quotes = state.app.preview_price(&context.scope, &price, request.quantities.into_vec()).await?;
    let quotes = quotes.into_iter().map(QuoteBody::from).collect();
    Ok(axum::Json(PreviewPriceResponse { currency: price.currency.to_string(), quotes }).into_response())
}

/// Makes up to 100 prices, all or none
#[utoipa::path(post, path = "/v1/prices/bulk", operation_id = "createPricesBulk", tag = "Prices", request_body = CreateBulkPriceRequest,
    responses((status = 201, body = CreateBulkPriceResponse)))]
async fn create_prices_bulk(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateBulkPriceRequest>,
) -> ApiResult<Response> {
    let prices = items::each(request.items, |request| decode(&state, &context, request))?;
    let pending = state.app.create_prices(&context, prices).await?;
    commit(&context, StatusCode::CREATED, pending, |prices| CreateBulkPriceResponse {
        items: prices.iter().map(PriceResponse::from).collect(),
    })
    .await
}

/// Lists prices that have not ended
#[utoipa::path(get, path = "/v1/prices", operation_id = "listPrices", tag = "Prices", params(Query<PriceFilter>), responses((status = 200, body = ListResponse<PriceResponse>)))]
async fn list_prices(state: State<ApiState>, caller: Caller, Query(filter): Query<PriceFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

/// Searches prices that have not ended
#[utoipa::path(post, path = "/v1/prices/search", operation_id = "queryPrice", tag = "Prices", request_body = PriceFilter,
    responses((status = 200, body = ListResponse<PriceResponse>)))]
async fn query_price(state: State<ApiState>, caller: Caller, Body(filter): Body<PriceFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

async fn search(State(state): State<ApiState>, Caller(context): Caller, filter: PriceFilter) -> ApiResult<Response> {
    let scope = &context.scope;
    let expand = Expand::parse(filter.common.expand.as_deref(), EXPAND)?;
    let asked = [
        any_of("id", &filter.price_ids),
        any_of("entity_id", &filter.entity_ids),
        any_of("meter_id", &filter.meter_ids),
        any_of("billing_period", &filter.billing_periods),
        equals("parent_price_id", filter.parent_price_id.as_ref()),
        filter.entity_type.map(|kind| Condition::eq("entity_type", &kind)),
        filter.updated_after.map(|at| Condition::Gt("updated_at", Value::Time(at))),
        filter.start_date_lt.map(|at| Condition::Lt("start_date", Value::Time(at))),
    ];
    let mut own: Vec<Condition> = asked.into_iter().flatten().collect();
    if !filter.plan_ids.is_empty() {
        own.push(Condition::eq("entity_type", &domain::rating::PriceEntityType::Plan));
        own.push(Condition::one_of("entity_id", &filter.plan_ids));
    }
    if let Some(subscription) = filter.subscription_id.filter(|id| !id.is_empty()) {
        own.push(Condition::eq("entity_type", &domain::rating::PriceEntityType::Subscription));
        own.push(Condition::eq("entity_id", &subscription));
    }
    if filter.allow_expired_prices != Some(true) {
        own.push(Condition::NullOrGt("end_date", Value::Time(state.app.now(scope))));
    }
    let query = filter.common.into_query(&COLUMNS, DefaultStatus::Published, own)?;
    let Page { items, total } = state.app.list::<Price>(scope, &query).await?;
    let items = respond(&state, scope, &items, expand.has("meters"), expand.has("groups")).await?;
    Ok(axum::Json(ListResponse::new(Page { items, total }, query.limit, query.offset, |price| price)).into_response())
}

async fn respond(state: &ApiState, scope: &Scope, prices: &[Price], meters: bool, groups: bool) -> ApiResult<Vec<PriceResponse>> {
    let meter_ids = prices.iter().filter(|_| meters).filter_map(|price| Some(price.meter_id.as_ref()?.to_string()));
    let meters: HashMap<String, Meter> = state.app.get_many(scope, meter_ids).await?;
    let group_ids = prices.iter().filter(|_| groups).filter_map(|price| Some(price.group_id.as_ref()?.to_string()));
    let groups: HashMap<String, Group> = state.app.get_many(scope, group_ids).await?;
    let response = |price: &Price| {
        let mut response = PriceResponse::from(price);
        response.meter = price.meter_id.as_ref().and_then(|id| meters.get(id.as_str())).map(MeterResponse::from);
        response.group = price.group_id.as_ref().and_then(|id| groups.get(id.as_str())).map(GroupResponse::from);
        response
    };
    Ok(prices.iter().map(response).collect())
}

/// Reads a price with its meter and group
#[utoipa::path(get, path = "/v1/prices/{id}", operation_id = "getPrice", tag = "Prices", responses((status = 200, body = PriceResponse)))]
async fn get_price(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let price: Price = state.app.require(&context.scope, &id).await?;
    Ok(axum::Json(respond(&state, &context.scope, &[price], true, true).await?.pop()).into_response())
}

/// Reads the published, unended price of a lookup key
#[utoipa::path(get, path = "/v1/prices/lookup/{lookup_key}", operation_id = "getPriceByLookupKey", tag = "Prices",
    responses((status = 200, body = PriceResponse)))]
async fn get_price_by_lookup_key(State(state): State<ApiState>, Caller(context): Caller, Path(key): Path<String>) -> ApiResult<Response> {
    let price = state.app.price_by_lookup_key(&context.scope, &key).await?;
    Ok(axum::Json(respond(&state, &context.scope, &[price], true, true).await?.pop()).into_response())
}

/// Changes a price: names in place, what it charges through a successor
#[utoipa::path(put, path = "/v1/prices/{id}", operation_id = "updatePrice", tag = "Prices", request_body = UpdatePriceRequest,
    responses((status = 200, body = PriceResponse)))]
async fn update_price(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<UpdatePriceRequest>,
) -> ApiResult<Response> {
    if request.price_unit_amount.is_some() || request.price_unit_tiers.is_some() {
        return Err(Error::field(
            "price_unit_amount",
            "price_unit_amount and price_unit_tiers belong to CUSTOM prices: use amount and tiers",
        )
        .into());
    }
    let pending = state.app.update_price(&context, &id, request.into_change()?).await?;
    commit(&context, StatusCode::OK, pending, |price| PriceResponse::from(price)).await
}

/// Ends a price
#[utoipa::path(delete, path = "/v1/prices/{id}", operation_id = "deletePrice", tag = "Prices", request_body = DeletePriceRequest,
    responses((status = 200, body = SuccessResponse)))]
async fn delete_price(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<DeletePriceRequest>,
) -> ApiResult<Response> {
    let pending = state.app.end_price(&context, &id, request.end_date).await?;
    commit(&context, StatusCode::OK, pending, |()| SuccessResponse::new("price deleted successfully")).await
}

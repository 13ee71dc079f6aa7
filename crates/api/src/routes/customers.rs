//! Customers.

use app::Error;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::customer::Customer;
use domain::ids::CustomerId;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::{commit, commit_empty};
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::{Columns, any_of, equals, pairs};
use crate::list::{DefaultStatus, ListResponse, page_of};
use crate::routes::expand::Expand;
use crate::wire::customers::{CreateCustomerRequest, CustomerFilter, CustomerResponse, UpdateCustomerRequest};

const COLUMNS: Columns = Columns::of::<Customer>(&[
    "external_id",
    "name",
    "email",
    "contact",
    "timezone",
    "address_city",
    "address_state",
    "address_country",
    "address_postal_code",
]);

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_customer, list_customers, update_customer))
        .routes(routes!(query_customer))
        .routes(routes!(get_customer, update_customer_by_id, delete_customer))
        .routes(routes!(get_customer_by_external_id))
        .routes(routes!(get_customer_by_lookup_key))
}

/// Makes a customer
#[utoipa::path(post, path = "/v1/customers", operation_id = "createCustomer", tag = "Customers", request_body = CreateCustomerRequest,
    responses((status = 201, body = CustomerResponse)))]
async fn create_customer(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateCustomerRequest>,
) -> ApiResult<Response> {
    request.refuse_unbuilt()?;
    let customer = request.into_customer(CustomerId::new(state.app.ids()), state.app.audit(&context));
    let pending = state.app.create_customer(&context, customer).await?;
    commit(&context, StatusCode::CREATED, pending, |customer| CustomerResponse::from(customer)).await
}

/// Lists customers
#[utoipa::path(get, path = "/v1/customers", operation_id = "listCustomers", tag = "Customers",
    params(Query<CustomerFilter>), responses((status = 200, body = ListResponse<CustomerResponse>)))]
async fn list_customers(state: State<ApiState>, caller: Caller, Query(filter): Query<CustomerFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

/// Searches customers
#[utoipa::path(post, path = "/v1/customers/search", operation_id = "queryCustomer", tag = "Customers", request_body = CustomerFilter,
    responses((status = 200, body = ListResponse<CustomerResponse>)))]
async fn query_customer(state: State<ApiState>, caller: Caller, Body(filter): Body<CustomerFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

async fn search(State(state): State<ApiState>, Caller(context): Caller, filter: CustomerFilter) -> ApiResult<Response> {
    Expand::parse(filter.common.expand.as_deref(), &[("integrations", &[])])?;
    let own = [
        any_of("id", &filter.customer_ids),
        any_of("external_id", &filter.external_ids),
        equals("external_id", filter.external_id.as_ref()),
        equals("email", filter.email.as_ref()),
    ];
    let own = own.into_iter().flatten().chain(pairs(filter.metadata));
    let query = filter.common.into_query(&COLUMNS, DefaultStatus::Published, own)?;
    page_of::<Customer, CustomerResponse>(&state, &context.scope, &query).await
}

/// Reads a customer
#[utoipa::path(get, path = "/v1/customers/{id}", operation_id = "getCustomer", tag = "Customers",
    responses((status = 200, body = CustomerResponse)))]
async fn get_customer(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let customer = state.app.customer(&context.scope, &id).await?;
    Ok(axum::Json(CustomerResponse::from(&*customer)).into_response())
}

/// Reads a published customer by its external id
#[utoipa::path(get, path = "/v1/customers/external/{external_id}", operation_id = "getCustomerByExternalId", tag = "Customers",
    responses((status = 200, body = CustomerResponse)))]
async fn get_customer_by_external_id(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
) -> ApiResult<Response> {
    let customer = state.app.customer_by_external_id(&context.scope, &id).await?;
    Ok(axum::Json(CustomerResponse::from(&customer)).into_response())
}

/// Reads a published customer by its external id (former path)
#[utoipa::path(get, path = "/v1/customers/lookup/{key}", operation_id = "getCustomerByLookupKey", tag = "Customers",
    responses((status = 200, body = CustomerResponse)))]
async fn get_customer_by_lookup_key(state: State<ApiState>, caller: Caller, id: Path<String>) -> ApiResult<Response> {
    get_customer_by_external_id(state, caller, id).await
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct WhichCustomer {
    /// The customer by id; this or the external id is required.
    id: Option<String>,
    /// The customer by external id; both must name the same one.
    external_customer_id: Option<String>,
}

/// Changes a customer named by `id` or `external_customer_id`
#[utoipa::path(put, path = "/v1/customers", operation_id = "updateCustomer", tag = "Customers", request_body = UpdateCustomerRequest,
    params(Query<WhichCustomer>), responses((status = 200, body = CustomerResponse)))]
async fn update_customer(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Query(which): Query<WhichCustomer>,
    Body(request): Body<UpdateCustomerRequest>,
) -> ApiResult<Response> {
    let id = which.id.filter(|id| !id.is_empty());
    let by_external_id = match which.external_customer_id.as_deref().filter(|id| !id.is_empty()) {
        Some(external_id) => Some(state.app.customer_by_external_id(&context.scope, external_id).await?.id.to_string()),
        None => None,
    };
    let id = match (id, by_external_id) {
        (Some(id), Some(other)) if id != other => {
            return Err(Error::field("id", "id and external_customer_id name different customers").into());
        }
        (Some(id), _) | (None, Some(id)) => id,
        (None, None) => return Err(Error::field("id", "id or external_customer_id is required").into()),
    };
    change(&state, &context, &id, request).await
}

/// Changes a customer
#[utoipa::path(put, path = "/v1/customers/{id}", operation_id = "updateCustomerById", tag = "Customers", request_body = UpdateCustomerRequest,
    responses((status = 200, body = CustomerResponse)))]
async fn update_customer_by_id(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<UpdateCustomerRequest>,
) -> ApiResult<Response> {
    change(&state, &context, &id, request).await
}

async fn change(state: &ApiState, context: &app::Context, id: &str, request: UpdateCustomerRequest) -> ApiResult<Response> {
    if request.integration_entity_mapping.as_ref().is_some_and(|mappings| !mappings.is_empty()) {
        return Err(Error::unbuilt("integration_entity_mapping").into());
    }
    let pending = state.app.update_customer(context, id, |customer| request.apply(customer)).await?;
    commit(context, StatusCode::OK, pending, |customer| CustomerResponse::from(customer)).await
}

/// Archives a customer
#[utoipa::path(delete, path = "/v1/customers/{id}", operation_id = "deleteCustomer", tag = "Customers", responses((status = 204)))]
async fn delete_customer(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.delete_customer(&context, &id).await?;
    commit_empty(&context, pending).await
}

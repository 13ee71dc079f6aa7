//! API keys.

use app::platform::{NewApiKey, NewSecret, Secret, SecretType};
use app::{Condition, Error};
use axum::extract::{Path, State};
use axum::response::Response;
use domain::invalid::Invalid;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::{commit_empty, commit_secret};
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::Columns;
use crate::list::{CommonFilter, DefaultStatus, ListResponse, page_of};
use crate::wire::platform::api_keys::{CreateApiKeyRequest, CreateApiKeyResponse, MadeApiKeyResponse, SHOWN_ONCE, SecretResponse};

const COLUMNS: Columns = Columns::of::<Secret>(&["name"]);

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create_api_key, list_api_keys)).routes(routes!(delete_api_key))
}

/// Makes a key for the caller's environment; it is shown this once
#[utoipa::path(post, path = "/v1/secrets/api/keys", operation_id = "createApiKey", tag = "Secrets", request_body = CreateApiKeyRequest,
    responses((status = 201, body = CreateApiKeyResponse)))]
async fn create_api_key(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateApiKeyRequest>,
) -> ApiResult<Response> {
    match request.kind.as_str() {
        "private_key" => {}
        "publishable_key" => {
            let reason = "publishable keys are not built yet, for nothing would take them: use the type private_key";
            return Err(Error::not_implemented(reason).into());
        }
        other => return Err(Invalid::not_one_of("type", &["private_key"], other).into()),
    }
    if request.service_account_id.is_some_and(|id| !id.is_empty()) {
        return Err(Error::unbuilt("service_account_id").into());
    }
    for (field, asked) in [("roles", &request.roles), ("permissions", &request.permissions)] {
        if asked.as_ref().is_some_and(|asked| !asked.is_null()) {
            let what = format!("{field} of a key, which has the roles of the key that makes it,");
            return Err(Error::unbuilt_value(field, &what).into());
        }
    }
    let new = NewApiKey { name: request.name, expires_at: request.expires_at };
    let pending = state.app.create_api_key(&context, new).await?;
    let shown = |made: &NewSecret| CreateApiKeyResponse { secret: SecretResponse::from(&made.secret), api_key: made.api_key.clone() };
    let kept = |made: &NewSecret| MadeApiKeyResponse { secret: SecretResponse::from(&made.secret), message: SHOWN_ONCE };
    commit_secret(&context, StatusCode::CREATED, pending, shown, kept).await
}

/// Lists private keys
#[utoipa::path(get, path = "/v1/secrets/api/keys", operation_id = "listApiKeys", tag = "Secrets",
    params(Query<CommonFilter>), responses((status = 200, body = ListResponse<SecretResponse>)))]
async fn list_api_keys(State(state): State<ApiState>, Caller(context): Caller, Query(filter): Query<CommonFilter>) -> ApiResult<Response> {
    let own = vec![Condition::eq("kind", &SecretType::PrivateKey)];
    let query = filter.into_query(&COLUMNS, DefaultStatus::Published, own)?;
    page_of::<Secret, SecretResponse>(&state, &context.scope, &query).await
}

/// Takes a key away, at once
#[utoipa::path(delete, path = "/v1/secrets/api/keys/{id}", operation_id = "deleteApiKey", tag = "Secrets", responses((status = 204)))]
async fn delete_api_key(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.delete_api_key(&context, &id).await?;
    commit_empty(&context, pending).await
}

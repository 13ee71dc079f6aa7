//! Settings: what an environment, or the tenant, has chosen.

use app::Error;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::invalid::Invalid;
use domain::platform::SettingKey;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::{commit, commit_empty};
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::wire::platform::settings::{SettingResponse, UpdateSettingRequest};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_setting, update_setting, delete_setting))
}

fn key_of(text: &str) -> Result<SettingKey, Error> {
    SettingKey::parse(text).ok_or_else(|| {
        let known: Vec<_> = SettingKey::ALL.iter().map(|key| key.as_str()).collect();
        Invalid::input(format!("`{text}` is no setting: use one of {}", known.join(", "))).with("field", "key").with("value", text).into()
    })
}

/// Reads a setting as it is in force
#[utoipa::path(get, path = "/v1/settings/{key}", operation_id = "getSetting", tag = "Settings", responses((status = 200, body = SettingResponse)))]
async fn get_setting(State(state): State<ApiState>, Caller(context): Caller, Path(key): Path<String>) -> ApiResult<Response> {
    let setting = state.app.read_setting(&context.scope, key_of(&key)?).await?;
    Ok(axum::Json(SettingResponse::new(&setting, &context.scope)).into_response())
}

/// Chooses some keys of a setting; the others stay as they are
#[utoipa::path(put, path = "/v1/settings/{key}", operation_id = "updateSetting", tag = "Settings", request_body = UpdateSettingRequest,
    responses((status = 200, body = SettingResponse)))]
async fn update_setting(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(key): Path<String>,
    Body(request): Body<UpdateSettingRequest>,
) -> ApiResult<Response> {
    let chosen = request.value.ok_or_else(|| Error::field("value", "value is required: an object with the keys to choose"))?;
    let pending = state.app.write_setting(&context, key_of(&key)?, &chosen).await?;
    commit(&context, StatusCode::OK, pending, |setting| SettingResponse::new(setting, &context.scope)).await
}

/// Takes back what was chosen: the default holds again
#[utoipa::path(delete, path = "/v1/settings/{key}", operation_id = "deleteSetting", tag = "Settings", responses((status = 204)))]
async fn delete_setting(State(state): State<ApiState>, Caller(context): Caller, Path(key): Path<String>) -> ApiResult<Response> {
    let pending = state.app.delete_setting(&context, key_of(&key)?).await?;
    commit_empty(&context, pending).await
}

//! From the API key to the caller (spec 60 §§2.1, 2.2). Refusals have a body of their own shape: `{"error": …}`.

use app::{Context, Reach};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::scope::Scope;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::ApiState;
use crate::error::ApiError;
use crate::middleware::observe::Asker;

/// The header that chooses an environment.
const ENVIRONMENT_HEADER: &str = "x-environment-id";

/// Puts the caller into the request, or refuses it.
pub(crate) async fn authenticate(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let caller = match caller_of(&state, request.headers()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let span = tracing::Span::current();
    span.record("tenant_id", caller.scope.tenant_id.as_str());
    span.record("environment_id", caller.scope.environment_id.as_str());
    span.record("user_id", caller.user_id.as_str());
    if let Some(asker) = request.extensions().get::<Asker>() {
        asker.is(&caller.scope);
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The caller behind a request's key and environment header.
pub(crate) async fn caller_of(state: &ApiState, headers: &HeaderMap) -> Result<Context, Response> {
    let key = headers.get(&state.settings.api_key_header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if key.is_empty() {
        return Err(unauthorized("it carries no API key"));
    }
    let owner = match state.app.authenticate(key).await {
        Ok(Some(owner)) => owner,
        Ok(None) => return Err(unauthorized("its API key is unknown, revoked or expired")),
        Err(error) => return Err(ApiError(error).into_response()),
    };
    let environment = headers.get(ENVIRONMENT_HEADER).map(|value| value.to_str().unwrap_or("?"));
    let scope: Option<Scope> = state.app.resolve_scope(&owner, environment);
    let Some(scope) = scope else {
        tracing::info!(tenant_id = %owner.tenant_id, user_id = %owner.user_id, environment, "a request was refused: no such environment");
        let body = json!({"error": "Access denied", "message": "the environment does not exist or belongs to another tenant"});
        return Err((StatusCode::FORBIDDEN, axum::Json(body)).into_response());
    };
    let reach = if owner.environment_id.is_some() { Reach::Environment } else { Reach::Tenant };
    Ok(Context { scope, user_id: owner.user_id.clone(), actor: owner.actor.clone(), reach, idempotency: None })
}

/// Nothing of the key is logged: it may be a good one for another system.
fn unauthorized(reason: &str) -> Response {
    tracing::info!(reason, "a request was not authenticated");
    (StatusCode::UNAUTHORIZED, axum::Json(json!({"error": "Unauthorized"}))).into_response()
}

//! `Idempotency-Key` on every changing call: the answer is kept with the change and replayed to a repetition. Copies at once come one
//! after the other.

use app::{Context, Error, IdempotencyKey};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use sha2::{Digest, Sha256};

use crate::ApiState;
use crate::answer::json;
use crate::body;
use crate::error::ApiError;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Replays the kept answer, or lets the request through with its key.
pub(crate) async fn idempotency(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let key = request.headers().get(KEY).filter(|key| !key.is_empty()).cloned();
    let changes = matches!(*request.method(), Method::POST | Method::PUT | Method::DELETE | Method::PATCH);
    let (Some(key), true) = (key, changes) else { return next.run(request).await };
    match keyed(&state, request, &key, next).await {
        Ok(response) | Err(response) => response,
    }
}

async fn keyed(state: &ApiState, request: Request, key: &HeaderValue, next: Next) -> Result<Response, Response> {
    let refuse = |error: Error| ApiError(error).into_response();
    let key = key.to_str().map_err(|_| refuse(Error::field("Idempotency-Key", "Idempotency-Key must be plain ASCII")))?.to_owned();
    let (mut parts, body) = request.into_parts();
    let Some(mut context) = parts.extensions.get::<Context>().cloned() else {
        return Err(refuse(Error::Internal("an unauthenticated request carries a key".into())));
    };
    let bytes = body::receive(Request::from_parts(parts.clone(), body), state).await.map_err(IntoResponse::into_response)?;
    let mut fingerprint = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), b" ", parts.uri.to_string().as_bytes(), b"\n", &bytes] {
        fingerprint.update(part);
    }
    let fingerprint = fingerprint.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let idempotency = IdempotencyKey { key, fingerprint };
    let _turn = state.app.idempotency_turn(&context.scope, &idempotency).await.map_err(refuse)?;
    if let Some(answer) = replay(state, &context, &idempotency).await? {
        return Ok(answer);
    }
    context.idempotency = Some(idempotency.clone());
    parts.extensions.insert(context.clone());
    parts.extensions.insert(bytes);
    let response = next.run(Request::from_parts(parts, axum::body::Body::empty())).await;
    if response.status().is_success() {
        return Ok(response);
    }
    // It failed, perhaps because another process was first, or after its change was durable: then that answer is the answer.
    match replay(state, &context, &idempotency).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) | Err(_) => Ok(response),
    }
}

async fn replay(state: &ApiState, context: &Context, idempotency: &IdempotencyKey) -> Result<Option<Response>, Response> {
    let recalled = state.app.recall_answer(&context.scope, idempotency).await.map_err(|error| ApiError(error).into_response())?;
    Ok(recalled.map(|record| {
        let status = u16::try_from(record.response_status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.unwrap_or(StatusCode::OK);
        let empty = record.response_body.is_empty();
        let mut response = if empty { status.into_response() } else { json(status, record.response_body) };
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }))
}

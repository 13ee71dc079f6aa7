//! Answers to changes: the body is written before the change commits, so that both become durable together.

use app::{Context, Pending};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;

use crate::error::ApiResult;

/// Commits a change and answers with a body made from its outcome.
pub(crate) async fn commit<T, B: Serialize>(
    context: &Context,
    status: StatusCode,
    pending: Pending<T>,
    body: impl FnOnce(&T) -> B,
) -> ApiResult<Response> {
    let body = serde_json::to_string(&body(pending.value())).map_err(|error| app::Error::Internal(error.to_string()))?;
    pending.commit_with_answer(context, status.as_u16(), &body).await?;
    Ok(json(status, body))
}

/// Commits a change and answers without a body.
pub(crate) async fn commit_empty<T>(context: &Context, pending: Pending<T>) -> ApiResult<Response> {
    pending.commit_with_answer(context, StatusCode::NO_CONTENT.as_u16(), "").await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An answer from a body that is JSON already.
pub(crate) fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

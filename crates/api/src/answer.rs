//! Answers to changes: the body is written before the change commits, so that both become durable together.

use app::{App, Context, Pending};
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
    let body = written(&body(pending.value()))?;
    pending.commit_with_answer(context, status.as_u16(), &body).await?;
    Ok(json(status, body))
}

/// Commits a change whose answer shows a secret. Only `kept` is kept for repetitions: what is shown once is written nowhere.
pub(crate) async fn commit_secret<T, B: Serialize, K: Serialize>(
    context: &Context,
    status: StatusCode,
    pending: Pending<T>,
    shown: impl FnOnce(&T) -> B,
    kept: impl FnOnce(&T) -> K,
) -> ApiResult<Response> {
    let (shown, kept) = (written(&shown(pending.value()))?, written(&kept(pending.value()))?);
    pending.commit_with_answer(context, status.as_u16(), &kept).await?;
    Ok(json(status, shown))
}

/// Commits a change and answers without a body.
pub(crate) async fn commit_empty<T>(context: &Context, pending: Pending<T>) -> ApiResult<Response> {
    pending.commit_with_answer(context, StatusCode::NO_CONTENT.as_u16(), "").await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Answers a request whose change is durable already, and keeps the answer for repetitions.
pub(crate) async fn keep(app: &App, context: &Context, status: StatusCode, body: &impl Serialize) -> ApiResult<Response> {
    let body = written(body)?;
    app.keep_answer(context, status.as_u16(), &body).await?;
    Ok(json(status, body))
}

fn written(body: &impl Serialize) -> Result<String, app::Error> {
    serde_json::to_string(body).map_err(|error| app::Error::Internal(error.to_string()))
}

/// An answer from a body that is JSON already.
pub(crate) fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

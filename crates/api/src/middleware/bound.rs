//! Bounds on load and time, and the end of a panic.

use std::any::Any;
use std::sync::Arc;

use app::Error;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::ApiState;
use crate::error::ApiError;

/// Refuses requests beyond the limit at once and ends those that take too long. Health checks always pass.
pub(crate) async fn bound(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/v1/") {
        return next.run(request).await;
    }
    let Ok(_permit) = state.in_flight.try_acquire() else {
        return ApiError(Error::Unavailable("too many requests are in flight: try again".into())).into_response();
    };
    // Held here, so that it is given back when the request has ended, however it ends.
    let share = state.bodies.share();
    request.extensions_mut().insert(Arc::clone(&share));
    // An advance of a sandbox's clock runs for as long as its billing takes.
    if request.uri().path().ends_with("/clock/advance") {
        return next.run(request).await;
    }
    match tokio::time::timeout(state.settings.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError(Error::Unavailable("the request took too long; it may still have been carried out".into())).into_response(),
    }
}

/// A defect in a handler: 500 with an empty body; the cause is logged.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let cause = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(cause = cause.as_deref().unwrap_or("unknown"), "a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

//! The one mapping from what went wrong to status, code and message (spec 60 §3).

use std::collections::BTreeMap;

use app::Error;
use axum::response::{IntoResponse, Response};
use domain::invalid::{Invalid, InvalidKind};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The outcome of a handler.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = errors::ErrorResponse)]
pub(crate) struct ErrorResponse {
    /// Stable, for programs.
    code: &'static str,
    /// For people: what is wrong and what to do.
    message: String,
    /// The status of the answer.
    http_status_code: u16,
    /// Facts: `field`, `value`, `allowed`, `limit`, `id`, as fits. Where several things are wrong, `errors` lists each with its message and
    /// facts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Object>)]
    details: BTreeMap<String, Value>,
}

impl ErrorResponse {
    /// The error of a step that an answer tells of.
    pub(crate) fn not_found(message: &str) -> Self {
        let details = BTreeMap::new();
        Self { code: "not_found", message: message.to_owned(), http_status_code: StatusCode::NOT_FOUND.as_u16(), details }
    }
}

/// Every code with its status.
const CODES: &[(&str, StatusCode)] = &[
    ("not_found", StatusCode::NOT_FOUND),
    ("already_exists", StatusCode::CONFLICT),
    ("version_conflict", StatusCode::CONFLICT),
    ("idempotency_in_progress", StatusCode::CONFLICT),
    ("validation_error", StatusCode::BAD_REQUEST),
    ("invalid_operation", StatusCode::BAD_REQUEST),
    ("permission_denied", StatusCode::FORBIDDEN),
    ("unsupported_encoding", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ("too_many_requests", StatusCode::TOO_MANY_REQUESTS),
    ("not_implemented", StatusCode::NOT_IMPLEMENTED),
    ("service_unavailable", StatusCode::SERVICE_UNAVAILABLE),
    ("internal_error", StatusCode::INTERNAL_SERVER_ERROR),
];

/// The refusal of a body in a coding that is not known.
pub(crate) fn unsupported_encoding(message: String) -> Response {
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let body = ErrorResponse { code: "unsupported_encoding", message, http_status_code: status.as_u16(), details: BTreeMap::new() };
    (status, axum::Json(body)).into_response()
}

/// Every code with its status, for the documentation and its test.
pub fn error_table() -> impl Iterator<Item = (&'static str, u16)> {
    CODES.iter().map(|(code, status)| (*code, status.as_u16()))
}

/// Seconds after which a refused request is worth another try.
const RETRY_AFTER_SECONDS: &str = "1";

impl ApiError {
    fn code(&self) -> &'static str {
        match &self.0 {
            Error::NotFound { .. } => "not_found",
            Error::AlreadyExists { .. } | Error::IdempotencyRace => "already_exists",
            Error::IdempotencyInProgress => "idempotency_in_progress",
            Error::VersionConflict { .. } => "version_conflict",
            Error::Invalid(Invalid { kind: InvalidKind::Validation, .. }) => "validation_error",
            Error::Invalid(Invalid { kind: InvalidKind::Operation, .. }) => "invalid_operation",
            Error::PermissionDenied(_) => "permission_denied",
            Error::NotImplemented { .. } => "not_implemented",
            Error::TooManyRequests(_) => "too_many_requests",
            Error::Unavailable(_) => "service_unavailable",
            Error::Internal(_) => "internal_error",
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = self.code();
        let status = CODES.iter().find(|(known, _)| *known == code).map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status);
        let is_passing = matches!(self.0, Error::IdempotencyInProgress | Error::Unavailable(_) | Error::TooManyRequests(_));
        let (message, details) = match self.0 {
            // Causes are for the log, never for clients.
            Error::Internal(cause) => {
                tracing::error!(%cause, "a request failed");
                ("an unexpected error occurred: it was logged under the request's id".to_owned(), BTreeMap::new())
            }
            Error::PermissionDenied(reason) => {
                tracing::info!(%reason, "a request was refused");
                (reason, BTreeMap::new())
            }
            Error::Invalid(invalid) => of_invalid(invalid),
            Error::AlreadyExists { message, details }
            | Error::VersionConflict { message, details }
            | Error::NotImplemented { message, details } => (message, facts(details)),
            Error::NotFound { what, ref id } => {
                let details = [("entity".to_owned(), what.into()), ("id".to_owned(), id.as_str().into())];
                (self.0.to_string(), BTreeMap::from(details))
            }
            Error::IdempotencyRace | Error::IdempotencyInProgress => {
                (self.0.to_string(), BTreeMap::from([("field".to_owned(), "Idempotency-Key".into())]))
            }
            other => (other.to_string(), BTreeMap::new()),
        };
        let body = ErrorResponse { code, message, http_status_code: status.as_u16(), details };
        let mut response = (status, axum::Json(body)).into_response();
        if is_passing {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}

fn facts(details: BTreeMap<String, String>) -> BTreeMap<String, Value> {
    details.into_iter().map(|(name, fact)| (name, Value::String(fact))).collect()
}

/// Message and facts; several faults each with its own.
fn of_invalid(invalid: Invalid) -> (String, BTreeMap<String, Value>) {
    let mut details = facts(invalid.details);
    if !invalid.faults.is_empty() {
        let one = |fault: Invalid| {
            let mut facts: Map<String, Value> = facts(fault.details).into_iter().collect();
            facts.insert("message".to_owned(), Value::String(fault.message));
            Value::Object(facts)
        };
        details.insert("errors".to_owned(), invalid.faults.into_iter().map(one).collect());
    }
    (invalid.message, details)
}

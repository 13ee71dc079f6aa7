//! What is known of each request afterwards: its id, a log line, metrics.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from a client.
const REQUEST_ID_CHARS_MAX: usize = 128;

/// Gives the request an id, logs how it ended, counts and times it.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        %method,
        route,
        // Filled in once the caller is known.
        tenant_id = tracing::field::Empty,
        environment_id = tracing::field::Empty,
        user_id = tracing::field::Empty,
    );
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let seconds = started.elapsed().as_secs_f64();
    let status = response.status();
    let labels = [("method", method.to_string()), ("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!("flexprice_http_requests_total", &labels).increment(1);
    metrics::histogram!("flexprice_http_request_duration_seconds", &labels[..2]).record(seconds);
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), seconds, "request failed");
        } else {
            tracing::debug!(status = status.as_u16(), seconds, "request served");
        }
    });
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn request_id(request: &Request) -> HeaderValue {
    let sent = request.headers().get(REQUEST_ID);
    let usable = sent.filter(|value| (1..=REQUEST_ID_CHARS_MAX).contains(&value.len()) && value.to_str().is_ok());
    usable.cloned().unwrap_or_else(|| {
        let fresh = domain::ids::IdGen::ulid(&*FRESH_IDS);
        HeaderValue::from_str(&fresh).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    })
}

static FRESH_IDS: std::sync::LazyLock<app::UlidIds> = std::sync::LazyLock::new(app::UlidIds::default);

//! Headers of every answer: security headers (spec 60 §2), and what of a request was ignored.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, StatusCode};

use crate::request::{IGNORED_FIELDS, IgnoredFields};

const SECURITY: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("permissions-policy"), "geolocation=(), microphone=(), camera=()"),
];

/// Adds the headers. An OPTIONS request on any path ends here.
pub(crate) async fn headers(mut request: Request, next: Next) -> Response {
    let ignored = IgnoredFields::default();
    request.extensions_mut().insert(ignored.clone());
    let mut response = if request.method() == Method::OPTIONS { StatusCode::OK.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.extend(ignored.header().map(|names| (IGNORED_FIELDS, names)));
    for (name, value) in SECURITY {
        // A page that needs a style of its own has set its own policy.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

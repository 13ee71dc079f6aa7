//! What is known of each request afterwards: its id, one log line, metrics. Labels are words of this program: what a stranger can choose
//! freely, methods and paths that do not exist, is `other`.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use domain::scope::Scope;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over from a client.
const REQUEST_ID_CHARS_MAX: usize = 128;
/// The label of methods and paths that do not exist.
const OTHER: &str = "other";
/// What probes ask again and again: no news as long as all is well.
const PROBES: [&str; 5] = ["/health", "/health/live", "/health/ready", "/ready", "/metrics"];
/// Noted as the status of a request whose client left before the answer was made; no client sees it.
const CLIENT_LEFT: u16 = 499;

/// Who asks, once that is known: for the line that is written when the request has ended, however it ends.
#[derive(Clone, Default)]
pub(crate) struct Asker(Arc<OnceLock<Scope>>);

impl Asker {
    /// Notes who asks.
    pub(crate) fn is(&self, scope: &Scope) {
        // A request is authenticated once.
        let _first = self.0.set(scope.clone());
    }
}

/// A request under way. When it goes, the request has ended.
struct Observation {
    id: HeaderValue,
    method: &'static str,
    route: String,
    asker: Asker,
    began: Instant,
    /// Of the answer, when there is one.
    status: Option<StatusCode>,
}

/// Gives the request an id, logs how it ended, counts and times it.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let mut observation = Observation::begin(&mut request);
    let span = tracing::info_span!(
        "request",
        request_id = observation.id.to_str().unwrap_or_default(),
        method = observation.method,
        route = observation.route,
        // Filled in once the caller is known.
        tenant_id = tracing::field::Empty,
        environment_id = tracing::field::Empty,
        user_id = tracing::field::Empty,
    );
    let mut response = next.run(request).instrument(span).await;
    response.headers_mut().insert(REQUEST_ID, observation.id.clone());
    observation.status = Some(response.status());
    response
}

impl Observation {
    fn begin(request: &mut Request) -> Self {
        let asker = Asker::default();
        request.extensions_mut().insert(asker.clone());
        Self {
            id: request_id(request),
            method: method_label(request.method()),
            route: request.extensions().get::<MatchedPath>().map_or_else(|| OTHER.to_owned(), |path| path.as_str().to_owned()),
            asker,
            began: Instant::now(),
            status: None,
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let status = self.status.map_or(CLIENT_LEFT, |status| status.as_u16());
        let labels = [("method", self.method.to_owned()), ("route", self.route.clone()), ("status", status.to_string())];
        metrics::counter!("flexprice_http_requests_total", &labels).increment(1);
        metrics::histogram!("flexprice_http_request_duration_seconds", &labels[..2]).record(took.as_secs_f64());
        let scope = self.asker.0.get();
        // The fields of one line, whatever its level.
        macro_rules! say {
            ($level:ident) => {
                tracing::$level!(
                    method = self.method,
                    route = self.route,
                    status,
                    duration_ms = took.as_secs_f64() * 1_000.0,
                    request_id = self.id.to_str().unwrap_or_default(),
                    tenant_id = scope.map(|scope| scope.tenant_id.as_str()),
                    environment_id = scope.map(|scope| scope.environment_id.as_str()),
                    "request"
                )
            };
        }
        if is_failure(status) {
            say!(warn);
        } else if PROBES.contains(&self.route.as_str()) {
            say!(debug);
        } else {
            say!(info);
        }
    }
}

/// What this server failed to do. That something is not built is its state, and no failure.
fn is_failure(status: u16) -> bool {
    status >= 500 && status != StatusCode::NOT_IMPLEMENTED.as_u16()
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_exist_has_one_label() {
        for (method, label) in
            [("GET", "GET"), ("OPTIONS", "OPTIONS"), ("TRACE", "other"), ("get", "other"), ("X1", "other"), ("X2", "other")]
        {
            assert_eq!(method_label(&Method::from_bytes(method.as_bytes()).expect("a method")), label, "{method}");
        }
    }

    #[test]
    fn what_is_not_built_is_no_failure() {
        for (status, failure) in [(200, false), (404, false), (429, false), (CLIENT_LEFT, false), (500, true), (501, false), (503, true)] {
            assert_eq!(is_failure(status), failure, "{status}");
        }
    }
}

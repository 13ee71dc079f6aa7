//! The HTTP API: routes, requests and responses, the error mapping, OpenAPI. A handler decodes, calls one use case, encodes; it
//! decides nothing about billing.

mod answer;
mod body;
mod contract;
mod docs_page;
mod error;
mod extract;
mod filter;
mod list;
mod middleware;
mod openapi;
mod request;
mod rights;
mod routes;
mod wire;

pub use contract::coverage_page;
pub use error::error_table;
pub use middleware::{Hosts, Origins};
pub use openapi::document;
pub use request::UnknownFields;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use app::App;
use axum::Router;
use axum::routing::get;

/// What the API is set up with.
#[derive(Clone)]
pub struct ApiSettings {
    /// The header that carries an API key.
    pub api_key_header: http::HeaderName,
    /// Longest body, in bytes. Longer ones are refused with 400.
    pub body_bytes_max: usize,
    /// What becomes of fields that a request should not have; those of events are always ignored.
    pub unknown_fields: UnknownFields,
    /// Most bytes of all bodies under way; more are refused with 503 and Retry-After.
    pub bodies_bytes_max: usize,
    /// Most requests at once; more are refused with 503 and Retry-After.
    pub in_flight_max: usize,
    /// Longest time of one request; beyond it the answer is 503.
    pub request_timeout: Duration,
    /// Whose pages may read answers.
    pub origins: Origins,
    /// By which names the server may be called.
    pub hosts: Hosts,
    /// Renders the metrics in Prometheus' text format.
    pub render_metrics: RenderMetrics,
    /// What must answer besides the stores, for the process to be ready.
    pub checks: Vec<(&'static str, ReadinessCheck)>,
}

/// Makes the page that Prometheus reads.
pub type RenderMetrics = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync>;

/// Proves that something answers; the text says why it does not.
pub type ReadinessCheck = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            api_key_header: http::HeaderName::from_static("x-api-key"),
            body_bytes_max: 32 * 1024 * 1024,
            unknown_fields: UnknownFields::default(),
            bodies_bytes_max: 128 * 1024 * 1024,
            in_flight_max: 1024,
            request_timeout: Duration::from_secs(60),
            origins: Origins::default(),
            hosts: Hosts::default(),
            render_metrics: Arc::new(|| Box::pin(async { String::new() })),
            checks: Vec::new(),
        }
    }
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub(crate) app: App,
    pub(crate) settings: Arc<ApiSettings>,
    pub(crate) in_flight: Arc<tokio::sync::Semaphore>,
    pub(crate) bodies: Arc<body::Bodies>,
    pub(crate) readiness: Arc<routes::platform::health::Readiness>,
}

fn state(app: App, settings: ApiSettings) -> ApiState {
    let in_flight = Arc::new(tokio::sync::Semaphore::new(settings.in_flight_max));
    let bodies = Arc::new(body::Bodies::new(settings.body_bytes_max, settings.bodies_bytes_max));
    ApiState { app, settings: Arc::new(settings), in_flight, bodies, readiness: Arc::default() }
}

/// Liveness, readiness and metrics.
fn probes() -> Router<ApiState> {
    Router::new()
        .route("/health", get(routes::platform::health::health).post(routes::platform::health::health))
        .route("/health/live", get(routes::platform::health::health))
        .route("/health/ready", get(routes::platform::health::ready))
        .route("/ready", get(routes::platform::health::ready))
        .route("/metrics", get(routes::platform::health::metrics))
}

/// Liveness, readiness and metrics alone: for a process that serves no API.
pub fn probe_router(app: App, settings: ApiSettings) -> Router {
    let check_host = axum::middleware::from_fn_with_state(Arc::new(settings.hosts.clone()), middleware::check_host);
    probes().layer(check_host).layer(axum::middleware::from_fn(middleware::observe)).with_state(state(app, settings))
}

/// All routes over the use cases.
pub fn router(app: App, settings: ApiSettings) -> Router {
    let origins = settings.origins.layer();
    let hosts = Arc::new(settings.hosts.clone());
    let state = state(app, settings);
    let (versioned, _) = routes::versioned().split_for_parts();
    let versioned = versioned
        .method_not_allowed_fallback(contract::not_built)
        .layer(axum::middleware::from_fn_with_state(state.clone(), middleware::idempotency))
        .layer(axum::middleware::from_fn(body::check_encoding))
        .layer(axum::middleware::from_fn(rights::authorize))
        .layer(axum::middleware::from_fn_with_state(state.clone(), middleware::authenticate));
    let described = Router::new().route("/openapi.json", get(openapi::serve)).merge(docs_page::routes());
    let router = Router::new()
        .merge(probes())
        .merge(described)
        .merge(versioned)
        .merge(contract::unbuilt_routes())
        .fallback(contract::not_built)
        .layer(axum::middleware::from_fn_with_state(state.clone(), middleware::bound))
        .layer(axum::middleware::from_fn_with_state(hosts, middleware::check_host))
        .layer(axum::middleware::from_fn(middleware::headers));
    let router = match origins {
        Some(origins) => router.layer(origins),
        None => router,
    };
    router
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(middleware::panicked))
        .layer(axum::middleware::from_fn(middleware::observe))
        .with_state(state)
}

//! Liveness, readiness, metrics: without authentication.

use std::time::{Duration, Instant};

use app::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;
use tokio::sync::Mutex;

use crate::ApiState;

/// The process lives.
pub(crate) async fn health() -> Response {
    axum::Json(json!({"status": "ok"})).into_response()
}

/// What the last look at the stores found. Looking writes to both and needs no key, so that many who ask share one look.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Failures)>>);

type Failures = Vec<(&'static str, String)>;

/// How long a good look counts. A bad one counts for those alone who asked while it was under way, so that recovery shows at once.
const LOOK_COUNTS: Duration = Duration::from_millis(500);

impl Readiness {
    async fn failures(&self, app: &App) -> Failures {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        match &*last {
            Some((at, failures)) if *at >= asked || (failures.is_empty() && at.elapsed() < LOOK_COUNTS) => failures.clone(),
            _ => {
                let failures = app.check().await.err().unwrap_or_default();
                *last = Some((Instant::now(), failures.clone()));
                failures
            }
        }
    }
}

/// The stores take writes: 200, or 503 with what does not.
pub(crate) async fn ready(State(state): State<ApiState>) -> Response {
    match state.readiness.failures(&state.app).await {
        failures if failures.is_empty() => axum::Json(json!({"status": "ready"})).into_response(),
        failures => {
            let failing: serde_json::Map<_, _> = failures.into_iter().map(|(name, cause)| (name.to_owned(), cause.into())).collect();
            let body = json!({"status": "not ready", "failing": failing});
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], axum::Json(body)).into_response()
        }
    }
}

/// Metrics in Prometheus' text format.
pub(crate) async fn metrics(State(state): State<ApiState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], (state.settings.render_metrics)()).into_response()
}

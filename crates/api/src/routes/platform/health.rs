//! Liveness, readiness, metrics: without authentication.

use std::time::{Duration, Instant};

use app::{App, Health};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;
use tokio::sync::Mutex;

use crate::{ApiState, ReadinessCheck};

/// The process lives.
pub(crate) async fn health() -> Response {
    axum::Json(json!({"status": "ok"})).into_response()
}

/// What the last look at the stores found. Looking writes to both and needs no key, so that many who ask share one look.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Health)>>);

/// How long a good look counts. A bad one counts for those alone who asked while it was under way, so that recovery shows at once.
const LOOK_COUNTS: Duration = Duration::from_millis(500);

impl Readiness {
    async fn look(&self, app: &App, checks: &[(&'static str, ReadinessCheck)]) -> Health {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        match &*last {
            Some((at, health)) if *at >= asked || (health.failing.is_empty() && at.elapsed() < LOOK_COUNTS) => health.clone(),
            _ => {
                let mut health = app.check().await;
                for (name, check) in checks {
                    if let Err(cause) = check().await {
                        health.failing.push((name, cause));
                    }
                }
                *last = Some((Instant::now(), health.clone()));
                health
            }
        }
    }
}

/// The system can do its work: 200, with what slows it down, or 503 with what keeps it from its work.
pub(crate) async fn ready(State(state): State<ApiState>) -> Response {
    let health = state.readiness.look(&state.app, &state.settings.checks).await;
    let by_name = |list: Vec<(&'static str, String)>| -> serde_json::Map<_, _> {
        list.into_iter().map(|(name, cause)| (name.to_owned(), cause.into())).collect()
    };
    let (failing, degraded) = (by_name(health.failing), by_name(health.degraded));
    let status = if failing.is_empty() { "ready" } else { "not ready" };
    let mut body = json!({"status": status});
    for (name, list) in [("failing", failing), ("degraded", degraded)] {
        if !list.is_empty() {
            body[name] = list.into();
        }
    }
    if status == "ready" {
        return axum::Json(body).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], axum::Json(body)).into_response()
}

/// Metrics in Prometheus' text format.
pub(crate) async fn metrics(State(state): State<ApiState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], (state.settings.render_metrics)().await).into_response()
}

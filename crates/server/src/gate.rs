//! What a process answers while what it needs is not up yet: it lives, it is not ready, and for what it waits.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tower::ServiceExt as _;

/// A router that answers for another one until that is there.
#[derive(Clone, Default)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    router: OnceLock<Router>,
    waits_for: Mutex<String>,
}

impl Gate {
    /// The router to serve from the start.
    pub fn router(&self) -> Router {
        Router::new().fallback(pass).with_state(self.clone())
    }

    /// Says for what the process waits.
    pub fn waits_for(&self, what: &str) {
        what.clone_into(&mut self.inner.waits_for.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets requests through, from now on.
    pub fn open(&self, router: Router) {
        // A gate opens once.
        let _first = self.inner.router.set(router);
    }
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    if let Some(router) = gate.inner.router.get() {
        return router.clone().oneshot(request).await.into_response();
    }
    if matches!(request.uri().path(), "/health" | "/health/live") {
        return axum::Json(json!({"status": "ok"})).into_response();
    }
    let waits_for = gate.inner.waits_for.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let body = json!({
        "status": "starting",
        "failing": {"start": waits_for},
        "success": false,
        "error": {"message": "the server is starting: try again in a moment", "code": "service_unavailable"},
    });
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], axum::Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;

    use super::*;

    async fn status(gate: &Gate, path: &str) -> StatusCode {
        let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
        gate.router().oneshot(request).await.expect("an answer").status()
    }

    #[tokio::test]
    async fn a_process_that_starts_lives_and_is_not_ready() {
        let gate = Gate::default();
        gate.waits_for("PostgreSQL at db:5432");
        assert_eq!(status(&gate, "/health").await, StatusCode::OK);
        assert_eq!(status(&gate, "/ready").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(&gate, "/v1/customers").await, StatusCode::SERVICE_UNAVAILABLE);
        gate.open(Router::new().route("/ready", get(|| async { "ready" })));
        assert_eq!(status(&gate, "/ready").await, StatusCode::OK);
        assert_eq!(status(&gate, "/v1/customers").await, StatusCode::NOT_FOUND);
    }
}

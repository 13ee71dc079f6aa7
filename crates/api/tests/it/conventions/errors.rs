//! Errors: one status per code, one page per code, nothing that was not meant for clients.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use api::ApiSettings;
use axum::body::Body;
use bytes::Bytes;
use http::Method;
use http_body::Frame;
use serde_json::json;
use testkit::TestApp;

/// Spec 60 §3. The three other codes of its 500 family are not used, and `idempotency_in_progress` and `unsupported_encoding` are ours: a failure is `internal_error`, whichever part failed.
#[test]
fn every_code_has_its_status() {
    let expected = BTreeMap::from([
        ("not_found", 404),
        ("already_exists", 409),
        ("idempotency_in_progress", 409),
        ("version_conflict", 409),
        ("validation_error", 400),
        ("invalid_operation", 400),
        ("permission_denied", 403),
        ("too_many_requests", 429),
        ("unsupported_encoding", 415),
        ("not_implemented", 501),
        ("service_unavailable", 503),
        ("internal_error", 500),
    ]);
    assert_eq!(api::error_table().collect::<BTreeMap<_, _>>(), expected);
}

/// docs/errors.md: for each code its status, its cause and its remedy.
#[test]
fn every_code_has_a_page() {
    let page = include_str!("../../../../../docs/errors.md");
    for (code, status) in api::error_table() {
        let heading = format!("## {code} ({status})\n");
        let (_, rest) = page.split_once(&heading).unwrap_or_else(|| panic!("docs/errors.md has no `{}`", heading.trim()));
        let section = rest.split("\n## ").next().unwrap_or_default();
        for part in ["**Cause.** ", "**Remedy.** "] {
            let words =
                section.split_once(part).map_or("", |(_, words)| words).split_whitespace().take_while(|word| *word != "**Remedy.**");
            assert!(words.count() >= 8, "{code}: {part}is missing or too short");
        }
    }
    let documented = page.lines().filter(|line| line.starts_with("## ") && line.ends_with(')')).count();
    assert_eq!(documented, api::error_table().count(), "docs/errors.md describes a code that does not exist");
}

/// A full house is refused at once, and says when to come again; health checks pass.
#[tokio::test]
async fn too_many_requests_in_flight_are_refused_with_retry_after() {
    let app = TestApp::start_with(ApiSettings { in_flight_max: 0, ..ApiSettings::default() }).await;
    let answer = app.client().get("/v1/customers").await;
    assert_eq!(answer.header("retry-after"), "1");
    answer.refused(503, "service_unavailable");
    app.client().get("/health").await.expect(200);
    app.client().get("/ready").await.expect(200);
}

/// A body that never comes.
struct Stalled;

impl http_body::Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_request_beyond_its_time_is_ended() {
    let app = TestApp::start_with(ApiSettings { request_timeout: Duration::from_millis(1), ..ApiSettings::default() }).await;
    let answer = app.client().send(Method::POST, "/v1/customers", Body::new(Stalled)).await;
    assert_eq!(answer.header("retry-after"), "1");
    answer.refused(503, "service_unavailable");
}

/// Stores that are gone make a 503, not a 500; readiness says which.
#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let app = TestApp::start().await;
    let client = app.client();
    app.app.close().await;
    client.get("/v1/plans").await.refused(503, "service_unavailable");
    let event = json!({"event_name": "a", "external_customer_id": "c"});
    client.post("/v1/events", &event).await.refused(503, "service_unavailable");
    let ready = client.get("/ready").await;
    assert_eq!(ready.status, 503, "{ready}");
    client.get("/health").await.expect(200);
}

/// Spec 60 §2.
#[tokio::test]
async fn every_answer_carries_the_common_headers() {
    let app = TestApp::start().await;
    let client = app.client().with("x-request-id", "req-7");
    for (path, status) in [("/v1/customers", 200), ("/v1/customers/none", 404), ("/nothing", 404), ("/health", 200)] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.header("x-request-id")), (status, "req-7"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "no page is let in unless the deployment names it");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    }
    let fresh = app.client().get("/health").await;
    assert_eq!(fresh.header("x-request-id").len(), 26, "a ULID");
    let options = app.client().without("x-api-key").send(Method::OPTIONS, "/v1/anything", "").await;
    assert_eq!(options.status, 200);
}

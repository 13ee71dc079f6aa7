//! What web pages may do: nothing, unless the deployment names their origin; and nothing under a name that is not the server's own.

use api::{ApiSettings, Hosts, Origins};
use http::{HeaderValue, Method};
use testkit::{Answer, TestApp};

async fn preflight(app: &TestApp, origin: &str) -> Answer {
    let asks = app.client().without("x-api-key").with("origin", origin).with("access-control-request-method", "POST");
    asks.with("access-control-request-headers", "x-api-key,content-type").send(Method::OPTIONS, "/v1/customers", "").await
}

async fn assert_let_in(app: &TestApp, origin: &str, allowed: &str) {
    let asked = preflight(app, origin).await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (200, allowed), "{origin}");
    if !allowed.is_empty() {
        assert_eq!(
            (asked.header("access-control-allow-headers"), asked.header("access-control-max-age")),
            ("x-api-key,content-type", "86400")
        );
        assert!(asked.header("access-control-allow-methods").contains("DELETE"));
    }
    // Refusals can be read as well.
    for path in ["/v1/customers", "/v1/customers/none", "/nothing"] {
        let answer = app.client().with("origin", origin).get(path).await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin} {path}");
    }
}

#[tokio::test]
async fn no_page_is_let_in_by_default() {
    let app = TestApp::start().await;
    for origin in ["https://evil.example", "http://localhost:3000", "null"] {
        assert_let_in(&app, origin, "").await;
        let headers = preflight(&app, origin).await.headers;
        assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{headers:?}");
    }
}

#[tokio::test]
async fn pages_of_named_origins_are_let_in() {
    let origins = Origins::These(vec![HeaderValue::from_static("https://app.example"), HeaderValue::from_static("http://localhost:3000")]);
    let app = TestApp::start_with(ApiSettings { origins, ..ApiSettings::default() }).await;
    assert_let_in(&app, "https://app.example", "https://app.example").await;
    assert_let_in(&app, "http://localhost:3000", "http://localhost:3000").await;
    for other in ["https://evil.example", "http://app.example", "https://app.example.evil.example", "null"] {
        assert_let_in(&app, other, "").await;
    }
}

#[tokio::test]
async fn every_page_is_let_in_where_the_deployment_says_so() {
    let app = TestApp::start_with(ApiSettings { origins: Origins::Any, ..ApiSettings::default() }).await;
    assert_let_in(&app, "https://whoever.example", "*").await;
}

/// DNS rebinding: a page of evil.example whose name was made to point to 127.0.0.1.
#[tokio::test]
async fn a_local_server_answers_to_its_own_names_alone() {
    let hosts = Hosts::LoopbackAnd(vec!["billing.example".to_owned()]);
    let app = TestApp::start_with(ApiSettings { hosts, ..ApiSettings::default() }).await;
    for own in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "billing.example"] {
        app.client().with("host", own).get("/v1/customers").await.expect(200);
    }
    for foreign in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "192.168.0.1", "a b"] {
        for path in ["/v1/customers", "/metrics", "/docs", "/openapi.json", "/ready", "/health"] {
            let refusal = app.client().with("host", foreign).get(path).await.refused(403, "permission_denied");
            assert!(refusal["message"].as_str().unwrap().contains("server.allowed_hosts"), "{refusal}");
        }
    }
    app.client().get("/v1/customers").await.expect(200);
    let reachable = TestApp::start().await;
    reachable.client().with("host", "billing.example").get("/v1/customers").await.expect(200);
}

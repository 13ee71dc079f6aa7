//! Ids that nothing has.

use http::Method;
use serde_json::{Value, json};
use testkit::{RouteOfOne, TestApp};

use crate::refusals::{Refused, assert_refused, post, raw};

/// Every route of the document with an id in its path: an unknown one is not found.
#[tokio::test]
async fn an_unknown_id_in_a_path_is_not_found() {
    let app = TestApp::start().await;
    let mut table = Vec::new();
    for route in RouteOfOne::all() {
        let path = route.path("unknown_01ARZ3NDEKTSV4RRFFQ69G5FAV");
        let body = route.body().to_string();
        table.push(Refused { method: route.method, ..raw("unknown", &path, body).with(404, "not_found") });
    }
    assert!(table.len() > 25, "{}", table.len());
    assert_refused(&app.client(), table).await;
}

#[tokio::test]
async fn an_unknown_id_in_a_body_is_not_found() {
    let app = TestApp::start().await;
    let case = |path: &str, body: Value| post("unknown", path, &body).with(404, "not_found");
    let table = vec![
        case("/v1/subscriptions/usage", json!({"subscription_id": "subs_none"})),
        case("/v1/invoices/preview", json!({"subscription_id": "subs_none"})),
        case("/v1/events/usage/meter", json!({"meter_id": "meter_none"})),
        case("/v1/invoices/search", json!({"external_customer_id": "nobody"})),
        case("/v1/subscriptions/search", json!({"external_customer_id": "nobody"})),
        case("/v1/features", json!({"name": "f", "type": "metered", "meter_id": "meter_none"})),
    ];
    assert_refused(&app.client(), table).await;
}

/// Spec 60 §3: text, not the envelope; also for a wrong method.
#[tokio::test]
async fn an_unknown_route_is_plain_text() {
    let app = TestApp::start().await;
    for (method, path) in [
        (Method::GET, "/v1/planets"),
        (Method::GET, "/nothing"),
        (Method::PATCH, "/v1/customers"),
        (Method::DELETE, "/v1/events/bulk"),
        (Method::GET, "/v1/customers/a/b/c"),
    ] {
        let answer = app.client().send(method, path, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (404, Some("404 page not found")), "{answer}");
        assert!(answer.header("content-type").starts_with("text/plain"));
    }
}

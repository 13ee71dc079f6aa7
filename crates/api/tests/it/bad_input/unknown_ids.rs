//! Ids that nothing has.

use http::Method;
use serde_json::{Value, json};
use testkit::TestApp;

use crate::refusals::{Refused, assert_refused, post, raw};

/// Every route of the document with an id in its path: an unknown one is not found.
#[tokio::test]
async fn an_unknown_id_in_a_path_is_not_found() {
    let app = TestApp::start().await;
    let document: Value = serde_json::from_str(&api::document().to_json().unwrap()).unwrap();
    let mut table = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        let Some((before, rest)) = template.split_once('{') else { continue };
        let (_, after) = rest.split_once('}').unwrap();
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let path = format!("{before}unknown_01ARZ3NDEKTSV4RRFFQ69G5FAV{after}");
            table.push(Refused { method, ..raw("unknown", &path, body_for(template)).with(404, "not_found") });
        }
    }
    assert!(table.len() > 25, "{}", table.len());
    assert_refused(&app.client(), table).await;
}

/// A body that is complete, so that only the id is wrong.
fn body_for(template: &str) -> String {
    let body = match template {
        path if path.ends_with("/clock") => json!({"time": "2025-01-01T00:00:00Z"}),
        path if path.ends_with("/advance") => json!({"to": "2025-01-01T00:00:00Z"}),
        path if path.ends_with("/clone") => json!({"name": "copy", "lookup_key": "copy"}),
        path if path.ends_with("/cancel") => json!({"cancellation_type": "immediate"}),
        path if path.contains("/meters/") => json!({"filters": [{"key": "k", "values": ["v"]}]}),
        _ => json!({"name": "x"}),
    };
    body.to_string()
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

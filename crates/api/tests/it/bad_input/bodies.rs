//! Bodies that cannot be read, on every route that takes one.

use http::Method;
use serde_json::{Value, json};
use testkit::TestApp;

use crate::refusals::{Refused, assert_refused, raw};

/// Every built route that takes a body, with its parameters filled in.
fn routes_with_bodies() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&api::document().to_json().unwrap()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("requestBody").is_some() {
                let path = path.replace("{id}", "some_id");
                routes.push((Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), path));
            }
        }
    }
    assert!(routes.len() > 25, "{}", routes.len());
    routes
}

#[tokio::test]
async fn malformed_json_is_a_validation_error_on_every_route() {
    let app = TestApp::start().await;
    let mut table = Vec::new();
    for (method, path) in routes_with_bodies() {
        for (why, body) in [("cut off", r#"{"name": "#), ("no JSON", "name=x"), ("an array", "[]"), ("text", r#""x""#), ("a number", "7")] {
            table.push(raw(why, &path, body).by(method.clone()));
        }
    }
    assert_refused(&app.client(), table).await;
}

#[tokio::test]
async fn wrong_types_are_validation_errors() {
    let app = TestApp::start().await;
    let case = |path: &str, body: Value| raw("wrong type", path, body.to_string());
    let table = vec![
        case("/v1/customers", json!({"external_id": 7, "name": "x"})),
        case("/v1/customers", json!({"external_id": "x", "name": ["x"]})),
        case("/v1/customers", json!({"external_id": "x", "name": "x", "metadata": {"a": 1}})),
        case("/v1/customers", json!({"external_id": "x", "name": "x", "metadata": "a"})),
        case("/v1/customers/search", json!({"customer_ids": "cust_1"})),
        case("/v1/customers/search", json!({"limit": "many"})),
        case("/v1/customers/search", json!({"limit": 1.5})),
        case("/v1/customers/search", json!({"sort": 7})),
        case("/v1/customers/search", json!({"filters": {"field": "name"}})),
        case("/v1/customers/search", json!({"start_time": "yesterday"})),
        case("/v1/features", json!({"name": "x", "type": "solid"})),
        case("/v1/features", json!({"name": "x", "type": "metered", "meter": {"aggregation": {"type": "MEDIAN"}}})),
        case("/v1/prices", json!({"entity_type": "GALAXY"})),
        case("/v1/prices", json!({"amount": "twelve"})),
        case("/v1/prices", json!({"amount": {}})),
        case("/v1/prices", json!({"tiers": {}})),
        case("/v1/prices", json!({"billing_period": "FORTNIGHTLY"})),
        case("/v1/subscriptions", json!({"billing_period": "FORTNIGHTLY"})),
        case("/v1/subscriptions", json!({"billing_cycle": "lunar"})),
        case("/v1/subscriptions", json!({"start_date": "2025-01-01"})),
        case("/v1/subscriptions", json!({"start_date": 1_735_689_600})),
        case("/v1/subscriptions/usage", json!({"subscription_id": "x", "start_time": "2025-01-01T00:00:00"})),
        case("/v1/invoices/search", json!({"invoice_status": "DRAFT"})),
        case("/v1/invoices/search", json!({"invoice_status": ["LOST"]})),
        case("/v1/events", json!({"event_name": 1, "external_customer_id": "c"})),
        case("/v1/events", json!({"event_name": "a", "external_customer_id": "c", "properties": "x"})),
        case("/v1/events", json!({"event_name": "a", "external_customer_id": "c", "properties": [1]})),
        case("/v1/events/bulk", json!({"events": {}})),
        case("/v1/events/bulk", json!({"events": ["x"]})),
        case("/v1/events/usage", json!({"event_name": "a", "aggregation_type": "COUNT", "window_size": "FORTNIGHT"})),
    ];
    assert_refused(&app.client(), table).await;
}

/// Spec 60 §2: the whole body counts, also what follows the first JSON value.
#[tokio::test]
async fn a_body_over_32_mib_is_a_validation_error() {
    const LIMIT: usize = 32 * 1024 * 1024;
    let app = TestApp::start().await;
    let client = app.client();
    let event = r#"{"event_name":"a","external_customer_id":"c"}"#;
    let mut too_long = event.to_owned();
    too_long.push_str(&" ".repeat(LIMIT - event.len() + 1));
    let mut filled = r#"{"events":[{"event_name":"a","external_customer_id":"c","source":""#.to_owned();
    filled.push_str(&"x".repeat(LIMIT));
    filled.push_str(r#""}]}"#);
    let objects = format!(r#"{{"events":[{{"x":"{}"}}]}}"#, "x".repeat(LIMIT));
    let table: Vec<Refused> = vec![
        raw("blanks after the event", "/v1/events", too_long),
        raw("one long field", "/v1/events/bulk", filled),
        raw("one long object", "/v1/events/raw/bulk", objects),
    ];
    assert_refused(&client, table).await;
    let mut just_fits = event.to_owned();
    just_fits.push_str(&" ".repeat(LIMIT - event.len()));
    client.send(Method::POST, "/v1/events", just_fits).await.expect(202);
}

//! Customers that break a rule (spec 30 §1).

use http::Method;
use serde_json::{Value, json};
use testkit::TestApp;

use crate::refusals::{assert_refused, get, post};

#[tokio::test]
async fn fields_out_of_bounds_are_refused() {
    let app = TestApp::start().await;
    let with = |field: &str, value: Value| {
        let mut customer = json!({"external_id": "c1", "name": "c1"});
        customer[field] = value;
        customer
    };
    let case = |why, field: &str, value: Value| post(why, "/v1/customers", &with(field, value));
    let table = vec![
        post("empty", "/v1/customers", &json!({})),
        case("no external_id", "external_id", json!("")),
        case("no name", "name", json!("")),
        case("a blank name", "name", json!("  ")),
        case("a name too long", "name", json!("x".repeat(256))),
        case("no e-mail", "email", json!("nobody")),
        case("no e-mail", "email", json!("a@b")),
        case("three letters", "address_country", json!("USA")),
        case("one letter", "address_country", json!("U")),
        case("digits", "address_country", json!("12")),
        case("a long contact", "contact", json!("1".repeat(21))),
        case("a long postal code", "address_postal_code", json!("1".repeat(21))),
        case("a long city", "address_city", json!("x".repeat(101))),
        case("an unknown zone", "timezone", json!("Mars/Olympus")),
    ];
    assert_refused(&app.client(), table).await;
}

/// Spec 30 §20 no. 20.
#[tokio::test]
async fn an_external_id_is_taken_until_its_customer_is_deleted() {
    let app = TestApp::start().await;
    let client = app.client();
    let id = client.customer("acme").await;
    let other = client.customer("other").await;
    let taken = json!({"external_id": "acme", "name": "second"});
    let table = vec![
        post("taken", "/v1/customers", &taken).with(409, "already_exists"),
        post("taken", &format!("/v1/customers/{other}"), &json!({"external_id": "acme"})).by(Method::PUT).with(409, "already_exists"),
    ];
    assert_refused(&client, table).await;
    client.delete(&format!("/v1/customers/{id}")).await.expect(204);
    client.post("/v1/customers", &taken).await.expect(201);
}

#[tokio::test]
async fn an_update_names_one_customer() {
    let app = TestApp::start().await;
    let client = app.client();
    let id = client.customer("a").await;
    client.customer("b").await;
    let body = json!({"name": "changed"});
    let table = vec![
        post("none", "/v1/customers", &body).by(Method::PUT),
        post("two that differ", &format!("/v1/customers?id={id}&external_customer_id=b"), &body).by(Method::PUT),
        get("an unknown expand", "/v1/customers?expand=invoices"),
    ];
    assert_refused(&client, table).await;
    let changed = client.put(&format!("/v1/customers?id={id}&external_customer_id=a"), &body).await.expect(200);
    assert_eq!(changed["name"], "changed");
}

#[tokio::test]
async fn a_customer_with_an_open_subscription_stays() {
    let app = TestApp::start().await;
    let client = app.client();
    let id = client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(testkit::fixed_price(&plan, "10", "ARREAR", json!({}))).await;
    let subscription = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let table = vec![
        post("customer", &format!("/v1/customers/{id}"), &json!({})).by(Method::DELETE).with(400, "invalid_operation"),
        post("plan", &format!("/v1/plans/{plan}"), &json!({})).by(Method::DELETE).with(400, "invalid_operation"),
    ];
    assert_refused(&client, table).await;
    let cancel = format!("/v1/subscriptions/{}/cancel", subscription["id"].as_str().unwrap());
    client.post(&cancel, &json!({"cancellation_type": "immediate"})).await.expect(200);
    client.delete(&format!("/v1/customers/{id}")).await.expect(204);
    client.delete(&format!("/v1/customers/{id}")).await.not_found();
}

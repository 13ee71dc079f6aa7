//! Tenants and environments do not see each other: every built route with another tenant's ids.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};
use testkit::{Client, TestApp, event, fixed_price, usage_price};

/// One of everything, by the first segment of its routes.
async fn one_of_everything(client: &Client, at: &str) -> BTreeMap<&'static str, Value> {
    let id = |value: &Value| value["id"].clone();
    let customer = client.customer("acme").await;
    let meter = client.counted("api").await;
    client.post(&format!("/v1/meters/{}/backfill", meter.meter_id), &json!({})).await.expect(202);
    let plan = client.plan("basic").await;
    let fee = client.price(fixed_price(&plan, "10", "ADVANCE", json!({"lookup_key": "fee"}))).await;
    client.price(usage_price(&plan, &meter, json!({}))).await;
    let subscription = client.subscribe("acme", &plan, at, json!({})).await;
    client.send_events(&[event("e1", "api", "acme", at, json!({}))]).await;
    let group = client.post("/v1/groups", &json!({"name": "g", "lookup_key": "g", "entity_type": "price"})).await.expect(201);
    let key = client.post("/v1/secrets/api/keys", &json!({"name": "k", "type": "private_key"})).await.expect(201);
    let costs = client.post("/v1/costs", &json!({"name": "costs"})).await.expect(201);
    let environments = client.get("/v1/environments").await.ok();
    BTreeMap::from([
        ("customers", json!(customer)),
        ("meters", json!(meter.meter_id)),
        ("features", json!(meter.feature_id)),
        ("plans", json!(plan)),
        ("prices", json!(fee)),
        ("subscriptions", id(&subscription)),
        ("invoices", id(&subscription["latest_invoice"])),
        ("groups", id(&group)),
        ("secrets", id(&key["secret"])),
        ("costs", id(&costs["costsheet"])),
        ("environments", id(&environments["environments"][0])),
    ])
}

/// A complete body for a route, so that the id alone decides.
fn body_for(template: &str) -> Value {
    match template {
        path if path.ends_with("/clock") => json!({"time": "2025-01-01T00:00:00Z"}),
        path if path.ends_with("/advance") => json!({"to": "2025-01-01T00:00:00Z"}),
        path if path.ends_with("/clone") => json!({"name": "copy", "lookup_key": "copy"}),
        path if path.ends_with("/cancel") => json!({"cancellation_type": "immediate"}),
        path if path.contains("/meters/") => json!({"filters": [{"key": "k", "values": ["v"]}]}),
        _ => json!({"name": "changed", "description": "changed"}),
    }
}

/// Everything the stranger can be asked about, with the owner's ids in the path.
fn routes_with_ids(ids: &BTreeMap<&str, Value>) -> Vec<(Method, String, Value)> {
    let document: Value = serde_json::from_str(&api::document().to_json().unwrap()).unwrap();
    let mut routes = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        let Some((before, rest)) = template.split_once('{') else { continue };
        let (parameter, after) = rest.split_once('}').unwrap();
        let segment = template.split('/').nth(2).unwrap();
        let id = match (segment, parameter) {
            ("customers", "external_id" | "key") => "acme",
            ("prices", "lookup_key") => "fee",
            _ => ids.get(segment).unwrap_or_else(|| panic!("{template}: make one of {segment} in this test")).as_str().unwrap(),
        };
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            routes.push((method, format!("{before}{id}{after}"), body_for(template)));
        }
    }
    routes
}

async fn assert_hidden(owner: &Client, stranger: &Client, ids: &BTreeMap<&str, Value>) {
    let (of_owner, of_stranger) = (owner.dump().await, stranger.dump().await);
    let routes = routes_with_ids(ids);
    assert!(routes.len() > 30, "{}", routes.len());
    let mut seen = Vec::new();
    for (method, path, body) in routes {
        // The ids are right: their owner finds them. An environment is found by its tenant, wherever the caller stands.
        if method == Method::GET && !path.contains("env_other") {
            owner.get(&path).await.expect(200);
        }
        let answer = stranger.send(method, &path, body.to_string()).await;
        if answer.status != 404 || answer.body["code"] != "not_found" {
            seen.push(answer.to_string());
        }
    }
    assert!(seen.is_empty(), "{}", seen.join("\n"));
    assert_eq!(owner.dump().await, of_owner);
    assert_eq!(stranger.dump().await, of_stranger);
}

#[tokio::test]
async fn another_tenant_s_ids_are_not_found_on_any_route() {
    let app = TestApp::start().await;
    let ids = one_of_everything(&app.client(), "2025-01-01T00:00:00Z").await;
    assert_hidden(&app.client(), &app.other_tenant(), &ids).await;
}

/// Environments of one tenant are apart too, except that each may be named by its id.
#[tokio::test]
async fn another_environment_s_ids_are_not_found_on_any_route() {
    let app = TestApp::start().await;
    let mut ids = one_of_everything(&app.client(), "2025-01-01T00:00:00Z").await;
    ids.insert("environments", json!("env_other"));
    let production = app.client().with("x-environment-id", "00000000-0000-0000-0000-000000000001");
    assert_hidden(&app.client(), &production, &ids).await;
}

/// Ids in bodies and queries, and lists that are asked for them.
#[tokio::test]
async fn another_tenant_s_ids_in_bodies_find_nothing() {
    let app = TestApp::start().await;
    let (owner, stranger) = (app.client(), app.other_tenant());
    let ids = one_of_everything(&owner, "2025-01-01T00:00:00Z").await;
    let own_plan = stranger.plan("own").await;
    let before = (owner.dump().await, stranger.dump().await);
    for (path, body) in [
        ("/v1/subscriptions/usage", json!({"subscription_id": ids["subscriptions"]})),
        ("/v1/invoices/preview", json!({"subscription_id": ids["subscriptions"]})),
        ("/v1/events/usage/meter", json!({"meter_id": ids["meters"]})),
        ("/v1/events/usage", json!({"event_name": "api", "aggregation_type": "COUNT", "customer_id": ids["customers"]})),
        ("/v1/prices", fixed_price(ids["plans"].as_str().unwrap(), "1", "ARREAR", json!({}))),
        ("/v1/features", json!({"name": "f", "type": "metered", "meter_id": ids["meters"]})),
        (
            "/v1/subscriptions",
            json!({"customer_id": ids["customers"], "plan_id": own_plan, "currency": "usd", "billing_period": "MONTHLY"}),
        ),
        ("/v1/subscriptions/search", json!({"external_customer_id": "acme"})),
        ("/v1/invoices/search", json!({"external_customer_id": "acme"})),
    ] {
        stranger.post(path, &body).await.not_found();
    }
    let foreign_group = fixed_price(&own_plan, "1", "ARREAR", json!({"group_id": ids["groups"]}));
    stranger.post("/v1/prices", &foreign_group).await.invalid();
    for (list, field) in [
        ("customers", "customer_ids"),
        ("features", "feature_ids"),
        ("plans", "plan_ids"),
        ("prices", "price_ids"),
        ("subscriptions", "subscription_ids"),
        ("invoices", "invoice_ids"),
        ("groups", "group_ids"),
    ] {
        let mut query = json!({});
        query[field] = json!([ids[list]]);
        let path = format!("/v1/{list}/search");
        assert_eq!(stranger.post(&path, &query).await.ok()["pagination"]["total"], 0, "{path}");
        assert_eq!(owner.post(&path, &query).await.ok()["pagination"]["total"], 1, "{path}");
    }
    let all = json!({"start_time": "2024-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:00Z", "external_customer_id": "acme"});
    assert_eq!(stranger.post("/v1/events/query", &all).await.ok()["total_count"], 0);
    assert_eq!(owner.post("/v1/events/query", &all).await.ok()["total_count"], 1);
    assert_eq!(stranger.post("/v1/events/analytics", &all).await.ok()["items"], json!([]));
    assert_eq!((owner.dump().await, stranger.dump().await), before);
}

/// The same names in two tenants are two things.
#[tokio::test]
async fn names_are_unique_within_an_environment_only() {
    let app = TestApp::start().await;
    let production = app.client().with("x-environment-id", "00000000-0000-0000-0000-000000000001");
    for client in [app.client(), production, app.other_tenant()] {
        one_of_everything(&client, "2025-01-01T00:00:00Z").await;
        let usage =
            json!({"external_customer_id": "acme", "event_name": "api", "aggregation_type": "COUNT", "end_time": "2025-01-02T00:00:00Z"});
        assert_eq!(client.post("/v1/events/usage", &usage).await.ok()["value"].to_string(), "1");
    }
}

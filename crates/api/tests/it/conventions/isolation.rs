//! Tenants and environments do not see each other: every built route with another tenant's ids.

use http::Method;
use serde_json::json;
use testkit::{Client, ENTITIES, RouteOfOne, TestApp, World, event, fixed_price, usage_price};

/// One of each entity, with an event that is counted and a backfill that ran.
async fn one_of_everything(client: &Client) -> World {
    let world = World::fill(client, "acme").await;
    let meter = client.counted("api").await;
    client.post(&format!("/v1/meters/{}/backfill", world.id("meters")), &json!({})).await.expect(202);
    client.price(usage_price(world.id("plans"), &meter, json!({}))).await;
    client.send_events(&[event("e1", "api", "acme", "2025-01-01T00:00:00Z", json!({}))]).await;
    world
}

async fn assert_hidden(owner: &Client, stranger: &Client, world: &World) {
    let (of_owner, of_stranger) = (owner.dump().await, stranger.dump().await);
    let routes = RouteOfOne::all();
    assert!(routes.len() > 30, "{}", routes.len());
    let mut seen = Vec::new();
    for route in routes {
        let (method, path) = (route.method.clone(), route.path_in(world));
        // The ids are right: their owner finds them. An environment is found by its tenant, wherever the caller stands.
        if method == Method::GET && !path.contains("env_other") {
            owner.get(&path).await.expect(200);
        }
        let answer = stranger.send(method, &path, route.body().to_string()).await;
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
    let world = one_of_everything(&app.client()).await;
    assert_hidden(&app.client(), &app.other_tenant(), &world).await;
}

/// Environments of one tenant are apart too, except that each may be named by its id.
#[tokio::test]
async fn another_environment_s_ids_are_not_found_on_any_route() {
    let app = TestApp::start().await;
    let world = one_of_everything(&app.client()).await.with_id("environments", "env_other");
    let production = app.client().with("x-environment-id", "00000000-0000-0000-0000-000000000001");
    assert_hidden(&app.client(), &production, &world).await;
}

/// Ids in bodies and queries, and lists that are asked for them.
#[tokio::test]
async fn another_tenant_s_ids_in_bodies_find_nothing() {
    let app = TestApp::start().await;
    let (owner, stranger) = (app.client(), app.other_tenant());
    let world = one_of_everything(&owner).await;
    let own_plan = stranger.plan("own").await;
    let before = (owner.dump().await, stranger.dump().await);
    for (path, body) in [
        ("/v1/subscriptions/usage", json!({"subscription_id": world.id("subscriptions")})),
        ("/v1/invoices/preview", json!({"subscription_id": world.id("subscriptions")})),
        ("/v1/events/usage/meter", json!({"meter_id": world.id("meters")})),
        ("/v1/events/usage", json!({"event_name": "api", "aggregation_type": "COUNT", "customer_id": world.id("customers")})),
        ("/v1/prices", fixed_price(world.id("plans"), "1", "ARREAR", json!({}))),
        ("/v1/features", json!({"name": "f", "type": "metered", "meter_id": world.id("meters")})),
        (
            "/v1/subscriptions",
            json!({"customer_id": world.id("customers"), "plan_id": own_plan, "currency": "usd", "billing_period": "MONTHLY"}),
        ),
        ("/v1/subscriptions/search", json!({"external_customer_id": "acme"})),
        ("/v1/invoices/search", json!({"external_customer_id": "acme"})),
    ] {
        stranger.post(path, &body).await.not_found();
    }
    let foreign_group = fixed_price(&own_plan, "1", "ARREAR", json!({"group_id": world.id("groups")}));
    stranger.post("/v1/prices", &foreign_group).await.invalid();
    for entity in ENTITIES {
        let Some(search) = &entity.search else { continue };
        let (path, mut query) = (format!("/v1/{}/search", entity.path), json!({}));
        query[search.ids] = json!([world.id(entity.path)]);
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
        one_of_everything(&client).await;
        let usage =
            json!({"external_customer_id": "acme", "event_name": "api", "aggregation_type": "COUNT", "end_time": "2025-01-02T00:00:00Z"});
        assert_eq!(client.post("/v1/events/usage", &usage).await.ok()["value"].to_string(), "1");
    }
}

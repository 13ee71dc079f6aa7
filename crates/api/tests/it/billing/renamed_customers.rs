//! A customer that gets another external id keeps the usage that arrives under its former ones (spec 30 §1).

use axum::http::Method;
use serde_json::{Value, json};
use testkit::{Client, TestApp, event, usage_price};

use super::text;

async fn rename(client: &Client, id: &str, external_id: &str) {
    client.put(&format!("/v1/customers/{id}"), &json!({"external_id": external_id})).await.ok();
}

/// What every path says of January: preview, subscription usage, analytics by each name, raw usage by each name.
async fn told(client: &Client, made: &Value, meter: &str, names: &[&str]) -> Vec<String> {
    let digits = |value: &Value| value.to_string().trim_matches('"').to_owned();
    let (start, end) = ("2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z");
    let preview = json!({"subscription_id": made["id"], "period_start": start, "period_end": end});
    let usage = json!({"subscription_id": made["id"], "start_time": start, "end_time": end});
    let mut told = vec![
        digits(&client.post("/v1/invoices/preview", &preview).await.ok()["total"]),
        digits(&client.post("/v1/subscriptions/usage", &usage).await.ok()["amount"]),
    ];
    for name in names {
        let mut asked = json!({"external_customer_id": name, "start_time": start, "end_time": end});
        told.push(digits(&client.post("/v1/events/analytics", &asked).await.ok()["total_cost"]));
        asked["meter_id"] = meter.into();
        told.push(digits(&client.post("/v1/events/usage/meter", &asked).await.ok()["value"]));
    }
    told
}

#[tokio::test]
async fn events_under_any_of_its_ids_are_the_customer_s() {
    // Of 1 and 2 under the first id, 4 and 2 under the second, 8 under the third: their sum, how many differ, the latest.
    for (aggregation, expected) in [
        (json!({"type": "SUM", "field": "n"}), "17"),
        (json!({"type": "COUNT_UNIQUE", "field": "n"}), "4"),
        (json!({"type": "LATEST", "field": "n"}), "8"),
    ] {
        let app = TestApp::start().await;
        let client = app.client();
        client.set_clock("2025-01-01T00:00:00Z").await;
        let id = client.customer("first").await;
        let plan = client.plan("basic").await;
        let meter = client.metered("api", aggregation, json!([])).await;
        client.price(usage_price(&plan, &meter, json!({}))).await;
        let made = client.subscribe("first", &plan, "2025-01-01T00:00:00Z", json!({})).await;
        let send = |id: &'static str, name: &'static str, day: u32, n: u32| {
            event(id, "api", name, &format!("2025-01-{day:02}T00:00:00Z"), json!({"n": n}))
        };
        client.send_events(&[send("a", "first", 2, 1)]).await;
        rename(&client, &id, "second").await;
        // Also what still arrives under the former id, and what has no metadata to tell of it any more.
        client.send_events(&[send("b", "first", 3, 2), send("c", "second", 4, 4)]).await;
        client.put(&format!("/v1/customers/{id}"), &json!({"metadata": {}})).await.ok();
        rename(&client, &id, "third").await;
        client.send_events(&[send("d", "second", 5, 2), send("e", "third", 6, 8)]).await;
        let told = told(&client, &made, &meter.meter_id, &["first", "second", "third"]).await;
        assert!(told.iter().all(|told| told == expected), "{expected}: {told:?}");
        client.advance("2025-02-02T00:00:00Z").await;
        assert_eq!(text(&client.invoices(text(&made, "id")).await[1], "total"), expected);
    }
}

#[tokio::test]
async fn a_former_id_is_nobody_else_s_while_it_is_kept() {
    let app = TestApp::start().await;
    let client = app.client();
    let (id, other) = (client.customer("first").await, client.customer("other").await);
    rename(&client, &id, "second").await;
    let taken = client.post("/v1/customers", &json!({"external_id": "first", "name": "thief"})).await.refused(409, "already_exists");
    assert!(taken.to_string().contains(&id), "{taken}");
    client.put(&format!("/v1/customers/{other}"), &json!({"external_id": "first"})).await.refused(409, "already_exists");
    // Its own it may take up again; then the second is the former one.
    rename(&client, &id, "first").await;
    client.post("/v1/customers", &json!({"external_id": "second", "name": "thief"})).await.refused(409, "already_exists");
    client.send(Method::DELETE, &format!("/v1/customers/{id}"), "").await.expect(204);
    for name in ["first", "second"] {
        client.post("/v1/customers", &json!({"external_id": name, "name": name})).await.expect(201);
    }
}

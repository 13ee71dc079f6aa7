//! Cost sheets and margins over HTTP (spec 10 §12, 20 §13).

use serde_json::{Value, json};
use testkit::{Client, Metered, TestApp, event, usage_price};

const MAY: (&str, &str) = ("2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");

async fn sheet(client: &Client, name: &str) -> String {
    let made = client.post("/v1/costs", &json!({"name": name})).await.expect(201);
    made["costsheet"]["id"].as_str().unwrap().to_owned()
}

/// The body of a price of a cost sheet; `with` adds or replaces fields.
fn cost_price(sheet: &str, meter: &Metered, mut with: Value) -> Value {
    with["entity_type"] = json!("COSTSHEET");
    usage_price(sheet, meter, with)
}

fn asked(customer: Option<&str>) -> Value {
    json!({"external_customer_id": customer, "start_time": MAY.0, "end_time": MAY.1})
}

async fn analytics(client: &Client, body: &Value) -> Value {
    client.post("/v1/costs/analytics", body).await.expect(200)
}

fn figures(answer: &Value) -> Vec<&str> {
    ["total_revenue", "total_cost", "margin", "margin_percent", "roi", "roi_percent"].map(|name| answer[name].as_str().unwrap()).to_vec()
}

#[tokio::test]
async fn a_cost_sheet_is_made_read_changed_and_removed_once() {
    let app = TestApp::start().await;
    let client = app.client();
    client.get("/v1/costs/active").await.expect(404);
    let made = client
        .post("/v1/costs", &json!({"name": "cloud", "lookup_key": "aws", "description": "d", "metadata": {"a": "b"}}))
        .await
        .expect(201);
    let made = &made["costsheet"];
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("cost_"), "{id}");
    assert_eq!((&made["lookup_key"], &made["metadata"]["a"], &made["status"]), (&json!("aws"), &json!("b"), &json!("published")));
    let path = format!("/v1/costs/{id}");
    let read = client.get(&path).await.expect(200);
    assert_eq!((&read["costsheet"]["id"], &read["id"]), (&json!(id), &json!(id)), "inside the envelope and bare");
    assert_eq!(read["prices"], json!([]));
    // Empty texts change nothing.
    let changed = client.put(&path, &json!({"name": "", "description": "new"})).await.expect(200);
    assert_eq!((&changed["costsheet"]["name"], &changed["costsheet"]["description"]), (&json!("cloud"), &json!("new")));
    assert_eq!(client.get("/v1/costs/active").await.expect(200)["id"], id);
    let removed = client.delete(&path).await.expect(200);
    assert_eq!(removed["id"], id);
    assert_eq!(client.delete(&path).await.expect(400)["code"], "validation_error");
    client.delete("/v1/costs/cost_unknown").await.expect(404);
    client.put("/v1/costs/cost_unknown", &json!({"name": "x"})).await.expect(404);
    client.get("/v1/costs/cost_unknown").await.expect(404);
    assert_eq!(client.get(&path).await.expect(200)["status"], "deleted", "read by id, whatever its status");
    client.get("/v1/costs/active").await.expect(404);
    // The name is free again.
    sheet(&client, "cloud").await;
}

#[tokio::test]
async fn names_and_lookup_keys_are_bounded_and_unique_among_published_sheets() {
    let app = TestApp::start().await;
    let client = app.client();
    client.post("/v1/costs", &json!({"name": "a", "lookup_key": "key"})).await.expect(201);
    for taken in [json!({"name": "a"}), json!({"name": "b", "lookup_key": "key"})] {
        assert_eq!(client.post("/v1/costs", &taken).await.expect(409)["code"], "already_exists");
    }
    for wrong in [json!({}), json!({"name": " "}), json!({"name": "x".repeat(256)}), json!({"name": "x", "lookup_key": "y".repeat(256)})] {
        client.post("/v1/costs", &wrong).await.expect(400);
    }
    let other = sheet(&client, "b").await;
    client.put(&format!("/v1/costs/{other}"), &json!({"name": "a"})).await.expect(409);
    // Without a lookup key there is nothing to be unique.
    sheet(&client, "c").await;
}

#[tokio::test]
async fn the_newest_published_sheet_is_active_and_lists_show_every_status() {
    let app = TestApp::start().await;
    let client = app.client();
    let mut ids = Vec::new();
    for (name, at) in [("first", "2024-05-01T00:00:00Z"), ("second", "2024-05-02T00:00:00Z"), ("third", "2024-05-03T00:00:00Z")] {
        client.set_clock(at).await;
        ids.push(sheet(&client, name).await);
    }
    client.delete(&format!("/v1/costs/{}", ids[2])).await.expect(200);
    assert_eq!(client.get("/v1/costs/active").await.expect(200)["id"], ids[1]);
    let found = async |filter: Value| -> Vec<String> {
        let page = client.post("/v1/costs/search", &filter).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|sheet| sheet["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(json!({})).await, ["third", "second", "first"]);
    assert_eq!(found(json!({"status": "published", "sort": [{"field": "name", "direction": "asc"}]})).await, ["first", "second"]);
    assert_eq!(found(json!({"queryFilter": {"limit": 1, "offset": 1, "sort": "created_at", "order": "asc"}})).await, ["second"]);
    assert_eq!(found(json!({"costsheetIDs": [ids[0]]})).await, ["first"]);
    assert_eq!(found(json!({"costsheet_ids": [ids[0], ids[2]], "name": "third"})).await, ["third"]);
    assert_eq!(found(json!({"timeRangeFilter": {"start_time": "2024-05-02T00:00:00Z"}})).await, ["third", "second"]);
    client.post("/v1/costs/search", &json!({"expand": "customer"})).await.expect(400);
}

#[tokio::test]
async fn prices_attach_to_a_sheet_and_never_to_a_bill() {
    let app = TestApp::start().await;
    let client = app.client();
    let calls = client.counted("api").await;
    let sheet = sheet(&client, "cloud").await;
    let price = client.price(cost_price(&sheet, &calls, json!({"amount": "0.4"}))).await;
    client.post("/v1/prices", &cost_price("cost_unknown", &calls, json!({}))).await.expect(404);
    let read = client.get(&format!("/v1/costs/{sheet}?expand=meters")).await.expect(200);
    assert_eq!((&read["prices"][0]["id"], &read["prices"][0]["entity_type"]), (&json!(price), &json!("COSTSHEET")));
    assert_eq!(read["prices"][0]["meter"]["id"], calls.meter_id);
    let listed = client.post("/v1/costs/search", &json!({"expand": "prices"})).await.expect(200);
    assert_eq!(listed["items"][0]["prices"][0]["id"], price);
    client.customer("c1").await;
    let plan = client.plan("basic").await;
    let billed = client.price(usage_price(&plan, &calls, json!({}))).await;
    let subscription = client.subscribe("c1", &plan, MAY.0, json!({})).await;
    let lines = client.subscription(subscription["id"].as_str().unwrap()).await["line_items"].as_array().unwrap().clone();
    assert_eq!(lines.iter().map(|line| line["price_id"].as_str().unwrap()).collect::<Vec<_>>(), [billed]);
}

/// Case 23 of spec 10 §18: revenue 1250, cost 400.
#[tokio::test]
async fn margins_are_revenue_less_cost() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2024-05-20T00:00:00Z").await;
    client.customer("c1").await;
    let calls = client.metered("api", json!({"type": "SUM", "field": "n"}), json!([])).await;
    let plan = client.plan("basic").await;
    client.price(usage_price(&plan, &calls, json!({"amount": "12.5"}))).await;
    client.subscribe("c1", &plan, MAY.0, json!({})).await;
    client.send_events(&[event("e1", "api", "c1", "2024-05-10T00:00:00Z", json!({"n": 100, "region": "eu"}))]).await;
    let none = analytics(&client, &asked(Some("c1"))).await;
    assert_eq!(figures(&none), ["1250", "0", "0", "0", "0", "0"], "without a cost sheet there is revenue alone");
    assert_eq!((&none["cost_analytics"], &none["currency"]), (&json!([]), &json!("usd")));

    let sheet = sheet(&client, "cloud").await;
    // Of two prices of one meter the newest counts; a fixed one is no cost of usage.
    client.price(cost_price(&sheet, &calls, json!({"amount": "9"}))).await;
    client.set_clock("2024-05-20T00:00:01Z").await;
    let price = client.price(cost_price(&sheet, &calls, json!({"amount": "4"}))).await;
    client.price(cost_price(&sheet, &calls, json!({"amount": "77", "type": "FIXED", "meter_id": null}))).await;
    let mut body = asked(Some("c1"));
    body["expand"] = json!(["price", "meter"]);
    let answer = analytics(&client, &body).await;
    assert_eq!(figures(&answer), ["1250", "400", "850", "68", "2.125", "212.5"]);
    let item = &answer["cost_analytics"][0];
    assert_eq!((&item["meter_name"], &item["price_id"], &item["costsheet_id"]), (&json!("api"), &json!(price), &json!(sheet)));
    assert_eq!((&item["total_quantity"], &item["total_cost"], &item["total_events"]), (&json!("100"), &json!("400"), &json!(1)));
    assert_eq!((&item["meter"]["id"], &item["price"]["amount"]), (&json!(calls.meter_id), &json!("4")));
    assert_eq!((&answer["start_time"], &answer["end_time"]), (&json!(MAY.0), &json!(MAY.1)));

    // Without a customer nothing is billed; the cost is the whole tenant's.
    client.send_events(&[event("e2", "api", "c2", "2024-05-11T00:00:00Z", json!({"n": 50}))]).await;
    assert_eq!(figures(&analytics(&client, &asked(None)).await), ["0", "600", "-600", "0", "-1", "-100"]);
    // Without times, the last seven days.
    assert_eq!(figures(&analytics(&client, &json!({"external_customer_id": "c1"})).await), ["0", "0", "0", "0", "0", "0"]);
    // Filters are those of usage.
    let mut filtered = asked(Some("c1"));
    filtered["property_filters"] = json!({"region": ["us"]});
    assert_eq!(figures(&analytics(&client, &filtered).await)[..2], ["0", "0"]);
    let mut unknown = asked(Some("c1"));
    unknown["feature_ids"] = json!(["feat_unknown"]);
    assert_eq!(figures(&analytics(&client, &unknown).await)[..2], ["0", "0"]);
}

/// Each bucket is priced on its own, as on an invoice (spec 10 §12, fixed form).
#[tokio::test]
async fn bucketed_meters_cost_by_the_bucket() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2024-05-20T00:00:00Z").await;
    let peak = client.metered("load", json!({"type": "MAX", "field": "n", "bucket_size": "HOUR"}), json!([])).await;
    let sheet = sheet(&client, "cloud").await;
    let tiers = json!([{"up_to": 5, "unit_amount": "1"}, {"up_to": null, "unit_amount": "3"}]);
    client.price(cost_price(&sheet, &peak, json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers}))).await;
    client
        .send_events(&[
            event("e1", "load", "c1", "2024-05-10T10:05:00Z", json!({"n": 3})),
            event("e2", "load", "c1", "2024-05-10T10:40:00Z", json!({"n": 7})),
            event("e3", "load", "c1", "2024-05-10T11:10:00Z", json!({"n": 4})),
        ])
        .await;
    let answer = analytics(&client, &asked(None)).await;
    // 7 = 5 × 1 + 2 × 3, and 4 × 1; one bucket of 11 would cost 23.
    assert_eq!((&answer["cost_analytics"][0]["total_quantity"], &answer["total_cost"]), (&json!("11"), &json!("15")), "{answer}");
}

#[tokio::test]
async fn half_a_time_an_unknown_expansion_and_two_currencies_are_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    for wrong in [
        json!({"start_time": MAY.0}),
        json!({"end_time": MAY.0}),
        json!({"start_time": MAY.1, "end_time": MAY.0}),
        json!({"expand": ["customer"]}),
        json!({"expand": ["price", "feature"]}),
    ] {
        assert_eq!(client.post("/v1/costs/analytics", &wrong).await.expect(400)["code"], "validation_error", "{wrong}");
    }
    client.set_clock("2024-05-20T00:00:00Z").await;
    client.customer("c1").await;
    let calls = client.counted("api").await;
    let plan = client.plan("basic").await;
    client.price(usage_price(&plan, &calls, json!({}))).await;
    client.subscribe("c1", &plan, MAY.0, json!({})).await;
    client.send_events(&[event("e1", "api", "c1", "2024-05-10T00:00:00Z", json!({}))]).await;
    let sheet = sheet(&client, "cloud").await;
    client.price(cost_price(&sheet, &calls, json!({"currency": "EUR"}))).await;
    assert_eq!(client.post("/v1/costs/analytics", &asked(Some("c1"))).await.expect(400)["code"], "invalid_operation");
    assert_eq!(analytics(&client, &asked(None)).await["currency"], "eur", "without revenue, the currency of the cost");
}

//! What became of one event, and why (spec 10 §9.4).

use serde_json::{Value, json};
use testkit::{Client, TestApp, event, usage_price};

use crate::usage::meter;

async fn lookup(client: &Client, id: &str) -> Value {
    let id: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    client.get(&format!("/v1/events/lookup?id={id}")).await.expect(200)
}

#[tokio::test]
async fn a_billed_event_shows_each_line_that_bills_it() {
    let app = TestApp::start().await;
    let client = app.client();
    let customer = client.customer("c1").await;
    let sum = client.metered("api", json!({"type": "SUM", "field": "n"}), json!([])).await;
    let count = client.counted("api").await;
    let plan = client.plan("basic").await;
    for metered in [&sum, &count] {
        client.price(usage_price(&plan, metered, json!({}))).await;
    }
    let subscription = client.subscribe("c1", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    app.clock.set("2025-01-05T10:00:00Z");
    client.send_events(&[event("a/b?c::d", "api", "c1", "2025-01-05T00:00:00Z", json!({"n": 2.5}))]).await;
    let found = lookup(&client, "a/b?c::d").await;
    assert_eq!((&found["status"], &found["event"]["id"], found.get("debug_tracker")), (&json!("processed"), &json!("a/b?c::d"), None));
    let mut billed: Vec<_> =
        found["processed_events"].as_array().unwrap().iter().map(|one| (one["meter_id"].clone(), one.clone())).collect();
    assert_eq!(billed.len(), 2, "both meters: {found}");
    billed.sort_by_key(|(meter, _)| meter == &json!(count.meter_id));
    let of_sum = &billed[0].1;
    assert_eq!((&of_sum["qty_total"], &billed[1].1["qty_total"]), (&json!("2.5"), &json!("1")));
    assert_eq!((&of_sum["customer_id"], &of_sum["feature_id"]), (&json!(customer), &json!(sum.feature_id)));
    assert_eq!((&of_sum["subscription_id"], &of_sum["processed_at"]), (&subscription["id"], &json!("2025-01-05T10:00:00Z")));
    // The older path takes ids of several segments.
    assert_eq!(client.get("/v1/events/a/b%3Fc::d").await.expect(200), found);
    client.get("/v1/events/lookup?id=unknown").await.not_found();
    client.get("/v1/events/un/known").await.not_found();
    client.get("/v1/events/lookup").await.invalid();
    client.get("/v1/events/lookup?id=").await.invalid();
    app.other_tenant().get("/v1/events/a/b%3Fc::d").await.not_found();
}

/// Each step in its order: what fails first is the failure point, what comes after is not looked at.
#[tokio::test]
async fn an_event_that_is_not_billed_says_where_its_way_ends() {
    let app = TestApp::start().await;
    let client = app.client();
    app.clock.set("2025-01-05T10:00:00Z");
    let metered = client.metered("api", json!({"type": "COUNT"}), json!([{"key": "region", "values": ["eu", "us"]}])).await;
    client.send_events(&[event("e1", "api", "c1", "2025-01-05T00:00:00Z", json!({"region": "eu"}))]).await;
    let step = async |point: &str, statuses: [&str; 5]| {
        let found = lookup(&client, "e1").await;
        let tracker = &found["debug_tracker"];
        let steps = ["customer_lookup", "meter_matching", "price_lookup", "subscription_line_item_lookup", "attributed_to_customer"];
        assert_eq!(steps.map(|step| tracker[step]["status"].as_str().unwrap()), statuses, "{found}");
        assert_eq!(found["status"], if point.is_empty() { "processing" } else { "failed" });
        assert_eq!(tracker["failure_point"]["failure_point_type"].as_str().unwrap_or_default(), point);
        found
    };
    step("customer_lookup", ["error", "unprocessed", "unprocessed", "unprocessed", "unprocessed"]).await;
    client.customer("c1").await;
    let found = step("price_lookup", ["found", "found", "not_found", "unprocessed", "unprocessed"]).await;
    assert_eq!(found["debug_tracker"]["meter_matching"]["matched_meters"][0]["meter_id"], metered.meter_id.as_str());
    let plan = client.plan("basic").await;
    let price = client.price(usage_price(&plan, &metered, json!({}))).await;
    let found = step("subscription_line_item_lookup", ["found", "found", "found", "not_found", "unprocessed"]).await;
    assert_eq!(found["debug_tracker"]["price_lookup"]["matched_prices"][0]["price_id"], price.as_str());
    // A contract that begins later does not bill it.
    client.subscribe("c1", &plan, "2025-01-05T09:00:00Z", json!({})).await;
    let found = step("subscription_line_item_lookup", ["found", "found", "found", "not_found", "unprocessed"]).await;
    let lines = found["debug_tracker"]["subscription_line_item_lookup"]["matched_line_items"].as_array().unwrap().clone();
    assert_eq!((lines.len(), &lines[0]["is_active_for_event"]), (1, &json!(false)));
}

#[tokio::test]
async fn every_meter_of_the_name_says_why_it_does_not_count_the_event() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("c1").await;
    let filters = json!({"filters": [{"key": "region", "values": ["eu", "us"]}, {"key": "tier", "values": ["2"]}]});
    let picky = meter(&client, "api", json!({"type": "COUNT"}), filters).await;
    let archived = meter(&client, "api", json!({"type": "COUNT"}), json!({})).await;
    client.delete(&format!("/v1/meters/{archived}")).await.expect(200);
    client.send_events(&[event("e1", "api", "c1", "2024-12-31T00:00:00Z", json!({"region": "asia"}))]).await;
    let younger = meter(&client, "api", json!({"type": "SUM", "field": "n"}), json!({})).await;
    let found = lookup(&client, "e1").await;
    let of = |id: &str| found["meters"].as_array().unwrap().iter().find(|meter| meter["meter_id"] == id).unwrap();
    assert_eq!(found["meters"].as_array().unwrap().len(), 3);
    let failed = json!([{"key": "region", "values": ["eu", "us"], "found": "asia"}, {"key": "tier", "values": ["2"], "found": null}]);
    assert_eq!((&of(&picky)["matches"], &of(&picky)["failed_filters"]), (&json!(false), &failed));
    assert!(of(&picky)["reason"].as_str().unwrap().contains("region is `asia`"), "{found}");
    assert_eq!((&of(&archived)["status"], &of(&archived)["counted"]), (&json!("archived"), &json!(false)));
    assert_eq!((&of(&younger)["matches"], &of(&younger)["counted"]), (&json!(true), &json!(false)));
    assert!(of(&younger)["reason"].as_str().unwrap().contains("backfill"), "{found}");
}

#[tokio::test]
async fn refused_copies_are_shown_with_what_they_said_otherwise() {
    let app = TestApp::start().await;
    let client = app.client();
    app.clock.set("2025-01-05T10:00:00Z");
    client.send_events(&[event("e1", "api", "c1", "2025-01-05T00:00:00Z", json!({"n": 1}))]).await;
    app.clock.set("2025-01-05T11:00:00Z");
    client.send_events(&[event("e1", "api", "c1", "2025-01-05T01:00:00Z", json!({"n": 2}))]).await;
    let found = lookup(&client, "e1").await;
    assert_eq!(found["event"]["properties"], json!({"n": 1}), "the first counts");
    let copies = found["refused_copies"].as_array().unwrap();
    assert_eq!(copies.len(), 1, "{found}");
    assert_eq!((&copies[0]["refused_at"], &copies[0]["differs_in"]), (&json!("2025-01-05T11:00:00Z"), &json!(["timestamp", "properties"])));
    assert_eq!(copies[0]["event"]["properties"], json!({"n": 2}));
}

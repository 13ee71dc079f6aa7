//! Meters with a formula, over HTTP (spec 10 §5.4): made, refused with the reason, counted, and read from the events.

use serde_json::{Value, json};
use testkit::{TestApp, event, usage_price};

const FORMULA: &str = "(input + output*2) / 1000 * 0.25";
const DAY: &str = "2024-06-12T09:00:00Z";

fn meter(aggregation: Value) -> Value {
    json!({"name": "tokens", "event_name": "api", "aggregation": aggregation, "reset_usage": "BILLING_PERIOD"})
}

fn asked(meter_id: &str) -> Value {
    json!({"meter_id": meter_id, "external_customer_id": "c1", "start_time": "2024-06-01T00:00:00Z", "end_time": "2024-07-01T00:00:00Z"})
}

/// Case 20 of spec 10 §18: the value, no row for what is no number, and the request of such an event is taken.
#[tokio::test]
async fn a_formula_counts_the_same_in_the_ledger_and_from_the_events() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2024-06-20T00:00:00Z").await;
    client.customer("c1").await;
    let tokens = client.metered("api", json!({"type": "SUM", "expression": FORMULA}), json!([])).await;
    let plan = client.plan("basic").await;
    client.price(usage_price(&plan, &tokens, json!({"amount": "2"}))).await;
    client.subscribe("c1", &plan, "2024-06-01T00:00:00Z", json!({})).await;
    client
        .send_events(&[
            event("e1", "api", "c1", DAY, json!({"input": "500", "output": 500})),
            event("e2", "api", "c1", DAY, json!({"output": "abc"})),
            event("e3", "api", "c1", DAY, json!({"input": -5000})),
            event("e4", "api", "c1", DAY, json!({"input": 1000})),
            event("e1", "api", "c1", DAY, json!({"input": 9999})),
        ])
        .await;
    let ledger = json!({"external_customer_id": "c1", "start_time": "2024-06-01T00:00:00Z", "end_time": "2024-07-01T00:00:00Z"});
    let usage = client.post("/v1/events/analytics", &ledger).await.expect(200);
    let item = &usage["items"][0];
    // 0.375, nothing, a negative that counts 0, 0.25.
    assert_eq!((&item["total_usage"], &item["total_cost"]), (&json!("0.625"), &json!("1.25")), "{usage}");
    assert_eq!(item["event_count"], 3, "the event without a value makes no entry");
    // From the events, a single value may be negative; the usage is not.
    let raw = client.post("/v1/events/usage/meter", &asked(&tokens.meter_id)).await.expect(200);
    assert_eq!(raw.get("value"), None, "0.375 - 1.25 + 0.25 is below 0: {raw}");
    client.send_events(&[event("e5", "api", "c1", DAY, json!({"input": 5000}))]).await;
    let raw = client.post("/v1/events/usage/meter", &asked(&tokens.meter_id)).await.expect(200);
    assert_eq!(raw["value"], json!(0.625), "{raw}");
}

#[tokio::test]
async fn a_meter_answers_its_formula_bucket_and_group() {
    let app = TestApp::start().await;
    let client = app.client();
    for aggregation in [
        json!({"type": "AVG", "expression": "max(a, b)"}),
        json!({"type": "MAX", "expression": "a + b", "bucket_size": "HOUR", "group_by": "node"}),
        json!({"type": "SUM", "field": "n", "bucket_size": "15MIN"}),
        json!({"type": "LATEST", "expression": "a * 2", "multiplier": "1.5"}),
        json!({"type": "WEIGHTED_SUM", "field": "n"}),
    ] {
        let made = client.post("/v1/meters", &meter(aggregation.clone())).await.expect(201);
        assert_eq!(made["aggregation"], aggregation);
        let read = client.get(&format!("/v1/meters/{}", made["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(read["aggregation"], aggregation);
        let feature = json!({"name": "f", "lookup_key": made["id"], "type": "metered", "meter": meter(aggregation.clone())});
        let feature = client.post("/v1/features", &feature).await.expect(201);
        let nested = client.get(&format!("/v1/meters/{}", feature["meter_id"].as_str().unwrap())).await.expect(200);
        assert_eq!(nested["aggregation"], aggregation);
    }
}

/// The multiplier of a formula comes on top of it (spec 10 §5.3).
#[tokio::test]
async fn a_multiplier_scales_a_formula() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = client.post("/v1/meters", &meter(json!({"type": "LATEST", "expression": "a * 2", "multiplier": "1.5"}))).await.expect(201);
    client.send_events(&[event("e1", "api", "c1", DAY, json!({"a": 4}))]).await;
    let raw = client.post("/v1/events/usage/meter", &asked(made["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(raw["value"], json!(12));
}

#[tokio::test]
async fn an_unsound_formula_is_refused_with_its_text_and_the_reason() {
    let app = TestApp::start().await;
    let client = app.client();
    for formula in ["MAX(a,b)", "a % 2", "a > b", "a + 'x'", "1 + 1", "a +", "items.map(x, x)"] {
        let nested = json!({"name": "f", "type": "metered", "meter": meter(json!({"type": "SUM", "expression": formula}))});
        for (path, body) in [("/v1/meters", meter(json!({"type": "SUM", "expression": formula}))), ("/v1/features", nested)] {
            let refused = client.post(path, &body).await;
            assert_eq!(refused.status, 400, "{refused}");
            assert_eq!(refused.body["code"], "validation_error");
            assert_eq!(refused.body["details"]["expression"], formula);
            assert!(refused.body["details"]["error"].as_str().is_some_and(|error| !error.is_empty()), "{refused}");
        }
    }
}

/// Which aggregations take what (spec 20 §2.1).
#[tokio::test]
async fn a_formula_bucket_or_group_belongs_to_some_aggregations_only() {
    let app = TestApp::start().await;
    let client = app.client();
    for aggregation in [
        json!({"type": "COUNT", "expression": "a + 1"}),
        json!({"type": "COUNT_UNIQUE", "expression": "a + 1"}),
        json!({"type": "WEIGHTED_SUM", "expression": "a + 1"}),
        json!({"type": "SUM_WITH_MULTIPLIER", "expression": "a + 1", "multiplier": "2"}),
        json!({"type": "SUM", "expression": "a + 1", "field": "a"}),
        json!({"type": "SUM"}),
        json!({"type": "SUM", "expression": ""}),
        json!({"type": "AVG", "field": "n", "bucket_size": "HOUR"}),
        json!({"type": "SUM", "field": "n", "bucket_size": "HOUR", "group_by": "node"}),
        json!({"type": "MAX", "field": "n", "group_by": "node"}),
        json!({"type": "MAX", "field": "n", "bucket_size": "2HOUR"}),
    ] {
        let refused = client.post("/v1/meters", &meter(aggregation.clone())).await;
        assert_eq!(refused.status, 400, "{aggregation}: {refused}");
    }
}

/// A result that no quantity holds is refused, as a field's is: its sender hears of it.
#[tokio::test]
async fn an_event_whose_formula_gives_too_much_is_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    client.metered("api", json!({"type": "SUM", "expression": "a * b"}), json!([])).await;
    let refused = client.post("/v1/events", &event("e1", "api", "c1", DAY, json!({"a": 1e9, "b": 1e9}))).await;
    assert_eq!(refused.status, 400, "{refused}");
    assert!(refused.body["message"].as_str().unwrap().contains("a * b"), "{refused}");
    client.send_events(&[event("e1", "api", "c1", DAY, json!({"a": 1e9, "b": 1}))]).await;
}

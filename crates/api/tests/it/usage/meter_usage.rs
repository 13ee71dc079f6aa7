//! The ledger by meters, and what single events cost (spec 10 §§9.6, 10).

use serde_json::{Value, json};
use testkit::{Client, Metered, TestApp, event, usage_price};

use super::JANUARY;
use crate::refusals::{assert_refused, post};

/// Meters of customer c1, each at `amount` USD a unit.
async fn billed(client: &Client, aggregations: &[Value], amount: &str) -> Vec<Metered> {
    client.customer("c1").await;
    let plan = client.plan("basic").await;
    let mut meters = Vec::new();
    for aggregation in aggregations {
        let metered = client.metered("api", aggregation.clone(), json!([])).await;
        client.price(usage_price(&plan, &metered, json!({ "amount": amount }))).await;
        meters.push(metered);
    }
    client.subscribe("c1", &plan, JANUARY.0, json!({})).await;
    meters
}

async fn query(client: &Client, meter: &Metered, with: Value) -> Value {
    let mut body = json!({"external_customer_id": "c1", "meter_id": meter.meter_id, "start_time": JANUARY.0, "end_time": JANUARY.1});
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    client.post("/v1/meter-usage/query", &body).await.expect(200)
}

/// No. 3, 4 and 19 of spec 10 §18 by the ledger: rubbish and corrections count as 0, totals are taken over the whole time.
#[tokio::test]
async fn the_ledger_answers_by_the_aggregation_that_is_asked_for() {
    let app = TestApp::start().await;
    let client = app.client();
    let meters = billed(&client, &[json!({"type": "SUM", "field": "n"})], "1").await;
    let values =
        [json!({"n": 4}), json!({"n": "6.5"}), json!({"n": "x"}), json!({"n": true}), json!({"n": null}), json!({}), json!({"n": -3})];
    let sent: Vec<Value> =
        (0..).zip(values).map(|(n, p)| event(&format!("e{n}"), "api", "c1", &format!("2025-01-0{}T00:00:00Z", 1 + n), p)).collect();
    client.send_events(&sent).await;
    for (kind, total) in [("SUM", "10.5"), ("COUNT", "7"), ("avg", "1.5"), ("MAX", "6.5"), ("LATEST", "0"), ("COUNT_UNIQUE", "0")] {
        let usage = query(&client, &meters[0], json!({"aggregation_type": kind})).await;
        assert_eq!((&usage["total_value"], &usage["event_count"]), (&json!(total), &json!(7)), "{kind}");
        assert_eq!(usage["aggregation_type"], kind.to_uppercase());
    }
    let by_week = query(&client, &meters[0], json!({"aggregation_type": "AVG", "window_size": "WEEK"})).await;
    let points: Vec<_> = by_week["points"].as_array().unwrap().iter().map(|p| (p["window_size"].clone(), p["value"].clone())).collect();
    assert_eq!(points, [(json!("2024-12-30T00:00:00Z"), json!("2.1")), (json!("2025-01-06T00:00:00Z"), json!("0"))]);
    assert_eq!(by_week["total_value"], "1.5", "the mean of all, not the sum of the means");
}

#[tokio::test]
async fn only_what_a_subscription_bills_is_read() {
    let app = TestApp::start().await;
    let client = app.client();
    let meters = billed(&client, &[json!({"type": "COUNT"}), json!({"type": "SUM", "field": "n"})], "1").await;
    let unbilled = client.metered("api", json!({"type": "MAX", "field": "n"}), json!([])).await;
    client.send_events(&[event("e", "api", "c1", "2025-01-05T00:00:00Z", json!({"n": 3}))]).await;
    client.send_events(&[event("f", "api", "stranger", "2025-01-05T00:00:00Z", json!({"n": 3}))]).await;
    assert_eq!(query(&client, &unbilled, json!({"aggregation_type": "MAX"})).await["total_value"], "0");
    assert_eq!(
        query(&client, &meters[0], json!({"aggregation_type": "COUNT", "external_customer_id": "stranger"})).await["total_value"],
        "0"
    );
    let asked = json!({"external_customer_id": "c1", "start_time": JANUARY.0, "end_time": JANUARY.1, "aggregation_type": "SUM",
        "meter_ids": [meters[0].meter_id, meters[1].meter_id, unbilled.meter_id, meters[1].meter_id]});
    let items = client.post("/v1/meter-usage/analytics", &asked).await.expect(200)["items"].clone();
    let mut totals: Vec<_> = items.as_array().unwrap().iter().map(|item| item["total_value"].as_str().unwrap()).collect();
    totals.sort_unstable();
    assert_eq!(totals, ["1", "3"]);
    let with = |path: &'static str, why: &'static str, field: &str, value: Value| {
        let mut body = asked.clone();
        body["meter_id"] = json!(meters[0].meter_id);
        body[field] = value;
        post(why, path, &body)
    };
    let (one, many) = ("/v1/meter-usage/query", "/v1/meter-usage/analytics");
    let table = vec![
        with(one, "no customer", "external_customer_id", json!("")),
        with(one, "no meter", "meter_id", json!("")),
        with(one, "no start", "start_time", json!(null)),
        with(one, "end before start", "end_time", json!("2024-01-01T00:00:00Z")),
        with(one, "no aggregation", "aggregation_type", json!("")),
        with(one, "unknown aggregation", "aggregation_type", json!("MEDIAN")),
        with(one, "unknown window", "window_size", json!("YEAR")),
        with(one, "nothing to weigh", "aggregation_type", json!("WEIGHTED_SUM")),
        with(many, "no meters", "meter_ids", json!([])),
        with(many, "101 meters", "meter_ids", (0..101).map(|n| format!("meter_{n}")).collect()),
    ];
    assert_refused(&client, table).await;
    let mut unknown = asked.clone();
    unknown["meter_ids"] = json!(["meter_x"]);
    client.post(many, &unknown).await.not_found();
}

/// However many subscriptions a customer has, none is left out (spec 10 §17).
#[tokio::test]
async fn the_last_of_many_subscriptions_bills_too() {
    let app = TestApp::start().await;
    let client = app.client();
    billed(&client, &[json!({"type": "SUM", "field": "n"})], "1").await;
    let idle = client.plan("idle").await;
    let unused = client.counted("unused").await;
    client.price(usage_price(&idle, &unused, json!({}))).await;
    for _ in 0..55 {
        client.subscribe("c1", &idle, JANUARY.0, json!({})).await;
    }
    let last = client.metered("sms", json!({"type": "SUM", "field": "n"}), json!([])).await;
    let plan = client.plan("last").await;
    client.price(usage_price(&plan, &last, json!({"amount": "0.000000002"}))).await;
    client.subscribe("c1", &plan, JANUARY.0, json!({})).await;
    for (id, name) in [("e1", "api"), ("e2", "sms")] {
        client.send_events(&[event(id, name, "c1", "2025-01-05T00:00:00Z", json!({"n": 3}))]).await;
        assert_eq!(client.get(&format!("/v1/events/lookup?id={id}")).await.expect(200)["status"], "processed", "{id}");
    }
    assert_eq!(query(&client, &last, json!({"aggregation_type": "SUM"})).await["total_value"], "3");
    let costs = client.post("/v1/events/huggingface-inference", &json!({"requestIds": ["e1", "e2"]})).await.expect(200);
    assert_eq!((&costs["requests"][0]["costNanoUsd"], &costs["requests"][1]["costNanoUsd"]), (&json!("3000000000"), &json!("6")));
}

/// Spec 10 §9.6: unrounded billionths of a dollar, in the order of the request, under both paths.
#[tokio::test]
async fn single_events_cost_what_their_line_charges() {
    let app = TestApp::start().await;
    let client = app.client();
    billed(&client, &[json!({"type": "SUM", "field": "n"})], "0.0000012345").await;
    let at = |id: &str, customer: &str, at: &str, n: &str| event(id, "api", customer, at, json!({ "n": n }));
    client
        .send_events(&[
            at("e1", "c1", "2025-01-05T00:00:00Z", "1.5"),
            at("e2", "c1", "2025-01-05T00:00:00Z", "2"),
            at("nobody", "stranger", "2025-01-05T00:00:00Z", "2"),
            at("too early", "c1", "2024-12-05T00:00:00Z", "2"),
        ])
        .await;
    let asked = json!({"requestIds": ["e2", "unknown", "e1", "nobody", "too early", "e2"]});
    let cost = |id: &str, nano: &str| json!({"requestId": id, "costNanoUsd": nano});
    let expected = json!({"requests": [cost("e2", "2469"), cost("unknown", "0"), cost("e1", "1851.75"), cost("nobody", "0"),
        cost("too early", "0"), cost("e2", "2469")]});
    for path in ["/v1/events/huggingface-inference", "/v1/events/huggingface-billing"] {
        assert_eq!(client.post(path, &asked).await.expect(200), expected, "{path}");
        let table = vec![
            post("none", path, &json!({"requestIds": []})),
            post("none", path, &json!({})),
            post("1001", path, &json!({"requestIds": vec!["x"; 1001]})),
        ];
        assert_refused(&client, table).await;
    }
}

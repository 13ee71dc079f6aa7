//! What a deployment may choose about events (spec 10 §§5.3, 17), over HTTP.

use app::event::{EventChoices, EventTimes, Negatives, WeightedSums};
use serde_json::{Value, json};
use testkit::{Client, TestApp, event, usage_price};

/// A customer of one metered price of 2 a unit from 1 June, and what of it analytics and the preview say.
async fn subscribed(client: &Client, aggregation: Value) -> String {
    client.set_clock("2024-06-30T00:00:00Z").await;
    client.customer("c1").await;
    let meter = client.metered("api", aggregation, json!([])).await;
    let plan = client.plan("basic").await;
    client.price(usage_price(&plan, &meter, json!({"amount": "2"}))).await;
    client.subscribe("c1", &plan, "2024-06-01T00:00:00Z", json!({})).await["id"].as_str().unwrap().to_owned()
}

async fn usage_and_cost(client: &Client, end: &str) -> (String, String) {
    let asked = json!({"external_customer_id": "c1", "start_time": "2024-06-01T00:00:00Z", "end_time": end});
    let answer = client.post("/v1/events/analytics", &asked).await.expect(200);
    let text = |name: &str| answer["items"][0][name].as_str().unwrap().to_owned();
    (text("total_usage"), text("total_cost"))
}

fn sent(at: &str, n: i64) -> Value {
    event(&format!("e {at}"), "api", "c1", at, json!({"n": n}))
}

/// Case 4 of spec 10 §18, where corrections are wanted.
#[tokio::test]
async fn negative_quantities_count_0_unless_they_are_kept() {
    for (negatives, usage, cost) in [(Negatives::Clamped, "100", "200"), (Negatives::Kept, "60", "120")] {
        let app = TestApp::start_choosing(EventChoices { negatives, ..EventChoices::default() }).await;
        let client = app.client();
        let subscription = subscribed(&client, json!({"type": "SUM", "field": "n"})).await;
        client.send_events(&[sent("2024-06-02T00:00:00Z", 100), sent("2024-06-03T00:00:00Z", -40)]).await;
        assert_eq!(usage_and_cost(&client, "2024-07-01T00:00:00Z").await, (usage.to_owned(), cost.to_owned()), "{negatives:?}");
        let of_subscription = client.post("/v1/subscriptions/usage", &json!({"subscription_id": subscription})).await.expect(200);
        assert_eq!(of_subscription["amount"].as_f64(), cost.parse().ok(), "{of_subscription}");
    }
}

/// Case 11 of spec 10 §18: 100 and 50 over ten days, the second half way.
#[tokio::test]
async fn weighted_sums_are_weighted_unless_they_are_billed_plain() {
    for (weighted_sums, usage, cost) in [(WeightedSums::Weighted, "125", "250"), (WeightedSums::Plain, "150", "300")] {
        let app = TestApp::start_choosing(EventChoices { weighted_sums, ..EventChoices::default() }).await;
        let client = app.client();
        subscribed(&client, json!({"type": "WEIGHTED_SUM", "field": "n"})).await;
        client.send_events(&[sent("2024-06-01T00:00:00Z", 100), sent("2024-06-06T00:00:00Z", 50)]).await;
        assert_eq!(usage_and_cost(&client, "2024-06-11T00:00:00Z").await, (usage.to_owned(), cost.to_owned()), "{weighted_sums:?}");
    }
}

#[tokio::test]
async fn event_times_outside_the_chosen_bounds_are_refused() {
    let times = EventTimes { earliest: "2024-01-01T00:00:00Z".parse().unwrap(), end: "2025-01-01T00:00:00Z".parse().unwrap() };
    let app = TestApp::start_choosing(EventChoices { times, ..EventChoices::default() }).await;
    let client = app.client();
    for (at, status) in [
        ("2023-12-31T23:59:59.999999Z", 400),
        ("2024-01-01T00:00:00Z", 202),
        ("2024-12-31T23:59:59.999999Z", 202),
        ("2025-01-01T00:00:00Z", 400),
        ("1969-12-31T23:59:59Z", 400),
    ] {
        let answer = client.post("/v1/events", &sent(at, 1)).await;
        assert_eq!(answer.status, status, "{at}: {answer}");
    }
    let default = TestApp::start().await;
    for (at, status) in
        [("1969-12-31T23:59:59Z", 400), ("1970-01-01T00:00:00Z", 202), ("2105-12-31T23:59:59Z", 202), ("2106-01-01T00:00:00Z", 400)]
    {
        let answer = default.client().post("/v1/events", &sent(at, 1)).await;
        assert_eq!(answer.status, status, "{at}: {answer}");
    }
}

//! Buckets, weights and lines of a part of a period, on the invoice (spec 10 §18 no. 7, 11, 17, 18, 25; spec 20 §16 no. 6, 8).

use serde_json::{Value, json};
use testkit::{Client, TestApp, event, fixed_price, usage_price};

use super::{invoices, text};

/// Quantity and amount of the line that bills January's events, given as time and properties.
async fn january(aggregation: Value, price: Value, events: &[(&str, Value)]) -> (String, String) {
    let app = TestApp::start().await;
    let (client, made) = subscribed(&app, aggregation, price).await;
    let event = |(number, (at, properties)): (usize, &(&str, Value))| {
        event(&number.to_string(), "api", "acme", &format!("2025-01-{at}Z"), properties.clone())
    };
    client.send_events(&events.iter().enumerate().map(event).collect::<Vec<_>>()).await;
    client.advance("2025-02-02T00:00:00Z").await;
    let invoice = client.invoices(text(&made, "id")).await.remove(1);
    let line = &invoice["line_items"][0];
    (text(line, "quantity").to_owned(), text(line, "amount").to_owned())
}

async fn subscribed(app: &TestApp, aggregation: Value, price: Value) -> (Client, Value) {
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let meter = client.metered("api", aggregation, json!([])).await;
    client.price(usage_price(&plan, &meter, price)).await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    (client, made)
}

fn billed(quantity: &str, amount: &str) -> (String, String) {
    (quantity.to_owned(), amount.to_owned())
}

fn slab() -> Value {
    let tiers = json!([{"up_to": 4, "unit_amount": "2", "flat_amount": "1"}, {"unit_amount": "1.5"}]);
    json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers})
}

/// Spec 10 §18 no. 7.
#[tokio::test]
async fn hourly_maxima_are_billed_with_and_without_groups() {
    let events = [
        ("10T10:05:00", json!({"n": 3, "node": "a"})),
        ("10T10:40:00", json!({"n": 5, "node": "a"})),
        ("10T10:50:00", json!({"n": 4, "node": "b"})),
        ("10T11:10:00", json!({"n": 2, "node": "a"})),
        ("10T11:20:00", json!({"n": 1})),
    ];
    let hourly = json!({"type": "MAX", "field": "n", "bucket_size": "HOUR"});
    let mut per_node = hourly.clone();
    per_node["group_by"] = "node".into();
    assert_eq!(january(hourly, json!({"amount": "2"}), &events).await, billed("7", "14"));
    assert_eq!(january(per_node.clone(), json!({"amount": "2"}), &events).await, billed("12", "24"));
    // Each group of each bucket begins a package of its own: 2 + 1 + 1 + 1 of them.
    let package = json!({"billing_model": "PACKAGE", "amount": "10", "transform_quantity": {"divide_by": 4}});
    assert_eq!(january(per_node, package, &events).await, billed("12", "50"));
}

/// Spec 20 §16 no. 6, with the bucket of 0 free (§15 no. 17).
#[tokio::test]
async fn tiers_begin_anew_with_each_bucket() {
    let events = [
        ("10T10:00:00", json!({"n": 3})),
        ("10T11:00:00", json!({"n": 0})),
        ("10T12:59:59.999999", json!({"n": 12})),
        ("10T13:00:00", json!({"n": 5})),
    ];
    // 7 + 0 + 21 + 10.5
    let hourly = |kind: &str| json!({"type": kind, "field": "n", "bucket_size": "HOUR"});
    assert_eq!(january(hourly("MAX"), slab(), &events).await, billed("20", "38.5"));
    assert_eq!(january(hourly("SUM"), slab(), &events).await, billed("20", "38.5"));
}

/// Spec 20 §16 no. 8.
#[tokio::test]
async fn tiers_begin_anew_with_each_group_of_a_bucket() {
    let per_node = json!({"type": "MAX", "field": "n", "bucket_size": "HOUR", "group_by": "node"});
    let events = [("10T10:00:00", json!({"n": 6, "node": "a"})), ("10T10:30:00", json!({"n": 6, "node": "b"}))];
    assert_eq!(january(per_node, slab(), &events).await, billed("12", "24"));
}

/// Amounts of buckets are added up before the one rounding.
#[tokio::test]
async fn buckets_are_rounded_once_together() {
    let daily = json!({"type": "SUM", "field": "n", "bucket_size": "DAY"});
    let events: Vec<_> = ["10T10:00:00", "11T10:00:00", "12T10:00:00"].into_iter().map(|at| (at, json!({"n": 1}))).collect();
    assert_eq!(january(daily, json!({"amount": "0.333"}), &events).await, billed("3", "1"));
}

/// Spec 10 §18 no. 11, over a period of ten days: 100 + 25, and negative values count as 0.
#[tokio::test]
async fn a_weighted_sum_is_billed_by_the_rest_of_the_period() {
    let app = TestApp::start().await;
    let (client, made) = subscribed(&app, json!({"type": "WEIGHTED_SUM", "field": "n"}), json!({})).await;
    for (id, at, n) in [("1", "2025-01-01T00:00:00Z", 100), ("2", "2025-01-06T00:00:00Z", 50), ("3", "2025-01-10T12:00:00Z", -20)] {
        client.send_events(&[event(id, "api", "acme", at, json!({"n": n}))]).await;
    }
    client.advance("2025-01-11T00:00:00Z").await;
    let body = json!({"cancellation_type": "immediate", "cancel_immediately_inovice_policy": "generate_invoice"});
    client.post(&format!("/v1/subscriptions/{}/cancel", text(&made, "id")), &body).await.expect(200);
    let invoice = client.invoices(text(&made, "id")).await.remove(1);
    assert_eq!(text(&invoice["line_items"][0], "quantity"), "125", "{invoice}");
}

/// MONTH buckets begin on the day of the billing anchor, in UTC, whatever the customer's zone.
#[tokio::test]
async fn monthly_buckets_hang_on_the_billing_anchor() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-15T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let meter = client.metered("api", json!({"type": "MAX", "field": "n", "bucket_size": "MONTH"}), json!([])).await;
    client.price(usage_price(&plan, &meter, json!({}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-15T00:00:00Z", json!({})).await;
    // One bucket from January 15 to February 15, though the calendar's month ends in it.
    for (id, at, n) in [("1", "2025-01-20T00:00:00Z", 5), ("2", "2025-02-10T00:00:00Z", 7), ("3", "2025-02-15T00:00:00Z", 11)] {
        client.send_events(&[event(id, "api", "acme", at, json!({"n": n}))]).await;
    }
    client.advance("2025-02-16T00:00:00Z").await;
    assert_eq!(invoices(&client, &made).await[1], "CYCLE 2025-01-15..2025-02-15 FINALIZED 7");
}

/// Spec 10 §18 no. 17: two lines on one meter meet at an instant.
#[tokio::test]
async fn lines_count_what_lies_in_their_own_time() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let meter = client.metered("api", json!({"type": "SUM", "field": "n"}), json!([])).await;
    let mut made = Vec::new();
    for (name, start) in [("first", "2025-01-01T00:00:00Z"), ("second", "2025-01-11T00:00:00Z")] {
        let plan = client.plan(name).await;
        client.price(usage_price(&plan, &meter, json!({}))).await;
        client.price(fixed_price(&plan, "0", "ARREAR", json!({}))).await;
        made.push(client.subscribe("acme", &plan, start, json!({})).await);
    }
    client.send_events(&[event("1", "api", "acme", "2025-01-10T23:59:59Z", json!({"n": 4}))]).await;
    client.send_events(&[event("2", "api", "acme", "2025-01-11T00:00:00Z", json!({"n": 6}))]).await;
    client.advance("2025-01-12T00:00:00Z").await;
    let body = json!({
        "cancellation_type": "immediate", "cancel_at": "2025-01-11T00:00:00Z", "cancel_immediately_inovice_policy": "generate_invoice",
    });
    client.post(&format!("/v1/subscriptions/{}/cancel", text(&made[0], "id")), &body).await.expect(200);
    let january = json!({
        "external_customer_id": "acme", "start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z", "window_size": "DAY",
    });
    let found = client.post("/v1/events/analytics", &january).await.ok();
    let mut usages: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| text(item, "total_usage")).collect();
    usages.sort_unstable();
    assert_eq!(usages, ["4", "6"], "the cancelled one ends where it was cancelled: {found}");
    client.advance("2025-02-12T00:00:00Z").await;
    assert_eq!(text(&client.invoices(text(&made[0], "id")).await[1], "total"), "4");
    assert_eq!(text(&client.invoices(text(&made[1], "id")).await[1], "total"), "6");
}

/// A level that is carried on is not built: a price of such a meter is refused, and no invoice begins anew with each period in silence.
#[tokio::test]
async fn a_meter_that_never_resets_is_not_priced() {
    let app = TestApp::start().await;
    let client = app.client();
    let plan = client.plan("basic").await;
    let body = json!({"name": "kept", "event_name": "api", "aggregation": {"type": "SUM", "field": "n"}, "reset_usage": "NEVER"});
    let feature = client.post("/v1/features", &json!({"name": "kept", "type": "metered", "meter": body})).await.expect(201);
    let meter = testkit::Metered { feature_id: text(&feature, "id").to_owned(), meter_id: text(&feature, "meter_id").to_owned() };
    client.post("/v1/prices", &usage_price(&plan, &meter, json!({}))).await.refused(501, "not_implemented");
}

/// Spec 10 §18 no. 25: the invoice stays, the analytics of its time grow, the next invoice does not have it.
#[tokio::test]
async fn a_late_event_shows_in_analytics_alone() {
    let app = TestApp::start().await;
    let (client, made) = subscribed(&app, json!({"type": "MAX", "field": "n", "bucket_size": "HOUR"}), json!({})).await;
    client.send_events(&[event("1", "api", "acme", "2025-01-31T10:00:00Z", json!({"n": 5}))]).await;
    client.advance("2025-02-02T00:00:00Z").await;
    client.send_events(&[event("2", "api", "acme", "2025-01-31T10:30:00Z", json!({"n": 8}))]).await;
    client.advance("2025-03-02T00:00:00Z").await;
    assert_eq!(invoices(&client, &made).await[1..], ["CYCLE 2025-01-01..2025-02-01 FINALIZED 5", "CYCLE 2025-02-01..2025-03-01 SKIPPED 0"]);
    let january = json!({"external_customer_id": "acme", "start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z"});
    assert_eq!(text(&client.post("/v1/events/analytics", &january).await.ok(), "total_cost"), "8");
}

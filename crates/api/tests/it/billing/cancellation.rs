//! Every way to end a subscription (spec 30 §9.1, §20 no. 12).

use serde_json::{Value, json};
use testkit::{Client, TestApp, event, fixed_price, usage_price};

use super::{invoices, text};

/// From 2025-08-01: 30.00 a month in advance, 1.00 per call in arrear; 5 calls on August 10, 7 on August 25.
async fn subscribed(client: &Client) -> Value {
    client.set_clock("2025-08-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let meter = client.counted("api").await;
    client.price(fixed_price(&plan, "30", "ADVANCE", json!({}))).await;
    client.price(usage_price(&plan, &meter, json!({}))).await;
    let made = client.subscribe("acme", &plan, "2025-08-01T00:00:00Z", json!({})).await;
    let calls = |day: u32, count: u32| {
        (0..count).map(move |n| event(&format!("{day}-{n}"), "api", "acme", &format!("2025-08-{day}T00:00:0{n}Z"), json!({})))
    };
    client.send_events(&calls(10, 5).chain(calls(25, 7)).collect::<Vec<_>>()).await;
    made
}

async fn cancel(client: &Client, subscription: &Value, body: Value) -> Value {
    client.post(&format!("/v1/subscriptions/{}/cancel", text(subscription, "id")), &body).await.expect(200)
}

#[tokio::test]
async fn immediate_with_invoice_bills_what_was_used() {
    for spelling in ["cancel_immediately_inovice_policy", "cancel_immediately_invoice_policy"] {
        let app = TestApp::start().await;
        let client = app.client();
        let made = subscribed(&client).await;
        client.advance("2025-08-20T15:00:00Z").await;
        let mut body = json!({"cancellation_type": "immediate", "reason": "moved"});
        body[spelling] = "generate_invoice".into();
        let answer = cancel(&client, &made, body).await;
        assert_eq!((text(&answer, "status"), text(&answer, "effective_date")), ("cancelled", "2025-08-20T15:00:00Z"));
        client.advance("2025-10-01T00:00:00Z").await;
        assert_eq!(
            invoices(&client, &made).await,
            ["CREATE 2025-08-01..2025-09-01 FINALIZED 30", "PRORATION 2025-08-01..2025-08-20T15 FINALIZED 5"]
        );
        let read = client.subscription(text(&made, "id")).await;
        assert_eq!((text(&read, "end_date"), text(&read, "cancelled_at")), ("2025-08-20T15:00:00Z", "2025-08-20T15:00:00Z"));
        assert_eq!(read["metadata"]["cancellation_reason"], "moved");
    }
}

#[tokio::test]
async fn immediate_without_invoice_bills_nothing_more() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = subscribed(&client).await;
    client.advance("2025-08-20T15:00:00Z").await;
    cancel(&client, &made, json!({"cancellation_type": "immediate"})).await;
    client.advance("2025-10-01T00:00:00Z").await;
    assert_eq!(invoices(&client, &made).await, ["CREATE 2025-08-01..2025-09-01 FINALIZED 30"]);
}

#[tokio::test]
async fn immediate_may_lie_in_the_past_of_the_period() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = subscribed(&client).await;
    client.advance("2025-08-28T00:00:00Z").await;
    let body = json!({
        "cancellation_type": "immediate", "cancel_at": "2025-08-20T15:00:00Z",
        "cancel_immediately_inovice_policy": "generate_invoice",
    });
    cancel(&client, &made, body).await;
    assert_eq!(invoices(&client, &made).await[1], "PRORATION 2025-08-01..2025-08-20T15 FINALIZED 5");
}

#[tokio::test]
async fn end_of_period_bills_the_whole_period_and_no_next_one() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = subscribed(&client).await;
    client.advance("2025-08-20T15:00:00Z").await;
    let answer = cancel(&client, &made, json!({"cancellation_type": "end_of_period"})).await;
    assert_eq!((text(&answer, "status"), text(&answer, "effective_date")), ("active", "2025-09-01T00:00:00Z"));
    let read = client.subscription(text(&made, "id")).await;
    assert_eq!((text(&read, "subscription_status"), read["cancel_at_period_end"].as_bool()), ("active", Some(true)));
    client.advance("2025-11-01T00:00:00Z").await;
    assert_eq!(invoices(&client, &made).await, ["CREATE 2025-08-01..2025-09-01 FINALIZED 30", "CYCLE 2025-08-01..2025-09-01 FINALIZED 12"]);
    let read = client.subscription(text(&made, "id")).await;
    assert_eq!((text(&read, "subscription_status"), text(&read, "cancelled_at")), ("cancelled", "2025-09-01T00:00:00Z"));
}

/// Spec 30 §20 no. 12: one invoice up to the date, no advance of September.
#[tokio::test]
async fn a_scheduled_date_within_the_period_shortens_it() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = subscribed(&client).await;
    client.advance("2025-08-15T00:00:00Z").await;
    cancel(&client, &made, json!({"cancellation_type": "scheduled_date", "cancel_at": "2025-08-20T15:00:00Z"})).await;
    let read = client.subscription(text(&made, "id")).await;
    assert_eq!((text(&read, "subscription_status"), text(&read, "current_period_end")), ("active", "2025-08-20T15:00:00Z"));
    client.advance("2025-11-01T00:00:00Z").await;
    assert_eq!(
        invoices(&client, &made).await,
        ["CREATE 2025-08-01..2025-09-01 FINALIZED 30", "CYCLE 2025-08-01..2025-08-20T15 FINALIZED 5"]
    );
    let read = client.subscription(text(&made, "id")).await;
    assert_eq!((text(&read, "subscription_status"), text(&read, "cancelled_at")), ("cancelled", "2025-08-20T15:00:00Z"));
}

/// A date in a later period: that period is billed up to the date. Its fee was due in advance, in full, as spec 40 §3.1 has it: the
/// window is clipped to the end of the contract, and the whole of a window costs the whole.
#[tokio::test]
async fn a_scheduled_date_in_a_later_period_ends_there() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = subscribed(&client).await;
    cancel(&client, &made, json!({"cancellation_type": "scheduled_date", "cancel_at": "2025-09-16T00:00:00Z"})).await;
    client.advance("2025-11-01T00:00:00Z").await;
    assert_eq!(
        invoices(&client, &made).await,
        [
            "CREATE 2025-08-01..2025-09-01 FINALIZED 30",
            "CYCLE 2025-08-01..2025-09-01 FINALIZED 42",
            "CYCLE 2025-09-01..2025-09-16 SKIPPED 0",
        ]
    );
    let read = client.subscription(text(&made, "id")).await;
    assert_eq!((text(&read, "subscription_status"), text(&read, "cancelled_at")), ("cancelled", "2025-09-16T00:00:00Z"));
}

/// Usage after the end of a contract is nobody's invoice.
#[tokio::test]
async fn events_after_the_end_are_not_billed() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = subscribed(&client).await;
    client.advance("2025-08-20T15:00:00Z").await;
    let body = json!({"cancellation_type": "immediate", "cancel_immediately_inovice_policy": "generate_invoice"});
    cancel(&client, &made, body).await;
    let usage = json!({"subscription_id": text(&made, "id"), "start_time": "2025-08-01T00:00:00Z", "end_time": "2025-09-01T00:00:00Z"});
    let usage = client.post("/v1/subscriptions/usage", &usage).await.ok();
    assert_eq!(usage["amount"].to_string(), "5");
    let asked = json!({"external_customer_id": "acme", "start_time": "2025-08-01T00:00:00Z", "end_time": "2025-09-01T00:00:00Z"});
    assert_eq!(client.post("/v1/events/analytics", &asked).await.ok()["total_cost"], "5");
}

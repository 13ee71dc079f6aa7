//! Events that come late, twice or in another order (spec 10 §18 no. 12, 13, 25; spec 40 §20 no. 17).

use serde_json::{Value, json};
use testkit::{Client, TestApp, event, usage_price};

use super::invoices;

async fn counting(client: &Client) -> Value {
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let meter = client.metered("api", json!({"type": "SUM", "field": "n"}), json!([])).await;
    client.price(usage_price(&plan, &meter, json!({}))).await;
    client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await
}

/// No. 17 of spec 40, no. 25 of spec 10.
#[tokio::test]
async fn a_late_event_is_billed_while_the_bill_is_open() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = counting(&client).await;
    client.send_events(&[event("in time", "api", "acme", "2025-01-15T00:00:00Z", json!({"n": 10}))]).await;
    client.advance("2025-02-01T00:10:00Z").await;
    client.send_events(&[event("late", "api", "acme", "2025-01-31T23:59:59.999999Z", json!({"n": 5}))]).await;
    client.advance("2025-02-02T00:00:00Z").await;
    assert_eq!(invoices(&client, &made).await[1], "CYCLE 2025-01-01..2025-02-01 FINALIZED 15");
    client.send_events(&[event("too late", "api", "acme", "2025-01-31T00:00:00Z", json!({"n": 100}))]).await;
    client.advance("2025-03-02T00:00:00Z").await;
    assert_eq!(
        invoices(&client, &made).await[1..],
        ["CYCLE 2025-01-01..2025-02-01 FINALIZED 15", "CYCLE 2025-02-01..2025-03-01 SKIPPED 0"]
    );
    let january = json!({"subscription_id": made["id"], "start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z"});
    let usage = client.post("/v1/subscriptions/usage", &january).await.ok();
    assert_eq!(usage["amount"].to_string(), "115", "the usage grows, the invoice does not");
}

/// Periods are half-open, to the microsecond.
#[tokio::test]
async fn an_event_on_the_boundary_belongs_to_the_next_period() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = counting(&client).await;
    for (id, at, n) in [
        ("first", "2025-01-01T00:00:00Z", 1),
        ("before", "2024-12-31T23:59:59.999999Z", 10),
        ("last", "2025-01-31T23:59:59.999999Z", 100),
        ("next", "2025-02-01T00:00:00Z", 1000),
        ("next, other zone", "2025-02-01T01:00:00+01:00", 10_000),
    ] {
        client.send_events(&[event(id, "api", "acme", at, json!({"n": n}))]).await;
    }
    client.advance("2025-03-02T00:00:00Z").await;
    assert_eq!(
        invoices(&client, &made).await[1..],
        ["CYCLE 2025-01-01..2025-02-01 FINALIZED 101", "CYCLE 2025-02-01..2025-03-01 FINALIZED 11000"]
    );
}

/// The first that was accepted wins, whatever a copy says.
#[tokio::test]
async fn a_copy_of_an_event_changes_nothing() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = counting(&client).await;
    let first = event("e1", "api", "acme", "2025-01-10T00:00:00Z", json!({"n": 10}));
    client.send_events(&[first.clone(), first.clone()]).await;
    client.post("/v1/events", &first).await.expect(202);
    for changed in [
        event("e1", "api", "acme", "2025-01-11T00:00:00Z", json!({"n": 10})),
        event("e1", "api", "acme", "2025-01-10T00:00:00Z", json!({"n": 999})),
        event("e1", "api", "other", "2025-01-10T00:00:00Z", json!({"n": 10})),
        event("e1", "other", "acme", "2025-01-10T00:00:00Z", json!({"n": 10})),
        json!({"event_id": "e1", "event_name": "api", "external_customer_id": "acme", "properties": {"n": 10}}),
    ] {
        client.send_events(&[changed]).await;
    }
    let listed = client.post("/v1/events/query", &json!({"end_time": "2025-02-01T00:00:00Z", "start_time": "2025-01-01T00:00:00Z"})).await;
    assert_eq!(listed.ok()["total_count"], 1);
    client.advance("2025-02-02T00:00:00Z").await;
    assert_eq!(invoices(&client, &made).await[1], "CYCLE 2025-01-01..2025-02-01 FINALIZED 10");
}

/// Spec 10 §18 no. 12: three at once.
#[tokio::test]
async fn copies_that_arrive_together_count_once() {
    let app = TestApp::start().await;
    let client = app.client();
    let made = counting(&client).await;
    let body = event("e1", "api", "acme", "2025-01-10T09:00:00Z", json!({"n": 10}));
    let send = || client.post("/v1/events", &body);
    let (a, b, c) = tokio::join!(send(), send(), send());
    for answer in [a, b, c] {
        assert_eq!(answer.expect(202)["event_id"], "e1");
    }
    let usage = client.post("/v1/subscriptions/usage", &json!({"subscription_id": made["id"]})).await.ok();
    assert_eq!(usage["amount"].to_string(), "10");
}

/// The same id in another environment is another event.
#[tokio::test]
async fn an_id_is_known_per_environment() {
    let app = TestApp::start().await;
    let body = json!({"events": [event("e1", "api", "acme", "2025-01-10T09:00:00Z", json!({}))]});
    for client in [app.client(), app.other_tenant(), app.client().with("x-environment-id", "00000000-0000-0000-0000-000000000001")] {
        assert_eq!(client.post("/v1/events/bulk", &body).await.expect(202)["new"], "1");
        assert_eq!(client.post("/v1/events/bulk", &body).await.expect(202)["new"], "0");
    }
}

/// Computed by hand within the grace, an invoice is computed again when that is over: also one that had nothing to charge, and whatever the
/// delay of its finalization.
#[tokio::test]
async fn a_computation_by_hand_within_the_grace_awaits_late_events_all_the_same() {
    for (delay, in_time) in [(7_200, 10), (0, 10), (7_200, 0), (0, 0)] {
        let app = TestApp::start().await;
        let client = app.client();
        client.put("/v1/settings/invoice_config", &json!({"value": {"finalization_delay_seconds": delay}})).await.ok();
        let made = counting(&client).await;
        client.send_events(&[event("in time", "api", "acme", "2025-01-15T00:00:00Z", json!({"n": in_time}))]).await;
        client.advance("2025-02-01T00:05:00Z").await;
        let draft = client.invoices(super::text(&made, "id")).await.remove(1);
        let path = format!("/v1/invoices/{}/compute", super::text(&draft, "id"));
        assert_eq!(client.post(&path, &json!({})).await.ok()["total"], in_time.to_string());
        client.advance("2025-02-01T00:10:00Z").await;
        client.send_events(&[event("late", "api", "acme", "2025-01-31T23:59:59.999999Z", json!({"n": 5}))]).await;
        client.advance("2025-02-02T00:00:00Z").await;
        let expected = format!("CYCLE 2025-01-01..2025-02-01 FINALIZED {}", in_time + 5);
        assert_eq!(invoices(&client, &made).await[1], expected, "{delay} {in_time}");
        // Final is final.
        client.post(&path, &json!({})).await.refused(400, "invalid_operation");
    }
}

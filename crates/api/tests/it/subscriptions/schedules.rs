//! What is to happen to a subscription on a date, and calling it off (spec 30 §§9.2, 15).

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, TestApp, fixed_price};

/// An advance fee of 30.00 a month from 1 August 2025.
async fn subscribed(client: &Client) -> Value {
    client.set_clock("2025-08-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "30", "ADVANCE", json!({}))).await;
    client.subscribe("acme", &plan, "2025-08-01T00:00:00Z", json!({})).await
}

async fn cancel(client: &Client, subscription: &Value, body: Value) {
    let id = subscription["id"].as_str().unwrap();
    client.post(&format!("/v1/subscriptions/{id}/cancel"), &body).await.ok();
}

async fn schedules(client: &Client, subscription: &Value) -> Vec<Value> {
    let id = subscription["id"].as_str().unwrap();
    client.get(&format!("/v1/subscriptions/{id}/schedules")).await.ok()["schedules"].as_array().unwrap().clone()
}

async fn read(client: &Client, subscription: &Value) -> Value {
    client.get(&format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap())).await.ok()
}

/// What a cancellation changes, and calling it off restores.
const RESTORED: [&str; 7] =
    ["cancel_at", "cancel_at_period_end", "cancelled_at", "end_date", "current_period_end", "metadata", "subscription_status"];

fn restored(subscription: &Value) -> Vec<Value> {
    RESTORED.iter().map(|field| subscription[field].clone()).collect()
}

async fn periods(client: &Client, subscription: &Value) -> Vec<String> {
    let body = json!({"subscription_id": subscription["id"], "invoice_status": ["DRAFT", "FINALIZED", "SKIPPED"], "sort": [{"field": "period_start", "direction": "asc"}]});
    let found = client.post("/v1/invoices/search", &body).await.ok();
    let short = |value: &Value| value.as_str().unwrap()[5..10].to_owned();
    let invoices = found["items"].as_array().unwrap().iter();
    invoices
        .map(|invoice| {
            format!("{}..{} {}", short(&invoice["period_start"]), short(&invoice["period_end"]), invoice["amount_due"].as_str().unwrap())
        })
        .collect()
}

/// Spec 30 §20 no. 12: a date in the period, un-cancelled before it.
#[tokio::test]
async fn a_cancellation_that_is_called_off_leaves_no_trace() {
    let app = TestApp::start().await;
    let client = app.client();
    let before = subscribed(&client).await;
    for body in [
        json!({"cancellation_type": "scheduled_date", "cancel_at": "2025-08-20T15:00:00Z", "reason": "too dear"}),
        json!({"cancellation_type": "scheduled_date", "cancel_at": "2025-10-20T15:00:00Z"}),
        json!({"cancellation_type": "end_of_period"}),
    ] {
        cancel(&client, &before, body.clone()).await;
        let pending = schedules(&client, &before).await.remove(0);
        assert_eq!(
            (&pending["status"], &pending["schedule_type"], &pending["can_be_cancelled"]),
            (&json!("pending"), &json!("cancellation"), &json!(true))
        );
        assert_ne!(restored(&read(&client, &before).await), restored(&before), "{body}");
        let id = pending["id"].as_str().unwrap();
        let called_off = client.post(&format!("/v1/subscriptions/schedules/{id}/cancel"), &json!({})).await.ok();
        assert_eq!(called_off["status"], "cancelled");
        assert_eq!(restored(&read(&client, &before).await), restored(&before), "{body}");
        client.post(&format!("/v1/subscriptions/schedules/{id}/cancel"), &json!({})).await.invalid();
    }
    client.advance("2025-10-02T00:00:00Z").await;
    assert_eq!(periods(&client, &before).await, ["08-01..09-01 30", "08-01..09-01 30", "09-01..10-01 30"]);
}

/// The contract goes on with the period that then runs, not with the one in which the end was asked for.
#[tokio::test]
async fn periods_that_turned_meanwhile_stay_turned() {
    let app = TestApp::start().await;
    let client = app.client();
    let before = subscribed(&client).await;
    cancel(&client, &before, json!({"cancellation_type": "scheduled_date", "cancel_at": "2025-10-20T15:00:00Z"})).await;
    client.advance("2025-10-05T00:00:00Z").await;
    let cut = read(&client, &before).await;
    assert_eq!(cut["current_period_end"], "2025-10-20T15:00:00Z");
    client
        .post("/v1/subscriptions/schedules/cancel", &json!({"subscription_id": before["id"], "schedule_type": "cancellation"}))
        .await
        .ok();
    let after = read(&client, &before).await;
    assert_eq!(
        (&after["current_period_start"], &after["current_period_end"]),
        (&json!("2025-10-01T00:00:00Z"), &json!("2025-11-01T00:00:00Z"))
    );
    client.advance("2025-11-02T00:00:00Z").await;
    let now = read(&client, &before).await;
    assert_eq!((&now["subscription_status"], &now["current_period_end"]), (&json!("active"), &json!("2025-12-01T00:00:00Z")));
}

#[tokio::test]
async fn a_schedule_is_executed_on_its_date_and_no_longer_called_off() {
    let app = TestApp::start().await;
    let client = app.client();
    let subscription = subscribed(&client).await;
    cancel(&client, &subscription, json!({"cancellation_type": "scheduled_date", "cancel_at": "2025-08-20T15:00:00Z"})).await;
    let id = schedules(&client, &subscription).await[0]["id"].as_str().unwrap().to_owned();
    client.set_clock("2025-08-20T15:00:00Z").await;
    let refused = client.post(&format!("/v1/subscriptions/schedules/{id}/cancel"), &json!({})).await.invalid();
    assert_eq!(refused["details"]["status"], "pending", "its date has come, though nothing has run yet");
    client.advance("2025-08-21T00:00:00Z").await;
    let executed = client.get(&format!("/v1/subscription-schedules/{id}")).await.ok();
    assert_eq!(
        (&executed["status"], &executed["can_be_cancelled"], &executed["days_until_execution"]),
        (&json!("executed"), &json!(false), &json!(0))
    );
    assert_eq!(read(&client, &subscription).await["subscription_status"], "cancelled");
    client.post(&format!("/v1/subscriptions/schedules/{id}/cancel"), &json!({})).await.invalid();
    assert_eq!(client.get("/v1/subscriptions/schedules?pending_only=true").await.ok()["count"], 0);
}

#[tokio::test]
async fn an_immediate_end_supersedes_a_scheduled_one() {
    let app = TestApp::start().await;
    let client = app.client();
    let subscription = subscribed(&client).await;
    cancel(&client, &subscription, json!({"cancellation_type": "end_of_period"})).await;
    cancel(&client, &subscription, json!({"cancellation_type": "immediate"})).await;
    let superseded = &schedules(&client, &subscription).await[0];
    assert_eq!((&superseded["status"], &superseded["executed_at"]), (&json!("cancelled"), &Value::Null));
}

#[tokio::test]
async fn what_is_called_off_must_be_named_without_contradiction() {
    let app = TestApp::start().await;
    let client = app.client();
    let subscription = subscribed(&client).await;
    cancel(&client, &subscription, json!({"cancellation_type": "end_of_period"})).await;
    let id = schedules(&client, &subscription).await[0]["id"].clone();
    let path = format!("/v1/subscriptions/schedules/{}/cancel", id.as_str().unwrap());
    for (path, body, field) in [
        ("/v1/subscriptions/schedules/cancel", json!({}), "schedule_id"),
        ("/v1/subscriptions/schedules/cancel", json!({"subscription_id": subscription["id"]}), "schedule_type"),
        ("/v1/subscriptions/schedules/cancel", json!({"schedule_id": id, "schedule_type": "plan_change"}), "schedule_type"),
        ("/v1/subscriptions/schedules/cancel", json!({"schedule_id": id, "subscription_id": "subs_other"}), "subscription_id"),
        (path.as_str(), json!({"schedule_id": "sched_other"}), "schedule_id"),
    ] {
        assert_eq!(client.post(path, &body).await.invalid()["details"]["field"], field, "{body}");
    }
    let unknown = json!({"subscription_id": subscription["id"], "schedule_type": "plan_change"});
    client.post("/v1/subscriptions/schedules/cancel", &unknown).await.not_found();
    assert_eq!(schedules(&client, &subscription).await[0]["status"], "pending", "nothing changed");
}

/// Whoever comes first calls it off, and the others are told that it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_call_a_schedule_off_at_once_one_does() {
    let app = TestApp::start().await;
    let client = app.client();
    let subscription = subscribed(&client).await;
    cancel(&client, &subscription, json!({"cancellation_type": "end_of_period"})).await;
    let body = json!({"schedule_id": schedules(&client, &subscription).await[0]["id"]});
    let path = "/v1/subscriptions/schedules/cancel";
    let statuses: Vec<u16> = join_all((0..8).map(|_| client.post(path, &body))).await.into_iter().map(|answer| answer.status).collect();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 400 | 409)), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(restored(&read(&client, &subscription).await), restored(&subscription));
}

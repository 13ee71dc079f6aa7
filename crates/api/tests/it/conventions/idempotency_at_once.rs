//! Copies of a request under one `Idempotency-Key` that arrive at once: one is carried out, and every copy gets its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use app::IdempotencyKey;
use app::event::{EventLog, EventLogError, LogLag, LogPartition};
use async_trait::async_trait;
use domain::event::Event;
use domain::scope::Scope;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client, SANDBOX, TestApp, event, fixed_price};

const COPIES: usize = 20;

async fn copies(client: &Client, method: Method, path: &str, body: &Value) -> Vec<Answer> {
    join_all((0..COPIES).map(|_| client.send(method.clone(), path, body.to_string()))).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == "true"
}

/// Creations with a unique name, changes that refuse a second time, runs, events, clocks: whatever kind of request it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_copies_at_once_all_get_the_one_answer() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ADVANCE", json!({}))).await;
    let subscription = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await["id"].as_str().unwrap().to_owned();
    let gone = client.customer("gone").await;
    let clock = format!("/v1/environments/{SANDBOX}/clock");
    let subscribe = json!({
        "external_customer_id": "acme", "plan_id": plan, "currency": "usd", "billing_period": "MONTHLY", "billing_period_count": 1,
        "start_date": "2025-01-01T00:00:00Z",
    });
    for (method, path, body) in [
        (Method::POST, "/v1/customers".to_owned(), json!({"external_id": "unique", "name": "Acme"})),
        (Method::POST, "/v1/plans".to_owned(), json!({"name": "p", "lookup_key": "unique"})),
        (Method::DELETE, format!("/v1/customers/{gone}"), json!({})),
        (Method::POST, "/v1/subscriptions".to_owned(), subscribe),
        (Method::POST, format!("/v1/subscriptions/{subscription}/cancel"), json!({"cancellation_type": "immediate"})),
        (Method::PUT, "/v1/settings/invoice_config".to_owned(), json!({"value": {"prefix": "AC"}})),
        (Method::POST, "/v1/events".to_owned(), json!({"event_name": "api", "external_customer_id": "acme"})),
        (Method::POST, "/v1/events/bulk".to_owned(), json!({"events": [event("e", "api", "acme", "2024-12-31T00:00:00Z", json!({}))]})),
        (Method::POST, format!("{clock}/advance"), json!({"to": "2025-03-01T00:00:00Z"})),
        (Method::PUT, clock.clone(), json!({"time": "2025-04-01T00:00:00Z"})),
        (Method::DELETE, clock.clone(), json!({})),
    ] {
        let key = format!("{method} {path}");
        let answers = copies(&client.with("idempotency-key", &key), method.clone(), &path, &body).await;
        assert!((200..300).contains(&answers[0].status), "{method} {path}: {}", answers[0]);
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (answers[0].status, &answers[0].body), "{method} {path}");
        }
        assert_eq!(answers.iter().filter(|answer| !is_replayed(answer)).count(), 1, "{method} {path}");
    }
    // The one that the copies made; the other is cancelled, and lists leave it out.
    assert_eq!(client.get("/v1/subscriptions?status=published").await.ok()["pagination"]["total"], 1);
}

/// Goes wrong once.
#[derive(Default)]
struct AwayAtFirst(AtomicU64);

#[async_trait]
impl EventLog for AwayAtFirst {
    async fn publish(&self, _: &Scope, _: Vec<Event>) -> Result<(), EventLogError> {
        // The others have all arrived by then.
        tokio::time::sleep(Duration::from_millis(50)).await;
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err(EventLogError::Unavailable("nobody answers".into())),
            _ => Ok(()),
        }
    }

    async fn settle_both(&self) -> Result<Vec<(LogPartition, i64)>, EventLogError> {
        self.settle().await.map(|()| Vec::new())
    }

    async fn lag(&self) -> Result<LogLag, EventLogError> {
        Ok(LogLag::default())
    }

    async fn settle(&self) -> Result<(), EventLogError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), EventLogError> {
        Ok(())
    }

    async fn close(&self) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_first_fails_one_of_the_others_does_it() {
    let log = Arc::new(AwayAtFirst::default());
    let app = TestApp::start_logging(log.clone()).await;
    let body = json!({"event_name": "api", "external_customer_id": "acme"});
    let answers = copies(&app.client().with("idempotency-key", "k"), Method::POST, "/v1/events", &body).await;
    let failed: Vec<_> = answers.iter().filter(|answer| answer.status != 202).collect();
    assert_eq!(failed.iter().map(|answer| answer.status).collect::<Vec<_>>(), [503]);
    assert_eq!(answers.iter().filter(|answer| answer.status == 202 && !is_replayed(answer)).count(), 1);
    assert_eq!(log.0.load(Ordering::SeqCst), 2, "one that failed, one that did it");
}

/// A request that is refused is refused to each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_copies_of_a_wrong_request_are_all_refused_alike() {
    let app = TestApp::start().await;
    let wrong = json!({"name": "no external id"});
    for answer in copies(&app.client().with("idempotency-key", "k"), Method::POST, "/v1/customers", &wrong).await {
        answer.invalid();
    }
}

/// Of one key one caller is served at a time, and other keys do not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_what_takes_long_is_told_that_it_is_under_way() {
    let app = TestApp::start_waiting(Duration::from_millis(50)).await;
    let client = app.client();
    let scope = Scope { tenant_id: app::platform::DEFAULT_TENANT.into(), environment_id: SANDBOX.into() };
    let under_way = IdempotencyKey { key: "slow".into(), fingerprint: String::new() };
    let turn = app.app.idempotency_turn(&scope, &under_way).await.expect("nobody else has it");
    let body = json!({"external_id": "acme", "name": "Acme"});
    let answer = client.with("idempotency-key", "slow").post("/v1/customers", &body).await;
    assert_eq!(answer.header("retry-after"), "1");
    answer.refused(409, "idempotency_in_progress");
    client.with("idempotency-key", "other").post("/v1/plans", &json!({"name": "p"})).await.expect(201);
    let elsewhere = client.with("x-environment-id", "00000000-0000-0000-0000-000000000001");
    elsewhere.with("idempotency-key", "slow").post("/v1/customers", &body).await.expect(201);
    drop(turn);
    client.with("idempotency-key", "slow").post("/v1/customers", &body).await.expect(201);
}

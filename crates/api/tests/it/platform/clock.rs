//! Advances of a sandbox's clock have bounds: they can be cancelled, stop when nobody waits, run as much as is allowed, say how far they
//! came, and keep nobody else waiting.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Client, SANDBOX, TestApp, fixed_price};

/// Years of invoices: more than any test here waits for.
const FAR: &str = "2035-01-01T00:00:00Z";
const PATIENCE: Duration = Duration::from_secs(60);

fn advance_path(environment: &str) -> String {
    format!("/v1/environments/{environment}/clock/advance")
}

/// Contracts that are billed each month from 2025 on.
async fn contracts(client: &Client, count: usize) {
    client.set_clock("2025-01-01T00:00:00Z").await;
    let plan = client.plan("Standard").await;
    client.price(fixed_price(&plan, "10", "ARREAR", json!({}))).await;
    for number in 0..count {
        let customer = format!("customer {number}");
        client.customer(&customer).await;
        client.subscribe(&customer, &plan, "2025-01-01T00:00:00Z", json!({})).await;
    }
}

async fn clock(client: &Client) -> Value {
    client.get(&format!("/v1/environments/{SANDBOX}/clock")).await.expect(200)
}

/// Waits until the clock's state is as wanted.
async fn until(client: &Client, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let asked = Instant::now();
    loop {
        let state = clock(client).await;
        if holds(&state) {
            return state;
        }
        assert!(asked.elapsed() < PATIENCE, "{what}: {state}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn is_under_way(state: &Value) -> bool {
    state["advancing_to"] == FAR && state["ran"].as_i64() > Some(0)
}

/// Likewise by one request after the other.
#[tokio::test]
async fn an_advance_runs_as_much_as_is_allowed_and_a_repetition_goes_on() {
    let app = TestApp::start().await;
    let client = app.client();
    contracts(&client, 2).await;
    let to = "2025-03-15T00:00:00Z";
    let (mut ran, mut requests, mut before) = (0, 0, "2025-01-01T00:00:00Z".to_owned());
    loop {
        let state = client.post(&advance_path(SANDBOX), &json!({"to": to, "max_work": 5})).await.expect(200);
        let now = state["now"].as_str().unwrap().to_owned();
        assert!(now >= before && state["ran"].as_i64() <= Some(5), "{state}");
        (ran, requests, before) = (ran + state["ran"].as_i64().unwrap(), requests + 1, now);
        if state["stopped"].is_null() {
            assert_eq!((&state["now"], &state["advancing_to"]), (&json!(to), &Value::Null));
            break;
        }
        assert_eq!((&state["stopped"], &state["advancing_to"], &state["ran"]), (&json!("limit"), &json!(to), &json!(5)));
    }
    // Two turns, computations and finalizations of two contracts.
    assert_eq!((ran, requests), (12, 3));
    assert_eq!(client.get("/v1/invoices").await.expect(200)["pagination"]["total"], 4);
    for wrong in [json!(0), json!(-1), json!(100_001)] {
        client.post(&advance_path(SANDBOX), &json!({"to": FAR, "max_work": wrong})).await.expect(400);
    }
}

#[tokio::test]
async fn an_advance_tells_how_far_it_came_and_can_be_cancelled() {
    let app = TestApp::start().await;
    let client = app.client();
    contracts(&client, 5).await;
    client.delete(&advance_path(SANDBOX)).await.refused(400, "invalid_operation");
    let advancing = client.clone();
    let advance = tokio::spawn(async move { advancing.post(&advance_path(SANDBOX), &json!({"to": FAR})).await.expect(200) });
    let on_the_way = until(&client, "under way", is_under_way).await;
    assert!(on_the_way["now"].as_str() < Some(FAR), "{on_the_way}");
    let cancelled = client.delete(&advance_path(SANDBOX)).await.expect(200);
    assert_eq!(cancelled["own"], true);
    let answer = advance.await.unwrap();
    assert_eq!((&answer["stopped"], &answer["advancing_to"]), (&json!("cancelled"), &json!(FAR)));
    assert!(answer["now"].as_str() < Some(FAR) && answer["ran"].as_i64() >= on_the_way["ran"].as_i64(), "{answer}");
    let after = clock(&client).await;
    assert_eq!((&after["now"], &after["advancing_to"]), (&answer["now"], &Value::Null));
    client.delete(&advance_path(SANDBOX)).await.refused(400, "invalid_operation");
}

#[tokio::test]
async fn an_advance_stops_when_nobody_waits_for_it() {
    let app = TestApp::start().await;
    let client = app.client();
    contracts(&client, 5).await;
    let advancing = client.clone();
    let advance = tokio::spawn(async move { advancing.post(&advance_path(SANDBOX), &json!({"to": FAR})).await });
    until(&client, "under way", is_under_way).await;
    // As a connection that is closed: its request is dropped.
    advance.abort();
    let stopped = until(&client, "stopped", |state| state["advancing_to"].is_null()).await;
    assert!(stopped["now"].as_str() < Some(FAR), "{stopped}");
    // Nothing was lost: the next goes on.
    let next = client.post(&advance_path(SANDBOX), &json!({"to": stopped["now"], "max_work": 100})).await.expect(200);
    assert_eq!(next["now"], stopped["now"]);
}

/// A backlog of years in one environment, and one piece of work in another.
#[tokio::test]
async fn environments_do_not_wait_for_each_other() {
    let app = TestApp::start().await;
    let client = app.client();
    contracts(&client, 5).await;
    let advancing = client.clone();
    let advance = tokio::spawn(async move { advancing.post(&advance_path(SANDBOX), &json!({"to": FAR})).await });
    until(&client, "under way", is_under_way).await;
    let other = app.other_tenant();
    let path = "/v1/environments/env_other/clock";
    other.put(path, &json!({"time": "2025-01-01T00:00:00Z"})).await.expect(200);
    let done = other.post(&format!("{path}/advance"), &json!({"to": "2025-02-01T00:00:00Z"})).await.expect(200);
    assert_eq!(done["now"], "2025-02-01T00:00:00Z");
    let still = clock(&client).await;
    assert_eq!(still["advancing_to"], FAR, "the first is not done: {still}");
    advance.abort();
    until(&client, "stopped", |state| state["advancing_to"].is_null()).await;
}

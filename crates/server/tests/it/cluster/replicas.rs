//! What one replica of the API changes, the others know with their next request.

use reqwest::Method;
use serde_json::json;

use super::installation::Installation;
use crate::faults::client::{Client, SANDBOX};

/// Customers, keys and clocks are kept in memory by each replica: none may be older than the last answered change.
async fn each_change_is_seen_by(first: &Client, second: &Client) {
    for round in 0..20 {
        let external_id = format!("customer-{:x}", rand::random::<u64>());
        let made = first.post("/v1/customers", json!({ "external_id": external_id, "name": "Made" })).await;
        let path = format!("/v1/customers/{}", made["id"].as_str().expect("an id"));
        assert_eq!(second.get(&path).await["name"], "Made");
        let name = format!("Renamed {round}");
        first.send(Method::PUT, &path, Some(&json!({ "name": name }))).await.expect("answers").accepted(&path);
        assert_eq!(second.get(&path).await["name"], name);

        let clock = format!("2024-06-{:02}T00:00:00Z", round + 1);
        first.set_clock(&clock).await;
        let told = second.get(&format!("/v1/environments/{SANDBOX}/clock")).await;
        assert_eq!(told["now"], clock, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_agree() {
    let installation = Installation::new();
    let apis = [installation.start("api"), installation.start("api")];
    let [first, second] = apis.each_ref().map(|api| installation.client(api));
    each_change_is_seen_by(&first, &second).await;
    each_change_is_seen_by(&second, &first).await;
}

/// Losing Redis makes the system slower, never wrong, and it says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_agree_without_redis() {
    let installation = Installation::new();
    // Nobody listens there.
    let nowhere = [("FLEXPRICE_REDIS_PORT", "1")];
    let start = || super::process::Process::start(&installation.place, "api", &nowhere);
    let apis = [start(), start()];
    let [first, second] = apis.each_ref().map(|api| installation.client(api));
    each_change_is_seen_by(&first, &second).await;
    let ready = first.readiness().await;
    assert_eq!(ready.status, 200, "{ready:?}");
    assert!(ready.body["degraded"]["coordination"].is_string(), "{ready:?}");
}

/// A key that one replica takes away opens nothing at the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_taken_away_is_gone_everywhere() {
    let installation = Installation::new();
    let apis = [installation.start("api"), installation.start("api")];
    let [first, second] = apis.each_ref().map(|api| installation.client(api));
    let made = first.post("/v1/secrets/api/keys", json!({ "name": "short-lived", "type": "private_key" })).await;
    let (key, id) = (made["api_key"].as_str().expect("a key"), made["secret"]["id"].as_str().expect("an id"));
    let with_key = Client::with_key(&apis[1].url, key);
    with_key.get("/v1/customers").await;
    let path = format!("/v1/secrets/api/keys/{id}");
    first.send(Method::DELETE, &path, None).await.expect("answers");
    let refused = with_key.send(Method::GET, "/v1/customers", None).await.expect("answers");
    assert_eq!(refused.status, 401, "{refused:?}");
    second.get("/v1/customers").await;
}

/// Twenty copies of a request under one idempotency key, ten to each replica: one is carried out, all get its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_sent_to_all_replicas_at_once_are_carried_out_once() {
    let installation = Installation::new();
    let apis = [installation.start("api"), installation.start("api")];
    let clients = apis.each_ref().map(|api| installation.client(api));
    for round in 0..5 {
        let key = format!("round {round}");
        for (path, body) in [
            ("/v1/customers", json!({"external_id": key, "name": "Acme"})),
            ("/v1/plans", json!({"name": key})),
            ("/v1/events", json!({"event_name": "api", "external_customer_id": key})),
        ] {
            let keyed = format!("{key} {path}");
            let copies: Vec<_> = (0..20)
                .map(|copy| {
                    let (client, keyed, body) = (clients[copy % 2].clone(), keyed.clone(), body.clone());
                    tokio::spawn(async move { client.post_keyed(&keyed, path, &body).await.expect("answers") })
                })
                .collect();
            let mut answers = Vec::new();
            for copy in copies {
                answers.push(copy.await.expect("joined"));
            }
            let first = &answers[0];
            assert!(first.status.is_success(), "{keyed}: {first:?}");
            for answer in &answers {
                assert_eq!((answer.status, &answer.body), (first.status, &first.body), "{keyed}");
            }
        }
    }
}

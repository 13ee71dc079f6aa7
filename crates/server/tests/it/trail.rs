//! What leaves a line in the log at the level `info`: who was not let in, and who changed keys, settings, environments and clocks.

use std::fs;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::faults::client::{Client, SANDBOX};
use crate::faults::serving::Serving;
use crate::support::Place;

/// Sends a request whose answer has this status.
async fn ask(client: &Client, method: Method, path: &str, body: Value, status: u16) -> Value {
    let answer = client.send(method, path, Some(&body)).await.expect("answers");
    assert_eq!(answer.status, StatusCode::from_u16(status).expect("a status"), "{path}: {:?}", answer.body);
    answer.body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_and_changes_of_rights_leave_a_line() {
    let place = Place::new();
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    ask(&Client::with_key(&server.url, "sk_of_a_stranger"), Method::GET, "/v1/customers", Value::Null, 401).await;
    ask(&Client::with_key(&server.url, ""), Method::GET, "/v1/plans", Value::Null, 401).await;
    let made = ask(&client, Method::POST, "/v1/secrets/api/keys", json!({"name": "k", "type": "private_key"}), 201).await;
    let (key, id) = (made["api_key"].as_str().expect("a key"), made["secret"]["id"].as_str().expect("an id"));
    let bound = Client::with_key(&server.url, key);
    ask(&bound, Method::PUT, "/v1/environments/env_other", json!({"name": "mine"}), 403).await;
    ask(&client, Method::DELETE, &format!("/v1/secrets/api/keys/{id}"), Value::Null, 204).await;
    ask(&client, Method::PUT, "/v1/settings/invoice_config", json!({"value": {"prefix": "AC"}}), 200).await;
    ask(&client, Method::DELETE, "/v1/settings/invoice_config", Value::Null, 204).await;
    ask(&client, Method::PUT, &format!("/v1/environments/{SANDBOX}"), json!({"name": "Renamed"}), 200).await;
    let clock = format!("/v1/environments/{SANDBOX}/clock");
    ask(&client, Method::PUT, &clock, json!({"time": "2025-01-01T00:00:00Z"}), 200).await;
    ask(&client, Method::POST, &format!("{clock}/advance"), json!({"to": "2025-01-02T00:00:00Z"}), 200).await;
    ask(&client, Method::DELETE, &clock, Value::Null, 200).await;
    server.stop();

    let log = fs::read_to_string(place.path().join("serve.log")).expect("a log");
    for secret in ["sk_of_a_stranger", key, "sk_local_flexprice_test_key"] {
        assert!(!log.contains(secret), "the log shows {secret}");
    }
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for (message, fact, count) in [
        ("a request was not authenticated", "unknown, revoked or expired", 1),
        ("a request was not authenticated", "carries no API key", 1),
        ("a request was refused", "works in the environment", 1),
        ("secret created", id, 1),
        ("secret archived", id, 1),
        ("setting created", "setting_", 1),
        ("setting archived", "setting_", 1),
        ("environment updated", SANDBOX, 1),
        ("clock set", "2025-01-01T00:00:00", 1),
        ("clock advancing", "2025-01-02T00:00:00", 1),
        ("clock removed", SANDBOX, 1),
    ] {
        let found = lines.iter().filter(|line| line["message"] == message && line.to_string().contains(fact));
        let found: Vec<_> = found.inspect(|line| assert_eq!(line["level"], "INFO", "{line}")).collect();
        assert_eq!(found.len(), count, "{message} ({fact}) in:\n{log}");
        // By whom, from where, of which request.
        assert!(found.iter().all(|line| line["span"]["request_id"].is_string()), "{found:?}");
    }
}

//! Who may not: keys and environments (spec 60 §§2.1, 2.2, 6). These refusals have a body of their own shape.

use serde_json::{Value, json};
use testkit::{Client, OTHER_KEY, SANDBOX, TestApp};

const PRODUCTION: &str = "00000000-0000-0000-0000-000000000001";

async fn assert_unauthorized(client: &Client) {
    for path in ["/v1/customers", "/v1/environments", "/v1/payments"] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, &answer.body), (401, &json!({"error": "Unauthorized"})), "{answer}");
    }
    let made = client.post("/v1/customers", &json!({"external_id": "intruder", "name": "x"})).await;
    assert_eq!(made.status, 401, "{made}");
}

async fn make_key(client: &Client, kind: &str, expires_at: Value) -> (String, String) {
    let body = json!({"name": "k", "type": kind, "expires_at": expires_at});
    let made = client.post("/v1/secrets/api/keys", &body).await.expect(201);
    (made["api_key"].as_str().unwrap().to_owned(), made["secret"]["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_missing_or_unknown_key_is_401() {
    let app = TestApp::start().await;
    assert_unauthorized(&app.client().without("x-api-key")).await;
    for key in ["", "sk_wrong", "sk_local_flexprice_test_key ", "SK_LOCAL_FLEXPRICE_TEST_KEY", "sk_local_flexprice_test_keysk"] {
        // A blank at the end is cut off by HTTP itself.
        if key.trim() != testkit::TEST_KEY {
            assert_unauthorized(&app.client_with(key)).await;
        }
    }
    assert_eq!(app.client().get("/v1/customers").await.ok()["items"], json!([]));
}

/// Spec 60 §21 no. 11.
#[tokio::test]
async fn a_key_works_until_it_expires() {
    let app = TestApp::start().await;
    let (key, _) = make_key(&app.client(), "private_key", json!("2025-01-02T00:00:00Z")).await;
    let client = app.client_with(&key);
    app.clock.set("2025-01-01T23:59:59Z");
    client.get("/v1/customers").await.expect(200);
    app.clock.set("2025-01-02T00:00:01Z");
    assert_unauthorized(&client).await;
}

#[tokio::test]
async fn a_revoked_key_stops_at_once() {
    let app = TestApp::start().await;
    let (key, id) = make_key(&app.client(), "private_key", Value::Null).await;
    let client = app.client_with(&key);
    client.get("/v1/customers").await.expect(200);
    app.client().delete(&format!("/v1/secrets/api/keys/{id}")).await.expect(204);
    assert_unauthorized(&client).await;
    app.client().delete(&format!("/v1/secrets/api/keys/{id}")).await.not_found();
}

#[tokio::test]
async fn a_publishable_key_neither_works_nor_is_listed() {
    let app = TestApp::start().await;
    let (key, _) = make_key(&app.client(), "publishable_key", Value::Null).await;
    assert!(key.starts_with("pk_"), "{key}");
    assert_unauthorized(&app.client_with(&key)).await;
    assert_eq!(app.client().get("/v1/secrets/api/keys").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn keys_that_make_no_sense_are_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    for body in [
        json!({"name": "k", "type": "master_key"}),
        json!({"name": "k"}),
        json!({"type": "private_key"}),
        json!({"name": "k", "type": "private_key", "expires_at": "2024-12-31T00:00:00Z"}),
        json!({"name": "k", "type": "private_key", "expires_at": "tomorrow"}),
    ] {
        client.post("/v1/secrets/api/keys", &body).await.invalid();
    }
}

/// Spec 60 §2.2: the same answer for an unknown and a foreign environment.
#[tokio::test]
async fn a_foreign_or_unknown_environment_is_403() {
    let app = TestApp::start().await;
    let mut answers = Vec::new();
    for environment in ["env_none", "env_other", "§"] {
        let client = app.client().with("x-environment-id", environment);
        for path in ["/v1/customers", "/v1/environments"] {
            let answer = client.get(path).await;
            assert_eq!((answer.status, answer.body["error"].as_str()), (403, Some("Access denied")), "{answer}");
            assert!(answer.body["message"].is_string());
            answers.push(answer.body);
        }
        let made = client.post("/v1/customers", &json!({"external_id": "x", "name": "x"})).await;
        assert_eq!(made.status, 403, "{made}");
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    app.client_with(OTHER_KEY).with("x-environment-id", SANDBOX).get("/v1/customers").await.expect(403);
}

/// Spec 60 §21 no. 8: a stored key works in its own environment, whatever the header says.
#[tokio::test]
async fn a_bound_key_stays_in_its_environment() {
    let app = TestApp::start().await;
    let (key, _) = make_key(&app.client(), "private_key", Value::Null).await;
    let client = app.client_with(&key).with("x-environment-id", PRODUCTION);
    client.customer("bound").await;
    app.client().get("/v1/customers/external/bound").await.expect(200);
    app.client().with("x-environment-id", PRODUCTION).get("/v1/customers/external/bound").await.not_found();
}

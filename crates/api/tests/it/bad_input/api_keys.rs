//! Who may not: keys and environments (spec 60 §§2.1, 2.2, 6). These refusals have a body of their own shape.

use std::path::{Path, PathBuf};

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

async fn make_key(client: &Client, expires_at: Value) -> (String, String) {
    let body = json!({"name": "k", "type": "private_key", "expires_at": expires_at});
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
    let (key, _) = make_key(&app.client(), json!("2025-01-02T00:00:00Z")).await;
    let client = app.client_with(&key);
    app.clock.set("2025-01-01T23:59:59Z");
    client.get("/v1/customers").await.expect(200);
    app.clock.set("2025-01-02T00:00:01Z");
    assert_unauthorized(&client).await;
}

#[tokio::test]
async fn a_revoked_key_stops_at_once() {
    let app = TestApp::start().await;
    let (key, id) = make_key(&app.client(), Value::Null).await;
    let client = app.client_with(&key);
    client.get("/v1/customers").await.expect(200);
    app.client().delete(&format!("/v1/secrets/api/keys/{id}")).await.expect(204);
    assert_unauthorized(&client).await;
    app.client().delete(&format!("/v1/secrets/api/keys/{id}")).await.not_found();
}

/// It would open nothing.
#[tokio::test]
async fn a_publishable_key_is_not_built() {
    let app = TestApp::start().await;
    let body = json!({"name": "k", "type": "publishable_key"});
    app.client().post("/v1/secrets/api/keys", &body).await.refused(501, "not_implemented");
    assert_eq!(app.client().get("/v1/secrets/api/keys").await.ok()["items"], json!([]));
}

/// What is asked for and not given would make a key that may do more than its owner believes.
#[tokio::test]
async fn roles_and_permissions_of_a_key_are_refused() {
    let app = TestApp::start().await;
    for (field, value) in [
        ("roles", json!(["event_ingestor"])),
        ("roles", json!([])),
        ("roles", json!("event_ingestor")),
        ("permissions", json!(["read"])),
        ("permissions", json!({"event": ["write"]})),
        ("service_account_id", json!("user_1")),
    ] {
        let mut body = json!({"name": "k", "type": "private_key"});
        body[field] = value;
        let refusal = app.client().post("/v1/secrets/api/keys", &body).await.refused(501, "not_implemented");
        assert!(refusal["message"].as_str().unwrap().contains(field), "{refusal}");
    }
    assert_eq!(app.client().get("/v1/secrets/api/keys").await.ok()["items"], json!([]));
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let below = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    below.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The answer that is kept for an idempotency key does not hold what is shown once.
#[tokio::test]
async fn a_key_is_written_nowhere() {
    let app = TestApp::start().await;
    let client = app.client().with("idempotency-key", "once");
    let body = json!({"name": "k", "type": "private_key"});
    let made = client.post("/v1/secrets/api/keys", &body).await.expect(201);
    let key = made["api_key"].as_str().unwrap();
    app.client_with(key).get("/v1/customers").await.expect(200);
    for file in files(app.dir()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "{} holds the key", file.display());
    }
    let again = client.post("/v1/secrets/api/keys", &body).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    let again = again.expect(201);
    assert_eq!((&again["secret"], again.get("api_key")), (&made["secret"], None));
    assert!(again["message"].as_str().unwrap().contains("shown once"), "{again}");
    assert_eq!(app.client().get("/v1/secrets/api/keys").await.ok()["pagination"]["total"], 1);
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
    let (key, _) = make_key(&app.client(), Value::Null).await;
    let client = app.client_with(&key).with("x-environment-id", PRODUCTION);
    client.customer("bound").await;
    app.client().get("/v1/customers/external/bound").await.expect(200);
    app.client().with("x-environment-id", PRODUCTION).get("/v1/customers/external/bound").await.not_found();
}

/// Neither another environment's name nor its clock, and no other is made or shown: with every method, whether or not it exists.
#[tokio::test]
async fn a_bound_key_does_not_reach_other_environments() {
    let app = TestApp::start().await;
    let (key, _) = make_key(&app.client(), Value::Null).await;
    let bound = app.client_with(&key);
    let other = app.client().post("/v1/environments", &json!({"name": "Other", "type": "development"})).await.expect(201);
    let other = other["id"].as_str().unwrap().to_owned();
    let before = app.client().get("/v1/environments").await.ok();
    for id in [other.as_str(), PRODUCTION, "env_none"] {
        let (path, clock) = (format!("/v1/environments/{id}"), format!("/v1/environments/{id}/clock"));
        bound.get(&path).await.refused(403, "permission_denied");
        bound.put(&path, &json!({"name": "Mine"})).await.refused(403, "permission_denied");
        bound.get(&clock).await.refused(403, "permission_denied");
        bound.put(&clock, &json!({"time": "2025-06-01T00:00:00Z"})).await.refused(403, "permission_denied");
        bound.post(&format!("{clock}/advance"), &json!({"to": "2025-06-01T00:00:00Z"})).await.refused(403, "permission_denied");
        bound.delete(&clock).await.refused(403, "permission_denied");
    }
    bound.post("/v1/environments", &json!({"name": "More", "type": "development"})).await.refused(403, "permission_denied");
    // A limit of the whole tenant.
    bound.put("/v1/settings/tenant_config", &json!({"value": {"development": 9}})).await.refused(403, "permission_denied");
    bound.delete("/v1/settings/tenant_config").await.refused(403, "permission_denied");
    assert_eq!(app.client().get("/v1/environments").await.ok(), before);
    // Its own.
    let listed = bound.get("/v1/environments").await.ok();
    assert_eq!((listed["total"].as_u64(), &listed["environments"][0]["id"]), (Some(1), &json!(SANDBOX)));
    let own = format!("/v1/environments/{SANDBOX}");
    bound.get(&own).await.expect(200);
    bound.put(&own, &json!({"name": "Mine"})).await.expect(200);
    bound.put(&format!("{own}/clock"), &json!({"time": "2025-06-01T00:00:00Z"})).await.expect(200);
    bound.put("/v1/settings/invoice_config", &json!({"value": {"prefix": "B"}})).await.expect(200);
}

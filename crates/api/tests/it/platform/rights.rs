//! Rights (spec 60 §§2.4, 21 no. 11): what the roles of a key open, on every route.

use http::Method;
use serde_json::{Value, json};
use testkit::{Client, TestApp, event};

/// Every routed operation: method, path with ids that name nothing.
fn operations() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&api::document().to_json().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        let path: Vec<&str> = template.split('/').map(|segment| if segment.starts_with('{') { "some_id" } else { segment }).collect();
        for method in item.as_object().unwrap().keys() {
            operations.push((Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), path.join("/")));
        }
    }
    operations
}

/// The operations that a caller is refused for want of a right.
async fn refused(client: &Client) -> Vec<String> {
    let mut refused = Vec::new();
    for (method, path) in operations() {
        let answer = client.send(method.clone(), &path, "{}").await;
        if answer.status == 403 {
            let body = answer.refused(403, "permission_denied");
            assert!(body["message"].as_str().unwrap().starts_with("insufficient permissions"), "{body}");
            refused.push(format!("{method} {path}"));
        }
    }
    refused
}

const WRITES_OF_EVENTS: [&str; 5] = [
    "POST /v1/events",
    "POST /v1/events/bulk",
    "POST /v1/events/raw/bulk",
    "POST /v1/events/raw/reprocess/all",
    "POST /v1/events/raw/reprocess/pending",
];

/// What a key bound to one environment may not do where the path names another; what needs a body is refused for its empty one before.
const BEYOND_ONE_ENVIRONMENT: [&str; 4] = [
    "DELETE /v1/environments/some_id/clock",
    "DELETE /v1/environments/some_id/clock/advance",
    "GET /v1/environments/some_id",
    "GET /v1/environments/some_id/clock",
];

#[tokio::test]
async fn a_super_admin_may_do_everything() {
    let app = TestApp::start().await;
    assert_eq!(refused(&app.client()).await, Vec::<String>::new());
    // A key that was made is bound to its environment.
    let mut refused = refused(&app.client_with_roles("user", &["super_admin"]).await).await;
    refused.sort();
    assert_eq!(refused, BEYOND_ONE_ENVIRONMENT);
}

/// Spec 60 §2.4: settings are a person's business, whatever roles a service account has.
#[tokio::test]
async fn a_service_account_does_not_change_settings() {
    let app = TestApp::start().await;
    let account = app.client_with_roles("service_account", &["super_admin"]).await;
    let mut refused = refused(&account).await;
    refused.retain(|operation| !BEYOND_ONE_ENVIRONMENT.contains(&operation.as_str()));
    refused.sort();
    assert_eq!(refused, ["DELETE /v1/settings/some_id", "PUT /v1/settings/some_id"]);
}

/// A key that may send events changes nothing else; questions that are no lists of secrets, environments or settings are open to all.
#[tokio::test]
async fn an_event_ingestor_sends_events_and_changes_nothing_else() {
    let app = TestApp::start().await;
    let owner = app.client();
    let ingestor = app.client_with_roles("service_account", &["event_ingestor"]).await;
    let before = owner.dump().await;
    let refused = refused(&ingestor).await;
    assert_eq!(owner.dump().await, before);
    let changes = operations().into_iter().filter(|(method, _)| *method != Method::GET).map(|(method, path)| format!("{method} {path}"));
    let open: Vec<String> = changes.filter(|change| !refused.contains(change)).collect();
    for change in &open {
        let is_question = [
            "/search",
            "/query",
            "/usage",
            "/meter",
            "/analytics",
            "/detailed-analytics",
            "/preview",
            "/huggingface-billing",
            "/huggingface-inference",
        ]
        .iter()
        .any(|end| change.ends_with(end));
        assert!(is_question || WRITES_OF_EVENTS.contains(&change.as_str()), "{change} is open to an event_ingestor");
    }
    for write in WRITES_OF_EVENTS {
        assert!(!refused.iter().any(|refused| refused == write), "{write}");
    }
    for read in ["GET /v1/environments", "GET /v1/secrets/api/keys", "GET /v1/settings/some_id"] {
        assert!(refused.iter().any(|refused| refused == read), "{read} is open to an event_ingestor");
    }
    ingestor.send_events(&[event("e1", "api", "acme", "2025-01-01T00:00:00Z", json!({}))]).await;
}

/// Spec 60 §21 no. 11.
#[tokio::test]
async fn an_event_reader_reads_events_and_sends_none() {
    let app = TestApp::start().await;
    let reader = app.client_with_roles("service_account", &["event_reader"]).await;
    reader.get("/v1/events").await.expect(200);
    let sent = reader.post("/v1/events", &event("e1", "api", "acme", "2025-01-01T00:00:00Z", json!({}))).await;
    sent.refused(403, "permission_denied");
    assert_eq!(app.client().get("/v1/events").await.expect(200)["events"], json!([]));
}

/// Without roles every check fails.
#[tokio::test]
async fn a_key_without_roles_changes_nothing() {
    let app = TestApp::start().await;
    let nobody = app.client_with_roles("user", &[]).await;
    let refused = refused(&nobody).await;
    for write in WRITES_OF_EVENTS {
        assert!(refused.iter().any(|refused| refused == write), "{write}");
    }
}

/// A key that is made has the roles of its maker: nobody gives more than it holds.
#[tokio::test]
async fn a_key_has_the_roles_of_its_maker() {
    let app = TestApp::start().await;
    let writer = app.client_with_roles("user", &["all_writer"]).await;
    let made = writer.post("/v1/secrets/api/keys", &json!({"name": "k", "type": "private_key"})).await.expect(201);
    assert_eq!((&made["secret"]["roles"], &made["secret"]["user_type"]), (&json!(["all_writer"]), &json!("user")));
    let client = app.client_with(made["api_key"].as_str().unwrap());
    client.customer("acme").await;
    client.put("/v1/settings/invoice_config", &json!({"value": {"prefix": "X"}})).await.refused(403, "permission_denied");
}

/// A refusal comes before the answer that is kept for an idempotency key.
#[tokio::test]
async fn a_kept_answer_is_not_replayed_to_who_may_not() {
    let app = TestApp::start().await;
    let body = json!({"external_id": "acme", "name": "Acme"});
    app.client().with("idempotency-key", "k").post("/v1/customers", &body).await.expect(201);
    let reader = app.client_with_roles("service_account", &["event_reader"]).await;
    reader.with("idempotency-key", "k").post("/v1/customers", &body).await.refused(403, "permission_denied");
}

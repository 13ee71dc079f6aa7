//! `Idempotency-Key`: a repetition changes nothing and gets the first answer (DESIGN, "idempotency everywhere").

use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client, ENTITIES, Made, TestApp, World, event, fixed_price};

fn keyed(client: &Client, key: &str) -> Client {
    client.with("idempotency-key", key)
}

fn assert_replayed(first: &Answer, second: &Answer) {
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!((first.header("idempotent-replayed"), second.header("idempotent-replayed")), ("", "true"));
    assert_eq!(first.header("content-type"), second.header("content-type"));
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer() {
    let app = TestApp::start().await;
    let client = keyed(&app.client(), "k1");
    let body = json!({"external_id": "acme", "name": "Acme"});
    let first = client.post("/v1/customers", &body).await;
    let second = client.post("/v1/customers", &body).await;
    assert_eq!(first.status, 201);
    assert_replayed(&first, &second);
    // Later too, whatever became of the customer.
    let path = format!("/v1/customers/{}", first.body["id"].as_str().unwrap());
    app.client().put(&path, &json!({"name": "Changed"})).await.expect(200);
    assert_replayed(&first, &client.post("/v1/customers", &body).await);
    assert_eq!(app.client().get("/v1/customers").await.ok()["pagination"]["total"], 1);
}

#[tokio::test]
async fn every_kind_of_change_can_be_repeated() {
    let app = TestApp::start().await;
    let client = app.client();
    let world = World::fill(&client, "acme").await;
    let price = fixed_price(world.id("plans"), "1", "ARREAR", json!({}));
    let cancel = format!("/v1/subscriptions/{}/cancel", world.id("subscriptions"));
    let mut cases = vec![
        (Method::POST, "/v1/prices/bulk".to_owned(), json!({ "items": [price] })),
        (Method::POST, "/v1/environments".to_owned(), json!({"name": "e", "type": "development"})),
        (Method::POST, cancel, json!({"cancellation_type": "immediate"})),
    ];
    for entity in ENTITIES {
        let Made::Posted(body, _) = &entity.made else { continue };
        let path = format!("/v1/{}", entity.path);
        cases.push((Method::POST, path.clone(), body(&world, "posted")));
        if let Some(change) = entity.change {
            cases.push((Method::PUT, format!("{path}/{}", world.another_id(entity, "changed before").await), change()));
        }
        if entity.archived {
            cases.push((Method::DELETE, format!("{path}/{}", world.another_id(entity, "archived").await), json!({})));
        }
    }
    for (number, (method, path, body)) in cases.into_iter().enumerate() {
        let client = keyed(&client, &format!("key {number}"));
        let mut first = client.send(method.clone(), &path, body.to_string()).await;
        assert!((200..300).contains(&first.status), "{first}");
        let after_first = app.client().dump().await;
        let mut second = client.send(method, &path, body.to_string()).await;
        // What is shown once is not kept; a note stands in its place.
        if first.body.get("api_key").is_some() {
            first.body.as_object_mut().unwrap().remove("api_key");
            second.body.as_object_mut().unwrap().remove("message").unwrap();
        }
        assert_replayed(&first, &second);
        assert_eq!(app.client().dump().await, after_first, "{path}");
    }
}

#[tokio::test]
async fn an_empty_answer_is_replayed_empty() {
    let app = TestApp::start().await;
    let id = app.client().customer("acme").await;
    let client = keyed(&app.client(), "once");
    let first = client.delete(&format!("/v1/customers/{id}")).await;
    let second = client.delete(&format!("/v1/customers/{id}")).await;
    assert_eq!((first.status, &first.body), (204, &Value::Null));
    assert_replayed(&first, &second);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let app = TestApp::start().await;
    let client = keyed(&app.client(), "k1");
    client.post("/v1/customers", &json!({"external_id": "a", "name": "a"})).await.expect(201);
    let before = app.client().dump().await;
    client.post("/v1/customers", &json!({"external_id": "b", "name": "b"})).await.invalid();
    client.post("/v1/plans", &json!({"external_id": "a", "name": "a"})).await.invalid();
    client.put("/v1/customers?external_customer_id=a", &json!({"external_id": "a", "name": "a"})).await.invalid();
    assert_eq!(app.client().dump().await, before);
    keyed(&client, &"x".repeat(256)).post("/v1/plans", &json!({"name": "p"})).await.invalid();
    keyed(&client, &"x".repeat(255)).post("/v1/plans", &json!({"name": "p"})).await.expect(201);
}

/// A refusal is not kept: the request may be sent again once its cause is gone.
#[tokio::test]
async fn a_refused_request_may_be_sent_again() {
    let app = TestApp::start().await;
    let client = app.client();
    let id = client.customer("acme").await;
    let keyed = keyed(&client, "k");
    let body = json!({"external_id": "acme", "name": "Second"});
    keyed.post("/v1/customers", &body).await.refused(409, "already_exists");
    client.delete(&format!("/v1/customers/{id}")).await.expect(204);
    keyed.post("/v1/customers", &body).await.expect(201);
}

#[tokio::test]
async fn a_key_is_its_environment_s_own() {
    let app = TestApp::start().await;
    let body = json!({"external_id": "acme", "name": "Acme"});
    let production = app.client().with("x-environment-id", "00000000-0000-0000-0000-000000000001");
    let mut ids = std::collections::BTreeSet::new();
    for client in [app.client(), production, app.other_tenant()] {
        let made = keyed(&client, "same").post("/v1/customers", &body).await;
        assert_eq!(made.header("idempotent-replayed"), "");
        ids.insert(made.expect(201)["id"].to_string());
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn concurrent_requests_with_one_key_make_one_thing() {
    let app = TestApp::start().await;
    for round in 0..8 {
        let client = keyed(&app.client(), &format!("round {round}"));
        let body = json!({"name": format!("plan {round}")});
        let send = || client.post("/v1/plans", &body);
        let (a, b, c) = tokio::join!(send(), send(), send());
        assert_eq!((a.status, &a.body), (201, &b.body));
        assert_eq!((b.status, c.status, &b.body), (201, 201, &c.body));
        let fresh = [&a, &b, &c].iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count();
        assert_eq!(fresh, 1);
        assert_eq!(app.client().get("/v1/plans").await.ok()["pagination"]["total"], round + 1);
    }
}

/// Events without id get ids made from the key, so that their copies are known.
#[tokio::test]
async fn events_without_id_are_counted_once_under_a_key() {
    let app = TestApp::start().await;
    let client = app.client();
    let meter = client.counted("api").await;
    let anonymous = json!({"event_name": "api", "external_customer_id": "c1", "timestamp": "2024-12-31T00:00:00Z"});
    let bulk = json!({"events": [anonymous, anonymous, event("named", "api", "c1", "2024-12-31T00:00:00Z", json!({}))]});
    for _ in 0..3 {
        keyed(&client, "bulk").post("/v1/events/bulk", &bulk).await.expect(202);
        keyed(&client, "single").post("/v1/events", &anonymous).await.expect(202);
    }
    let usage = json!({"meter_id": meter.meter_id, "external_customer_id": "c1"});
    assert_eq!(client.post("/v1/events/usage/meter", &usage).await.ok()["value"].to_string(), "4");
    // Without a key each is an event of its own.
    client.post("/v1/events", &anonymous).await.expect(202);
    client.post("/v1/events", &anonymous).await.expect(202);
    assert_eq!(client.post("/v1/events/usage/meter", &usage).await.ok()["value"].to_string(), "6");
}

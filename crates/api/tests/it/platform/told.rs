//! What a change tells: the activity log says who changed what, the outbox what others are told, both with the change or not at all.

use domain::ids::{EnvironmentId, TenantId};
use domain::platform::{Activity, ActivityAction, SystemEventName};
use domain::scope::Scope;
use serde_json::{Value, json};
use testkit::{SANDBOX, TestApp, fixed_price, usage_price};

fn sandbox() -> Scope {
    Scope { tenant_id: TenantId::from("00000000-0000-0000-0000-000000000000"), environment_id: EnvironmentId::from(SANDBOX) }
}

async fn told(app: &TestApp, id: &str) -> Vec<SystemEventName> {
    let all = app.app.outbox(&sandbox(), 1_000).await.unwrap();
    all.into_iter().filter(|event| event.entity_id == id).map(|event| event.name).collect()
}

async fn logged(app: &TestApp, id: &str) -> Vec<Activity> {
    app.app.activities_of(&sandbox(), id, 1_000).await.unwrap()
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_customer_s_life_is_told_in_order() {
    let app = TestApp::start().await;
    let client = app.client();
    let customer = client.customer("acme").await;
    for name in ["First", "Second"] {
        client.put(&format!("/v1/customers/{customer}"), &json!({ "name": name })).await.expect(200);
    }
    client.delete(&format!("/v1/customers/{customer}")).await.expect(204);
    let expected = [
        SystemEventName::CustomerCreated,
        SystemEventName::CustomerUpdated,
        SystemEventName::CustomerUpdated,
        SystemEventName::CustomerDeleted,
    ];
    assert_eq!(told(&app, &customer).await, expected);
    let log = logged(&app, &customer).await;
    let actions: Vec<_> = log.iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [ActivityAction::Created, ActivityAction::Updated, ActivityAction::Updated, ActivityAction::Archived]);
    // Who, and what differs: nothing else.
    let second = &log[2];
    assert_eq!((second.user_id.as_str(), second.actor_kind.as_str()), ("00000000-0000-0000-0000-000000000000", "user"));
    assert_eq!((json!(second.before), json!(second.after)), (json!({"name": "First"}), json!({"name": "Second"})));
    assert_eq!((json!(log[3].before), json!(log[3].after)), (json!({"status": "published"}), json!({"status": "archived"})));
    assert_eq!((log[0].before.len(), &log[0].after["external_id"]), (0, &json!("acme")));
    // The event shows the customer as that change left it, not as it is now.
    let events = app.app.outbox(&sandbox(), 1_000).await.unwrap();
    let names: Vec<_> = events.iter().filter(|event| event.entity_id == customer).map(|event| event.snapshot["name"].clone()).collect();
    assert_eq!(names, ["acme", "First", "Second", "Second"]);
}

/// Every thing that can be made leaves an entry when it is made, changed and archived.
#[tokio::test]
async fn every_change_of_a_thing_is_logged() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("acme").await;
    let metered = client.counted("api").await;
    let plan = client.plan("basic").await;
    let price = client.price(fixed_price(&plan, "10", "ADVANCE", json!({"lookup_key": "fee"}))).await;
    client.price(usage_price(&plan, &metered, json!({}))).await;
    let group = id(&client.post("/v1/groups", &json!({"name": "g", "lookup_key": "g", "entity_type": "price"})).await.expect(201));
    let sheet = id(&client.post("/v1/costs", &json!({"name": "costs"})).await.expect(201)["costsheet"]);
    let subscription = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let (subscription, invoice) = (id(&subscription), id(&subscription["latest_invoice"]));
    let environment = id(&client.post("/v1/environments", &json!({"name": "e", "type": "development"})).await.expect(201));
    for (method, path, body) in [
        ("PUT", format!("/v1/features/{}", metered.feature_id), json!({"description": "d", "filters": [{"key": "k", "values": ["v"]}]})),
        ("PUT", format!("/v1/plans/{plan}"), json!({"description": "d"})),
        ("PUT", format!("/v1/prices/{price}"), json!({"description": "d"})),
        ("PUT", format!("/v1/costs/{sheet}"), json!({"description": "d"})),
        ("POST", format!("/v1/subscriptions/{subscription}/cancel"), json!({"cancellation_type": "end_of_period"})),
        ("DELETE", format!("/v1/groups/{group}"), json!({})),
        ("DELETE", format!("/v1/costs/{sheet}"), json!({})),
        ("DELETE", format!("/v1/prices/{price}"), json!({})),
    ] {
        client.send(method.parse().unwrap(), &path, body.to_string()).await.ok();
    }
    use ActivityAction::{Archived, Created, Updated};
    for (what, expected) in [
        (&metered.feature_id, &[Created, Updated][..]),
        (&metered.meter_id, &[Created, Updated]),
        (&plan, &[Created, Updated]),
        (&price, &[Created, Updated, Updated]),
        (&group, &[Created, Archived]),
        (&sheet, &[Created, Updated, Archived]),
        (&subscription, &[Created, Updated]),
    ] {
        let actions: Vec<_> = logged(&app, what).await.iter().map(|entry| entry.action).collect();
        assert_eq!(actions, expected, "{what}");
    }
    assert_eq!(told(&app, &subscription).await, [SystemEventName::SubscriptionCreated, SystemEventName::SubscriptionUpdated]);
    assert_eq!(told(&app, &invoice).await, [SystemEventName::InvoiceUpdate, SystemEventName::InvoiceUpdateFinalized]);
    assert_eq!(told(&app, &metered.feature_id).await, [SystemEventName::FeatureCreated, SystemEventName::FeatureUpdated]);
    // An environment's entry stands in the environment itself.
    let scope = Scope { environment_id: environment.as_str().into(), ..sandbox() };
    assert_eq!(app.app.activities_of(&scope, &environment, 10).await.unwrap().len(), 1);
}

/// What was refused left no trace: neither an entry nor an event, whatever had been written before the refusal.
#[tokio::test]
async fn a_refused_change_tells_nothing() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let before = (app.app.outbox(&sandbox(), 1_000).await.unwrap(), logged(&app, &plan).await);
    client.post("/v1/customers", &json!({"external_id": "acme", "name": "again"})).await.refused(409, "already_exists");
    let taken = json!({"items": [fixed_price(&plan, "1", "ARREAR", json!({"lookup_key": "same"})), fixed_price(&plan, "1", "ARREAR", json!({"lookup_key": "same"}))]});
    client.post("/v1/prices/bulk", &taken).await.refused(409, "already_exists");
    assert_eq!((app.app.outbox(&sandbox(), 1_000).await.unwrap(), logged(&app, &plan).await), before);
}

/// A repetition under an idempotency key changes nothing, so it tells nothing.
#[tokio::test]
async fn a_repetition_tells_nothing() {
    let app = TestApp::start().await;
    let client = app.client().with("idempotency-key", "k");
    let body = json!({"external_id": "acme", "name": "Acme"});
    let customer = id(&client.post("/v1/customers", &body).await.expect(201));
    client.post("/v1/customers", &body).await.expect(201);
    assert_eq!(told(&app, &customer).await, [SystemEventName::CustomerCreated]);
    assert_eq!(logged(&app, &customer).await.len(), 1);
}

/// The log shows that a key was made, and nothing that helps to guess it.
#[tokio::test]
async fn a_key_s_hash_is_not_shown() {
    let app = TestApp::start().await;
    let made = app.client().post("/v1/secrets/api/keys", &json!({"name": "k", "type": "private_key"})).await.expect(201);
    let key = id(&made["secret"]);
    app.client().delete(&format!("/v1/secrets/api/keys/{key}")).await.expect(204);
    let log = logged(&app, &key).await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[0].after["name"], "k");
    let hash = app::platform::key_hash(made["api_key"].as_str().unwrap());
    assert!(!format!("{log:?}").contains(&hash), "{log:?}");
}

/// What the system does by itself is told as well, and says that nobody did it.
#[tokio::test]
async fn due_work_is_told_as_the_system_s_own() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ARREAR", json!({}))).await;
    client.customer("acme").await;
    let subscription = id(&client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await);
    client.advance("2025-02-02T00:00:00Z").await;
    let invoice = id(client.invoices(&subscription).await.last().unwrap());
    assert_eq!(told(&app, &invoice).await, [SystemEventName::InvoiceUpdate, SystemEventName::InvoiceUpdateFinalized]);
    for entry in logged(&app, &invoice).await {
        assert_eq!((entry.user_id.as_str(), entry.actor_kind.as_str()), ("", "system"), "{entry:?}");
    }
}

/// Concurrent changes of one customer are told one after the other, none lost.
#[tokio::test]
async fn concurrent_changes_take_their_places_one_by_one() {
    let app = TestApp::start().await;
    let client = app.client();
    let customer = client.customer("acme").await;
    let path = format!("/v1/customers/{customer}");
    let change = |number: usize| {
        let (client, path) = (client.clone(), path.clone());
        async move { client.put(&path, &json!({"name": format!("n{number}")})).await.expect(200) }
    };
    futures::future::join_all((0..20).map(change)).await;
    let events = app.app.outbox(&sandbox(), 1_000).await.unwrap();
    let events: Vec<_> = events.into_iter().filter(|event| event.entity_id == customer).collect();
    assert_eq!(events.len(), 21);
    assert_eq!(events.last().unwrap().snapshot["name"], client.get(&path).await.expect(200)["name"]);
}

//! The OpenAPI document: valid, committed, and true of the answers.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client, ENTITIES, Entity, Made, TestApp, World, event, fixed_price, usage_price};

use super::document::Document;

#[test]
fn the_committed_document_is_current() {
    let committed = include_str!("../../../../../docs/openapi.json");
    assert!(committed == api::document().to_pretty_json().unwrap(), "docs/openapi.json is out of date; write it anew with `make docs`");
}

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let app = TestApp::start().await;
    let served = app.client().without("x-api-key").get("/openapi.json").await.expect(200);
    assert_eq!(served, Document::new().0);
}

/// What OpenAPI 3.1 demands and generators rely on.
#[test]
fn the_document_is_valid() {
    let document = Document::new();
    assert_eq!(document.0["openapi"], "3.1.0");
    let operations = document.operations();
    let ids: BTreeSet<_> = operations.iter().map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len(), "an operationId stands twice");
    for (method, path, operation) in operations {
        let name = format!("{method} {path}");
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let of_path: Vec<_> = parameters.filter(|parameter| parameter["in"] == "path").collect();
        assert!(of_path.iter().all(|parameter| parameter["required"] == true), "{name}");
        let declared: BTreeSet<_> = of_path.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let named: BTreeSet<_> = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, named, "{name}");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')) && answers.contains_key("default"), "{name}");
        assert!(answers.values().all(|answer| answer["description"].as_str().is_some_and(|text| !text.is_empty())), "{name}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn visit(document: &Document, value: &Value) {
        if value["$ref"].is_string() {
            document.resolve(value);
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|value| visit(document, value)),
            Value::Array(items) => items.iter().for_each(|value| visit(document, value)),
            _ => {}
        }
    }
    let document = Document::new();
    visit(&document, &document.0);
}

/// Whether a value is what the schema says; whatever it does not mention is wrong too.
pub(super) fn differences(document: &Document, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let resolved = document.resolve(schema);
    let expected = document.type_of(schema);
    let fits = match (expected, value) {
        (_, Value::Null) => document.may_be_null(schema),
        ("any", _) | ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("array", Value::Array(_)) => true,
        ("number", Value::Number(_)) | ("object", Value::Object(_)) => true,
        ("integer", Value::Number(number)) => number.is_i64(),
        _ => false,
    };
    if !fits {
        found.push(format!("{at}: expected {expected}, found {value}"));
        return;
    }
    if let Some(allowed) = resolved["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        found.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    if let Value::Array(items) = value {
        for item in items {
            differences(document, &resolved["items"], item, &format!("{at}[]"), found);
        }
    }
    let Value::Object(members) = value else { return };
    let (fields, required) = document.fields(schema);
    if fields.is_empty() {
        return;
    }
    for (name, value) in members {
        match fields.get(name.as_str()) {
            Some(schema) => differences(document, schema, value, &format!("{at}.{name}"), found),
            None => found.push(format!("{at}.{name} is not in the document")),
        }
    }
    found.extend(required.iter().filter(|name| !members.contains_key(**name)).map(|name| format!("{at}.{name} is missing")));
}

/// What an entity's own routes answer, by operation: made, searched with all that can be embedded, listed, read, changed, archived.
async fn answers_of<'a>(client: &Client, document: &'a Document, world: &World, entity: &Entity) -> Vec<(&'a str, Answer)> {
    let base = format!("/v1/{}", entity.path);
    let mut requests = Vec::new();
    if let Some(search) = &entity.search {
        let mut query = (search.everything)();
        query["expand"] = search.expand.into();
        requests.push((Method::POST, format!("{base}/search"), format!("{base}/search"), query));
    }
    if entity.listed {
        requests.push((Method::GET, base.clone(), base.clone(), json!({})));
    }
    if let Made::Posted(body, _) = &entity.made {
        requests.push((Method::POST, base.clone(), base.clone(), body(world, "posted")));
        let one = world.another_id(entity, "one more").await;
        let (template, path) = (format!("{base}/{{id}}"), format!("{base}/{one}"));
        requests.extend(document.find(&Method::GET, &template).map(|_| (Method::GET, template.clone(), path.clone(), json!({}))));
        requests.extend(entity.change.map(|change| (Method::PUT, template.clone(), path.clone(), change())));
        requests.extend(entity.archived.then(|| (Method::DELETE, template, path, json!({}))));
    } else {
        requests.push((Method::GET, format!("{base}/{{id}}"), format!("{base}/{}", world.id(entity.path)), json!({})));
    }
    let mut answers = Vec::new();
    for (method, template, path, body) in requests {
        let operation = document.operation_at(&method, &template)["operationId"].as_str().unwrap();
        answers.push((operation, client.send(method, &path, body.to_string()).await));
    }
    answers
}

#[tokio::test]
async fn answers_are_as_documented() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer_with("acme", json!({"metadata": {"a": "b"}})).await;
    let group = client.post("/v1/groups", &json!({"name": "g", "lookup_key": "g", "entity_type": "price"})).await.expect(201);
    let plan = client.plan("basic").await;
    let meter = client.metered("api", json!({"type": "SUM", "field": "n"}), json!([{"key": "k", "values": ["v"]}])).await;
    let tiers = json!([{"up_to": 10, "unit_amount": "1", "flat_amount": "2"}, {"unit_amount": "0.5"}]);
    let tiered = json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers, "group_id": group["id"], "lookup_key": "t"});
    client.price(usage_price(&plan, &meter, tiered)).await;
    client.price(fixed_price(&plan, "10", "ADVANCE", json!({"min_quantity": 2, "end_date": "2030-01-01T00:00:00Z"}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({"end_date": "2025-12-01T00:00:00Z"})).await;
    client.send_events(&[event("e", "api", "acme", "2025-01-02T00:00:00Z", json!({"n": 12.5, "k": "v"}))]).await;
    client.advance("2025-02-02T00:00:00Z").await;
    let subscription = made["id"].as_str().unwrap();
    let invoice = client.invoices(subscription).await.remove(1)["id"].as_str().unwrap().to_owned();
    let january = |with: Value| {
        let mut body = json!({
            "external_customer_id": "acme", "start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z", "window_size": "DAY",
        });
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        body
    };
    let expanded = january(json!({"expand": ["price", "meter", "feature", "subscription_line_item"]}));
    let counted = january(json!({"event_name": "api", "aggregation_type": "COUNT"}));
    let of_subscription = json!({ "subscription_id": subscription });
    let cancel = json!({"cancellation_type": "end_of_period", "reason": "r"});
    let key = json!({"name": "k", "type": "private_key", "expires_at": "2030-01-01T00:00:00Z"});
    let mut answers: Vec<(&str, Answer)> = vec![
        ("getSubscriptionV2", client.get(&format!("/v1/subscriptions/{subscription}/v2?expand=plan,customer")).await),
        ("getSubscriptionUsage", client.post("/v1/subscriptions/usage", &of_subscription).await),
        ("getInvoicePreview", client.post("/v1/invoices/preview", &of_subscription).await),
        ("explainInvoice", client.get(&format!("/v1/invoices/{invoice}/explanation")).await),
        ("getUsageAnalytics", client.post("/v1/events/analytics", &expanded).await),
        ("getUsageStatistics", client.post("/v1/events/usage", &counted).await),
        ("getUsageByMeter", client.post("/v1/events/usage/meter", &json!({"meter_id": meter.meter_id})).await),
        ("listRawEvents", client.post("/v1/events/query", &json!({"start_time": "2025-01-01T00:00:00Z"})).await),
        ("listEnvironments", client.get("/v1/environments").await),
        ("getEnvironmentClock", client.get(&format!("/v1/environments/{}/clock", testkit::SANDBOX)).await),
        ("getSetting", client.get("/v1/settings/invoice_config").await),
        ("createApiKey", client.post("/v1/secrets/api/keys", &key).await),
        ("cancelSubscription", client.post(&format!("/v1/subscriptions/{subscription}/cancel"), &cancel).await),
    ];
    let document = Document::new();
    let world = World::fill(&client, "other").await;
    for entity in ENTITIES {
        answers.extend(answers_of(&client, &document, &world, entity).await);
    }
    let mut found = Vec::new();
    for (id, answer) in answers {
        let operation = document.operation(id);
        match document.response(operation) {
            Some(schema) => differences(&document, schema, &answer.ok(), id, &mut found),
            None => assert_eq!(answer.ok(), Value::Null, "{id}"),
        }
    }
    let create = document.operation("createSubscription");
    differences(&document, document.response(create).unwrap(), &made, "createSubscription", &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

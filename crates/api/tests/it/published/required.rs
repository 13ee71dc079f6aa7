//! The document marks a field as required exactly where a request without it is refused.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use testkit::{ENTITIES, Made, TestApp, World, fixed_price};

use super::document::Document;

/// What is refused without, and yet not always required: another field may take its place, or it goes with the value of another.
const IN_THIS_CASE: [&str; 10] = [
    "/v1/customers/search filters.value.string",
    "/v1/entitlements plan_id",
    "/v1/features meter",
    "/v1/meters aggregation.expression",
    "/v1/prices amount",
    "/v1/prices tier_mode",
    "/v1/prices tiers",
    "/v1/prices tiers.up_to",
    "/v1/prices/bulk items.amount",
    "/v1/subscriptions customer_id",
];

/// A request that is accepted, with its body out of a name that nothing else has.
struct Accepted<'a> {
    method: Method,
    template: String,
    path: String,
    body: Box<dyn Fn(&str) -> Value + 'a>,
}

fn accepted<'a>(method: Method, template: &str, path: &str, body: impl Fn(&str) -> Value + 'a) -> Accepted<'a> {
    Accepted { method, template: template.to_owned(), path: path.to_owned(), body: Box::new(body) }
}

fn posted<'a>(path: &str, body: impl Fn(&str) -> Value + 'a) -> Accepted<'a> {
    accepted(Method::POST, path, path, body)
}

/// Each member of a body, as a JSON pointer, and whether the document says that it is required.
fn members(document: &Document, schema: &Value, body: &Value, at: &str, found: &mut Vec<(String, bool)>) {
    match body {
        Value::Array(items) => {
            let schema = &document.resolve(schema)["items"];
            items.iter().enumerate().for_each(|(index, item)| members(document, schema, item, &format!("{at}/{index}"), found));
        }
        Value::Object(fields) => {
            let (known, required) = document.fields(schema);
            for (name, value) in fields {
                let Some(schema) = known.get(name.as_str()) else { continue };
                let at = format!("{at}/{name}");
                members(document, schema, value, &at, found);
                found.push((at, required.contains(name.as_str())));
            }
        }
        _ => {}
    }
}

fn without(mut body: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    body
}

/// The requests that make and change things, and those with the deepest bodies.
fn requests(world: &World) -> Vec<Accepted<'_>> {
    let mut requests = Vec::new();
    for entity in ENTITIES {
        let base = format!("/v1/{}", entity.path);
        if let Made::Posted(body, _) = &entity.made {
            requests.push(posted(&base, |name| body(world, name)));
        }
        let path = format!("{base}/{}", world.id(entity.path));
        requests.extend(entity.change.map(|change| accepted(Method::PUT, &format!("{base}/{{id}}"), &path, move |_| change())));
    }
    let price = |with: Value| fixed_price(world.id("plans"), "1", "ADVANCE", with);
    let tiered = move || {
        let tiers = json!([{"up_to": 5, "unit_amount": "1", "flat_amount": "1"}, {"unit_amount": "1"}]);
        price(json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers}))
    };
    let condition = || json!({"field": "email", "operator": "eq", "data_type": "string", "value": {"string": "x"}});
    let subscription = || json!({"subscription_id": world.id("subscriptions")});
    let aggregation = || json!({"type": "SUM", "expression": "a * b"});
    let filters = || json!([{"key": "k", "values": ["v"]}]);
    let unit = || json!({"unit_singular": "k", "unit_plural": "ks", "conversion_rate": "1000"});
    requests.extend([
        posted("/v1/customers/search", move |_| json!({"filters": [condition()]})),
        posted("/v1/environments", |name| json!({"name": name, "type": "development"})),
        posted("/v1/features", move |name| json!({"name": name, "type": "boolean", "reporting_unit": unit()})),
        posted("/v1/invoices/preview", move |_| subscription()),
        posted("/v1/meters", move |name| {
            json!({"name": name, "event_name": name, "aggregation": aggregation(), "reset_usage": "NEVER", "filters": filters()})
        }),
        posted("/v1/prices", move |_| tiered()),
        posted("/v1/prices/bulk", move |_| json!({"items": [price(json!({}))]})),
        posted("/v1/subscriptions/usage", move |_| subscription()),
    ]);
    requests
}

#[tokio::test]
async fn what_is_required_is_what_is_refused_without() {
    let app = TestApp::start().await;
    let client = app.client();
    let world = World::fill(&client, "made").await;
    let document = Document::new();
    let (mut unmarked, mut marked, mut count) = (BTreeSet::new(), BTreeSet::new(), 0);
    for Accepted { method, template, path, body } in requests(&world) {
        let operation = document.operation_at(&method, &template);
        let whole = body(&format!("whole{count}"));
        let mut places = Vec::new();
        members(&document, document.request(operation).unwrap(), &whole, "", &mut places);
        let answer = client.send(method.clone(), &path, whole.to_string()).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.body);
        for (pointer, is_required) in places {
            count += 1;
            let answer = client.send(method.clone(), &path, without(body(&format!("n{count}")), &pointer).to_string()).await;
            let is_refused = (400..500).contains(&answer.status);
            assert!(is_refused || answer.status < 300, "{method} {path} without {pointer}: {}", answer.body);
            let field = pointer.split('/').filter(|part| !part.is_empty() && part.parse::<u32>().is_err()).collect::<Vec<_>>().join(".");
            if is_refused && !is_required {
                unmarked.insert(format!("{template} {field}"));
            }
            if is_required && !is_refused {
                marked.insert(format!("{template} {field}: {}", answer.body));
            }
        }
    }
    assert!(count > 80, "{count}");
    assert!(marked.is_empty(), "marked as required, yet accepted without:\n{marked:#?}");
    let unmarked: BTreeSet<&str> = unmarked.iter().map(String::as_str).collect();
    assert_eq!(unmarked, BTreeSet::from(IN_THIS_CASE), "refused without, yet not marked: add #[schema(required = true)]");
}

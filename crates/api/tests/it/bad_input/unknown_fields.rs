//! Fields that a request should not have: a misspelt `end_date` must not pass and bill wrongly.

use api::{ApiSettings, UnknownFields};
use serde_json::{Value, json};
use testkit::{Answer, Client, TestApp, event, fixed_price};

const HEADER: &str = "x-flexprice-ignored-fields";

async fn lenient() -> TestApp {
    TestApp::start_with(ApiSettings { unknown_fields: UnknownFields::Ignore, ..ApiSettings::default() }).await
}

/// Field and nearest name of each fault.
fn faults(answer: &Value) -> Vec<(String, String)> {
    let details = &answer["details"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |fault: &Value| (text(&fault["field"]), text(&fault["nearest"]));
    let mut faults: Vec<_> = match details["errors"].as_array() {
        Some(errors) => errors.iter().map(of).collect(),
        None => vec![of(details)],
    };
    faults.sort();
    faults
}

fn named(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|(field, nearest)| ((*field).to_owned(), (*nearest).to_owned())).collect()
}

async fn misspelt_price(client: &Client) -> Answer {
    let plan = client.plan("basic").await;
    client.post("/v1/prices", &fixed_price(&plan, "1", "ADVANCE", json!({"end_dat": "2025-02-01T00:00:00Z"}))).await
}

#[tokio::test]
async fn a_misspelt_field_is_refused_with_the_nearest_name() {
    let app = TestApp::start().await;
    let refused = misspelt_price(&app.client()).await.invalid();
    assert_eq!(refused["message"], "unknown field `end_dat`; did you mean `end_date`?");
    assert_eq!(refused["details"], json!({"field": "end_dat", "nearest": "end_date"}));
    assert_eq!(app.client().get("/v1/prices").await.ok()["pagination"]["total"], 0);
}

#[tokio::test]
async fn all_unknown_fields_of_a_body_are_named_at_once_with_their_paths() {
    let app = TestApp::start().await;
    let client = app.client();
    let plan = client.plan("basic").await;
    let price = |with| fixed_price(&plan, "1", "ADVANCE", with);
    let tiered = json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": [{"up_to": 1, "unit_amount": "1"}, {"unit_amont": "1"}]});
    let items = json!([price(json!({"minimum_amount": "5"})), price(json!({})), price(tiered)]);
    let refused = client.post("/v1/prices/bulk", &json!({"items": items, "dry": true})).await.invalid();
    let expected = named(&[("dry", ""), ("items[0].minimum_amount", ""), ("items[2].tiers[1].unit_amont", "unit_amount")]);
    assert_eq!(faults(&refused), expected, "{refused}");
    let nested = json!({"name": "f", "type": "metered", "meter": {"name": "m", "eventName": "e", "aggregation": {"typ": "SUM"}}});
    let refused = client.post("/v1/features", &nested).await.invalid();
    assert_eq!(faults(&refused), named(&[("meter.aggregation.typ", "type"), ("meter.eventName", "event_name")]), "{refused}");
}

/// Filters are flattened: their common fields and their own stand side by side.
#[tokio::test]
async fn lists_know_their_fields_and_parameters() {
    let app = TestApp::start().await;
    let client = app.client();
    let filter = json!({"limits": 5, "plan_id": "p", "sort": [{"feild": "id"}], "filters": [{"field": "id", "operater": "eq"}]});
    let refused = client.post("/v1/prices/search", &filter).await.invalid();
    let expected = [("filters[0].operater", "operator"), ("limits", "limit"), ("plan_id", "plan_ids"), ("sort[0].feild", "field")];
    assert_eq!(faults(&refused), named(&expected), "{refused}");
    let refused = client.get("/v1/customers?emial=a@b.example&limit=5&color=red").await.invalid();
    assert_eq!(faults(&refused), named(&[("color", ""), ("emial", "email")]), "{refused}");
    for path in ["/v1/events?event=x", "/v1/environments?page=2", "/v1/secrets/api/keys?page=2", "/v1/subscriptions/s/v2?expnd=plan"] {
        client.get(path).await.invalid();
    }
}

#[tokio::test]
async fn a_parameter_that_is_a_list_is_named_several_times() {
    let app = TestApp::start().await;
    let client = app.client();
    let (one, two) = (client.customer("one").await, client.customer("two").await);
    client.customer("three").await;
    let found = client.get(&format!("/v1/customers?customer_ids={one}&customer_ids={two}&limit=7&status=")).await.ok();
    assert_eq!((&found["pagination"]["total"], &found["pagination"]["limit"]), (&json!(2), &json!(7)));
    client.get("/v1/customers?limit=1&limit=2").await.invalid();
    let refused = client.get("/v1/customers?limit=many").await.invalid();
    assert_eq!(refused["details"]["field"], "limit", "{refused}");
}

#[tokio::test]
async fn a_lenient_server_ignores_them_and_names_them() {
    let app = lenient().await;
    let client = app.client();
    let made = misspelt_price(&client).await;
    assert_eq!(made.header(HEADER), "end_dat");
    assert!(made.expect(201).get("end_date").is_none());
    let plain = client.get("/v1/customers?limit=5").await;
    assert!(plain.headers.get(HEADER).is_none());
    assert_eq!(client.get("/v1/customers?limit=5&color=red").await.header(HEADER), "color");
    // What is wrong is refused as ever.
    client.post("/v1/customers", &json!({"external_id": 1, "name": "n", "nickname": "x"})).await.invalid();
    let members: serde_json::Map<_, _> = (0..5000).map(|number| (format!("field_{number}"), Value::Null)).collect();
    let mut body = json!({"external_id": "e", "name": "n"});
    body.as_object_mut().unwrap().extend(members);
    let made = client.post("/v1/customers", &body).await;
    assert!((1..=1003).contains(&made.header(HEADER).len()), "{}", made.header(HEADER));
    made.expect(201);
}

/// The hot path stays as lenient as it was, whatever is set, and says so.
#[tokio::test]
async fn events_ignore_and_name_them() {
    for app in [TestApp::start().await, lenient().await] {
        let client = app.client();
        let mut sent = event("e1", "api", "acme", "2025-01-01T00:00:00Z", json!({"any": 1}));
        sent["Colour"] = json!("red");
        let one = client.post("/v1/events", &sent).await;
        assert_eq!(one.header(HEADER), "colour");
        one.expect(202);
        let mut other = event("e2", "api", "acme", "2025-01-01T00:00:00Z", json!({}));
        other["colour"] = json!("red");
        other["size"] = json!(1);
        let many = client.post("/v1/events/bulk", &json!({"events": [sent, other], "batch": 7})).await;
        assert_eq!(many.header(HEADER), "batch,events[].colour,events[].size");
        many.expect(202);
        let plain = client.post("/v1/events", &event("e3", "api", "acme", "2025-01-01T00:00:00Z", json!({}))).await;
        assert!(plain.headers.get(HEADER).is_none());
    }
}

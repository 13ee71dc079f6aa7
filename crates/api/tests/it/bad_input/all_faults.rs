//! All that is wrong with a request, at once, and the facts of each error: field, value, allowed values, limit, id (ADR 0015).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{TestApp, fixed_price};

/// The fields that an error names.
fn fields(refused: &Value) -> BTreeSet<&str> {
    let details = &refused["details"];
    let of = |fault: &'_ Value| -> Option<String> { fault["field"].as_str().map(str::to_owned) };
    match details["errors"].as_array() {
        Some(errors) => {
            assert!(errors.iter().all(|fault| of(fault).is_some() && fault["message"].is_string()), "{refused}");
            assert_eq!(details["field"], errors[0]["field"], "{refused}");
            errors.iter().filter_map(|fault| fault["field"].as_str()).collect()
        }
        None => details["field"].as_str().into_iter().collect(),
    }
}

/// Requests with the fields that their refusal names.
type Faulty = (&'static str, Value, &'static [&'static str]);

fn faulty_prices(plan: &str) -> Vec<Faulty> {
    let price = |with: Value| fixed_price(plan, "1", "ADVANCE", with);
    vec![
        // Values that do not fit and unknown fields are told of together.
        (
            "/v1/prices",
            price(json!({"amount": "much", "billing_model": "FLAT", "billing_period_count": 1.5, "metdata": {}})),
            &["amount", "billing_model", "billing_period_count", "metdata"],
        ),
        (
            "/v1/prices",
            json!({"entity_id": plan, "currency": "US"}),
            &["billing_model", "billing_period", "currency", "entity_type", "invoice_cadence", "type"],
        ),
        (
            "/v1/prices",
            price(
                json!({"amount": "-1", "currency": "US", "billing_period_count": 0, "min_quantity": -1, "end_date": "2000-01-01T00:00:00Z"}),
            ),
            &["amount", "billing_period_count", "currency", "end_date", "min_quantity"],
        ),
        (
            "/v1/prices",
            price(
                json!({"type": "USAGE", "billing_model": "TIERED", "tiers": [{"up_to": 5, "unit_amount": "-1"}, {"up_to": 3}, {"up_to": 9, "unit_amount": "1"}]}),
            ),
            &[
                "invoice_cadence",
                "meter_id",
                "tier_mode",
                "tiers[0].unit_amount",
                "tiers[1].unit_amount",
                "tiers[1].up_to",
                "tiers[2].up_to",
            ],
        ),
        (
            "/v1/prices/bulk",
            json!({"items": [price(json!({"amount": "-1"})), price(json!({})), price(json!({"currency": "", "billing_period_count": 0}))]}),
            &["items[0].amount", "items[2].billing_period_count", "items[2].currency"],
        ),
    ]
}

fn faulty_things(plan: &str) -> Vec<Faulty> {
    vec![
        ("/v1/plans", json!({"name": 1, "display_order": "first", "lookup": "x"}), &["display_order", "lookup", "name"]),
        (
            "/v1/features",
            json!({
                "name": " ", "unit_plural": "calls", "reporting_unit": {"unit_singular": "k"}, "alert_settings": {"alert_enabled": true},
                "meter": {"name": "", "event_name": "", "filters": [{"key": "k", "values": []}]}, "type": "metered",
            }),
            &[
                "alert_settings.alert_enabled",
                "meter.aggregation.type",
                "meter.reset_usage",
                "name",
                "reporting_unit",
                "reporting_unit.conversion_rate",
                "unit_singular",
            ],
        ),
        (
            "/v1/meters",
            json!({
                "name": "", "event_name": "", "reset_usage": "NEVER", "filters": [{"key": "k", "values": ["v"]}, {"key": "", "values": []}],
                "aggregation": {"type": "COUNT", "bucket_size": "HOUR", "group_by": "x"},
            }),
            &["aggregation.bucket_size", "aggregation.group_by", "event_name", "filters[1]", "name"],
        ),
        (
            "/v1/customers",
            json!({"external_id": "", "name": "", "email": "nobody", "address_country": "Germany", "timezone": "Mars", "contact": "1".repeat(21)}),
            &["address_country", "contact", "email", "external_id", "name", "timezone"],
        ),
        (
            "/v1/subscriptions",
            json!({
                "external_customer_id": "acme", "plan_id": plan, "currency": "US", "billing_period": "ONETIME", "billing_period_count": -1,
                "billing_cycle": "calendar", "billing_anchor": "2025-01-01T00:00:00Z", "end_date": "2001-01-01T00:00:00Z",
                "collection_method": "by_hand", "commitment_amount": "-1",
            }),
            &["billing_anchor", "billing_period", "billing_period_count", "collection_method", "commitment_amount", "currency", "end_date"],
        ),
    ]
}

#[tokio::test]
async fn one_answer_names_every_fault_of_a_body() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ADVANCE", json!({}))).await;
    let before = client.dump().await;
    for (path, body, expected) in faulty_prices(&plan).into_iter().chain(faulty_things(&plan)) {
        let refused = client.post(path, &body).await.invalid();
        assert_eq!(fields(&refused), expected.iter().copied().collect(), "{path} {refused}");
    }
    assert_eq!(client.dump().await, before);
}

#[tokio::test]
async fn a_word_of_none_that_are_allowed_is_answered_with_those() {
    let app = TestApp::start().await;
    let client = app.client();
    let plan = client.plan("basic").await;
    let refused = client.post("/v1/prices", &fixed_price(&plan, "1", "ADVANCE", json!({"billing_period": "MONTH"}))).await.invalid();
    let allowed = "MONTHLY, ANNUAL, WEEKLY, DAILY, QUARTERLY, HALF_YEARLY, ONETIME";
    let sorted = |text: &str| text.split(", ").map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(refused["details"]["allowed"].as_str().unwrap()), sorted(allowed), "{refused}");
    assert_eq!((&refused["details"]["field"], &refused["details"]["value"]), (&json!("billing_period"), &json!("MONTH")));
    let meter = json!({"name": "m", "event_name": "e", "aggregation": {"type": "TOTAL"}, "reset_usage": "NEVER"});
    for (path, body) in [
        ("/v1/meters", meter),
        ("/v1/meters", json!({"name": "m", "event_name": "e", "aggregation": {}, "reset_usage": "NEVER"})),
        ("/v1/events/usage", json!({"event_name": "e", "aggregation_type": "TOTAL"})),
        ("/v1/features", json!({"name": "f"})),
        ("/v1/customers/search", json!({"sort": [{"field": "mood"}]})),
        ("/v1/secrets/api/keys", json!({"name": "k", "type": "secret"})),
        ("/v1/environments", json!({"name": "e", "type": "staging"})),
    ] {
        let refused = client.post(path, &body).await.invalid();
        assert!(refused["details"]["allowed"].as_str().is_some_and(|allowed| !allowed.is_empty()), "{path} {refused}");
        assert!(refused["details"]["field"].is_string(), "{path} {refused}");
    }
}

#[tokio::test]
async fn what_is_not_found_and_what_is_in_the_way_is_named() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("acme").await;
    client.plan("basic").await;
    let missing = client.get("/v1/customers/cust_none").await.not_found();
    assert_eq!(missing["details"], json!({"entity": "customer", "id": "cust_none"}));
    let missing = client.get("/v1/customers/external/nobody").await.not_found();
    assert_eq!(missing["details"]["id"], "nobody");
    let taken = client.post("/v1/customers", &json!({"external_id": "acme", "name": "Again"})).await.refused(409, "already_exists");
    assert_eq!(taken["details"], json!({"field": "external_id", "value": "acme"}));
    let plan = json!({"name": "Again", "lookup_key": "unique"});
    client.post("/v1/plans", &plan).await.expect(201);
    let taken = client.post("/v1/plans", &plan).await.refused(409, "already_exists");
    assert_eq!(taken["details"], json!({"field": "lookup_key", "value": "unique"}));
}

#[tokio::test]
async fn a_limit_is_named_with_the_value_beyond_it() {
    let app = TestApp::start().await;
    let client = app.client();
    let refused = client.get("/v1/plans?limit=1001").await.invalid();
    assert_eq!(refused["details"], json!({"field": "limit", "value": "1001", "limit": "1000"}));
    let refused = client.post("/v1/customers", &json!({"external_id": "c", "name": "n".repeat(256)})).await.invalid();
    assert_eq!(refused["details"], json!({"field": "name", "limit": "255"}));
    let long = json!({"event_name": "n".repeat(5000), "external_customer_id": "c"});
    let refused = client.post("/v1/events", &long).await.invalid();
    assert_eq!(refused["details"]["field"], "event_name", "{refused}");
    assert!(refused["details"]["limit"].is_string(), "{refused}");
}

/// However many faults there are, the answer stays short.
#[tokio::test]
async fn an_answer_names_a_bounded_number_of_faults() {
    let app = TestApp::start().await;
    let client = app.client();
    let plan = client.plan("basic").await;
    let items: Vec<_> =
        (0..100).map(|_| fixed_price(&plan, "-1", "ADVANCE", json!({"currency": "?", "billing_period_count": 0}))).collect();
    let refused = client.post("/v1/prices/bulk", &json!({ "items": items })).await.invalid();
    assert_eq!(refused["details"]["errors"].as_array().unwrap().len(), 20, "{refused}");
    assert!(refused["message"].as_str().unwrap().starts_with("300 things are wrong"), "{refused}");
    let items: Vec<_> = (0..100).map(|_| json!({"a": 1, "b": 2, "amount": true})).collect();
    let refused = client.post("/v1/prices/bulk", &json!({ "items": items })).await.invalid();
    assert!(refused["details"]["errors"].as_array().unwrap().len() <= 20, "{refused}");
}

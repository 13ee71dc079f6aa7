//! Features, meters, plans, groups and prices that break a rule (spec 10 §7, 20 §§3-5).

use http::Method;
use serde_json::{Value, json};
use testkit::{Metered, TestApp, fixed_price, usage_price};

use crate::refusals::{Refused, assert_refused, post};

#[tokio::test]
async fn meters_and_features_that_measure_nothing_are_refused() {
    let app = TestApp::start().await;
    let meter = |aggregation: Value, filters: Value, reset: Value| json!({"name": "m", "event_name": "api", "aggregation": aggregation, "filters": filters, "reset_usage": reset});
    let (count, none, reset) = (json!({"type": "COUNT"}), json!([]), json!("BILLING_PERIOD"));
    let sum = |field: &str| json!({"type": "SUM", "field": field});
    let mut table = Vec::new();
    for (why, body) in [
        ("no aggregation", json!({"name": "m", "event_name": "api", "reset_usage": "BILLING_PERIOD"})),
        ("no field", meter(json!({"type": "SUM"}), none.clone(), reset.clone())),
        ("no field", meter(sum(""), none.clone(), reset.clone())),
        ("no reset_usage", meter(count.clone(), none.clone(), Value::Null)),
        ("an unknown reset_usage", meter(count.clone(), none.clone(), json!("SOMETIMES"))),
        ("a filter without key", meter(count.clone(), json!([{"key": "", "values": ["x"]}]), reset.clone())),
        ("a filter without values", meter(count.clone(), json!([{"key": "k", "values": []}]), reset.clone())),
        ("no multiplier", meter(json!({"type": "SUM_WITH_MULTIPLIER", "field": "n"}), none.clone(), reset.clone())),
        ("a multiplier of 0", meter(json!({"type": "SUM_WITH_MULTIPLIER", "field": "n", "multiplier": "0"}), none.clone(), reset)),
    ] {
        table.push(post(why, "/v1/meters", &body));
        table.push(post(why, "/v1/features", &json!({"name": "f", "type": "metered", "meter": body})));
    }
    let mut blank = meter(count, none, json!("BILLING_PERIOD"));
    blank["event_name"] = json!("  ");
    table.push(post("a blank event name", "/v1/meters", &blank));
    table.push(post("a metered feature without meter", "/v1/features", &json!({"name": "f", "type": "metered"})));
    table.push(post("no name", "/v1/features", &json!({"type": "boolean"})));
    table.push(post("no type", "/v1/features", &json!({"name": "f"})));
    table.push(post("half a unit", "/v1/features", &json!({"name": "f", "type": "boolean", "unit_singular": "token"})));
    table.push(post("no name", "/v1/plans", &json!({"lookup_key": "p"})));
    table.push(post("no name", "/v1/groups", &json!({"entity_type": "price", "lookup_key": "g"})));
    table.push(post("no type", "/v1/groups", &json!({"name": "g", "lookup_key": "g"})));
    assert_refused(&app.client(), table).await;
}

#[tokio::test]
async fn a_lookup_key_is_taken_once() {
    let app = TestApp::start().await;
    let client = app.client();
    let plan = client.plan("gold").await;
    let other = client.plan("silver").await;
    client.post("/v1/features", &json!({"name": "f", "type": "boolean", "lookup_key": "f"})).await.expect(201);
    client.post("/v1/groups", &json!({"name": "g", "entity_type": "price", "lookup_key": "g"})).await.expect(201);
    let keyed = fixed_price(&plan, "1", "ARREAR", json!({"lookup_key": "fee"}));
    client.price(keyed.clone()).await;
    let taken = |path: &str, body: &Value| post("taken", path, body).with(409, "already_exists");
    let table = vec![
        taken("/v1/plans", &json!({"name": "x", "lookup_key": "gold"})),
        taken(&format!("/v1/plans/{other}"), &json!({"lookup_key": "gold"})).by(Method::PUT),
        taken(&format!("/v1/plans/{other}/clone"), &json!({"name": "x", "lookup_key": "gold"})),
        taken("/v1/features", &json!({"name": "x", "type": "boolean", "lookup_key": "f"})),
        taken("/v1/groups", &json!({"name": "x", "entity_type": "price", "lookup_key": "g"})),
        taken("/v1/prices", &keyed),
        taken("/v1/prices/bulk", &json!({"items": [fixed_price(&plan, "2", "ARREAR", json!({})), keyed]})),
    ];
    assert_refused(&client, table).await;
}

fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field);
    body
}

fn refused_prices(plan: &str, meter: &Metered) -> Vec<Refused> {
    let usage = |with: Value| usage_price(plan, meter, with);
    let fixed = |with: Value| fixed_price(plan, "10", "ARREAR", with);
    let tiered = |tiers: Value| usage(json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers}));
    let open = json!({"unit_amount": "1"});
    let to = |up_to: i64| json!({"up_to": up_to, "unit_amount": "1"});
    let mut cases = vec![
        ("two letters", usage(json!({"currency": "US"}))),
        ("four letters", usage(json!({"currency": "USDX"}))),
        ("digits", usage(json!({"currency": "U5D"}))),
        ("no currency", without(usage(json!({})), "currency")),
        ("no amount", without(usage(json!({})), "amount")),
        ("no amount", without(usage(json!({"billing_model": "PACKAGE", "transform_quantity": {"divide_by": 10}})), "amount")),
        ("a negative amount", usage(json!({"amount": "-1"}))),
        ("a package of unknown size", usage(json!({"billing_model": "PACKAGE"}))),
        ("a transform of a flat fee", usage(json!({"transform_quantity": {"divide_by": 10}}))),
        (
            "a transform of tiers",
            usage(
                json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": [{"unit_amount": "1"}], "transform_quantity": {"divide_by": 10}}),
            ),
        ),
        ("a package of 0", usage(json!({"billing_model": "PACKAGE", "transform_quantity": {"divide_by": 0}}))),
        ("usage in advance", usage(json!({"invoice_cadence": "ADVANCE"}))),
        ("usage without meter", usage(json!({"meter_id": ""}))),
        ("min_quantity of usage", usage(json!({"min_quantity": 1}))),
        ("no tiers", tiered(json!([]))),
        ("no tier_mode", without(tiered(json!([open])), "tier_mode")),
        ("no open tier", tiered(json!([to(10), to(20)]))),
        ("an open tier in the middle", tiered(json!([to(10), open, to(20)]))),
        ("two open tiers", tiered(json!([open, open]))),
        ("falling tiers", tiered(json!([to(20), to(10), open]))),
        ("equal tiers", tiered(json!([to(10), to(10), open]))),
        ("a tier up to 0", tiered(json!([to(0), open]))),
        ("a tier up to -1", tiered(json!([to(-1), open]))),
        ("a tier without rate", tiered(json!([{"up_to": null}]))),
        ("a negative rate", tiered(json!([{"unit_amount": "-1"}]))),
        ("a negative flat amount", tiered(json!([{"unit_amount": "1", "flat_amount": "-1"}]))),
        ("once in arrear", fixed(json!({"billing_period": "ONETIME"}))),
        ("count 0", fixed(json!({"billing_period_count": 0}))),
        ("ends before it starts", fixed(json!({"end_date": "2019-12-31T00:00:00Z"}))),
        ("entity_type PRICE", fixed(json!({"entity_type": "PRICE"}))),
        ("a trial of usage", usage(json!({"trial_period_days": 7}))),
        ("more digits than are kept", fixed(json!({"amount": "0.0000000000000001"}))),
        ("a group that is none", fixed(json!({"group_id": "group_none"}))),
    ];
    for field in ["entity_type", "type", "billing_model", "billing_period", "invoice_cadence", "entity_id"] {
        cases.push(("a field is missing", without(fixed(json!({})), field)));
    }
    cases.into_iter().map(|(why, body)| post(why, "/v1/prices", &body)).collect()
}

#[tokio::test]
async fn prices_that_cannot_be_billed_are_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    let plan = client.plan("basic").await;
    let meter = client.counted("api").await;
    let mut table = refused_prices(&plan, &meter);
    // The same in bulk, after a good one: none is made.
    let good = fixed_price(&plan, "10", "ARREAR", json!({}));
    let in_bulk: Vec<_> = table
        .iter()
        .map(|case| {
            let bad: Value = serde_json::from_str(&case.body).unwrap();
            post(case.why, "/v1/prices/bulk", &json!({"items": [good, bad]}))
        })
        .collect();
    table.extend(in_bulk);
    table.push(post("no prices", "/v1/prices/bulk", &json!({"items": []})));
    table.push(post("101 prices", "/v1/prices/bulk", &json!({"items": vec![good; 101]})));
    let unknown = |with: Value| post("unknown", "/v1/prices", &usage_price(&plan, &meter, with)).with(404, "not_found");
    table.push(unknown(json!({"entity_id": "plan_none"})));
    table.push(unknown(json!({"meter_id": "meter_none"})));
    assert_refused(&client, table).await;
}

/// Spec 20 §16 no. 14, the refusals of it.
#[tokio::test]
async fn a_price_that_has_ended_is_not_changed_again() {
    let app = TestApp::start().await;
    let client = app.client();
    let plan = client.plan("basic").await;
    let id = client.price(fixed_price(&plan, "10", "ARREAR", json!({"start_date": "2025-01-01T00:00:00Z"}))).await;
    let path = format!("/v1/prices/{id}");
    let put = |why, body: Value| post(why, &path, &body).by(Method::PUT);
    let before = vec![
        put("effective_from alone", json!({"effective_from": "2025-03-01T00:00:00Z"})),
        put("before its start", json!({"amount": "9", "effective_from": "2024-12-31T00:00:00Z"})),
    ];
    assert_refused(&client, before).await;
    let successor = client.put(&path, &json!({"amount": "9", "effective_from": "2025-03-01T00:00:00Z"})).await.expect(200);
    assert_eq!((successor["parent_price_id"].as_str(), successor["amount"].as_str()), (Some(id.as_str()), Some("9")));
    let after = vec![
        put("it has ended", json!({"amount": "8"})),
        post("it has ended", &path, &json!({})).by(Method::DELETE),
        put("before its start", json!({"amount": "8", "effective_from": "2025-02-01T00:00:00Z"})),
    ];
    assert_refused(&client, after).await;
    client.put(&path, &json!({"description": "former"})).await.expect(200);
}

//! Events that break a rule (spec 10 §§1, 18).

use serde_json::{Value, json};
use testkit::TestApp;

use crate::refusals::{Refused, assert_refused, post, raw};

/// The same wrong event alone, and second of three.
fn alone_and_in_bulk(cases: Vec<(&'static str, Value)>) -> Vec<Refused> {
    let good = json!({"event_name": "api", "external_customer_id": "c1"});
    let pair = |(why, event): (&'static str, Value)| {
        let bulk = json!({"events": [good, event, good]});
        [post(why, "/v1/events", &event), post(why, "/v1/events/bulk", &bulk)]
    };
    cases.into_iter().flat_map(pair).collect()
}

/// No. 14 and 15 of spec 10 §18: one bad event, and none of its request is stored.
#[tokio::test]
async fn one_bad_event_refuses_the_whole_request() {
    let app = TestApp::start().await;
    let client = app.client();
    client.counted("api").await;
    let at = |timestamp: Value| json!({"event_name": "api", "external_customer_id": "c1", "timestamp": timestamp});
    let cases = vec![
        ("no name", json!({"external_customer_id": "c1"})),
        ("an empty name", json!({"event_name": "", "external_customer_id": "c1"})),
        ("a blank name", json!({"event_name": " \t ", "external_customer_id": "c1"})),
        ("no customer", json!({"event_name": "api"})),
        ("an empty customer", json!({"event_name": "api", "external_customer_id": ""})),
        ("an empty time", at(json!(""))),
        ("a time without zone", at(json!("2025-01-01T00:00:00"))),
        ("a day", at(json!("2025-01-01"))),
        ("seconds since 1970", at(json!(1_735_689_600))),
        ("seconds since 1970 as text", at(json!("1735689600"))),
        ("a day that is none", at(json!("2025-02-30T00:00:00Z"))),
        ("before 1970", at(json!("1969-12-31T23:59:59Z"))),
        ("after 2106", at(json!("2107-01-01T00:00:00Z"))),
        ("properties that are no object", json!({"event_name": "api", "external_customer_id": "c1", "properties": "x"})),
    ];
    let mut table = alone_and_in_bulk(cases);
    let event = json!({"event_name": "api", "external_customer_id": "c1"});
    table.push(post("no events", "/v1/events/bulk", &json!({"events": []})));
    table.push(post("no events", "/v1/events/bulk", &json!({})));
    table.push(post("null", "/v1/events/bulk", &json!({"events": null})));
    table.push(post("1001 events", "/v1/events/bulk", &json!({"events": vec![event.clone(); 1001]})));
    table.push(raw("an empty body", "/v1/events/bulk", ""));
    table.push(raw("an empty body", "/v1/events", ""));
    assert_refused(&client, table).await;
    client.post("/v1/events/bulk", &json!({"events": vec![event; 1000]})).await.expect(202);
}

#[tokio::test]
async fn a_refusal_names_the_index_of_the_event() {
    let app = TestApp::start().await;
    let good = json!({"event_name": "api", "external_customer_id": "c1"});
    let bad = json!({"event_name": " ", "external_customer_id": "c1"});
    let answer = app.client().post("/v1/events/bulk", &json!({"events": [good, good, bad]})).await.invalid();
    assert_eq!(answer["details"]["index"], "2");
}

#[tokio::test]
async fn questions_about_usage_that_make_no_sense_are_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    let usage = |with: Value| {
        let mut body = json!({"event_name": "api", "aggregation_type": "SUM", "property_name": "n"});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        body
    };
    let times = json!({"start_time": "2025-02-01T00:00:00Z", "end_time": "2025-01-01T00:00:00Z"});
    let mut table = vec![
        post("unknown aggregation", "/v1/events/usage", &usage(json!({"aggregation_type": "MEDIAN"}))),
        post("no name", "/v1/events/usage", &usage(json!({"event_name": ""}))),
        post("a multiplier of a sum", "/v1/events/usage", &usage(json!({"multiplier": "2"}))),
        post("no meter", "/v1/events/usage/meter", &json!({})),
        post("unknown group", "/v1/events/analytics", &json!({"group_by": ["planet"]})),
        post("unknown order", "/v1/events/query", &json!({"order": "random"})),
        post("unknown sort", "/v1/events/query", &json!({"sort": "mood"})),
        post("a key that is none", "/v1/events/query", &json!({"iter_last_key": "yesterday"})),
        post("a negative offset", "/v1/events/query", &json!({"offset": -1})),
    ];
    table.push(post("end before start", "/v1/events/usage", &usage(times.clone())));
    table.push(post("end before start", "/v1/events/analytics", &times));
    table.push(post("end before start", "/v1/events/query", &times));
    assert_refused(&client, table).await;
}

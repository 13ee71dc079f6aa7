//! Sizes that nobody sends by day: served, or refused with words, and never the end of the process.

use http::Method;
use serde_json::{Map, Value, json};
use testkit::{TestApp, event};

use super::{meter, usage, usage_of_meter};

#[tokio::test]
async fn a_hundred_thousand_properties_are_metered() {
    let app = TestApp::start().await;
    let client = app.client();
    let id = meter(&client, "api", json!({"type": "SUM", "field": "k99999"}), json!({"filters": [{"key": "k0", "values": ["0"]}]})).await;
    let properties: Map<String, Value> = (0..100_000).map(|n| (format!("k{n}"), json!(n))).collect();
    client.send_events(&[event("wide", "api", "c1", "2025-01-05T00:00:00Z", Value::Object(properties))]).await;
    assert_eq!(usage(&client, json!({"aggregation_type": "SUM", "property_name": "k99999"})).await["value"], 99_999);
    assert_eq!(usage_of_meter(&client, &id, super::JANUARY.0, super::JANUARY.1, json!({})).await["value"], 99_999);
}

#[tokio::test]
async fn json_of_ten_thousand_levels_is_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    let levels = 10_000;
    let deep = [format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels)), format!("{}1{}", "[".repeat(levels), "]".repeat(levels))];
    for deep in &deep {
        let event = format!(r#"{{"event_name":"api","external_customer_id":"c1","properties":{{"a":{deep}}}}}"#);
        client.send(Method::POST, "/v1/events", event.clone()).await.invalid();
        client.send(Method::POST, "/v1/events/bulk", format!(r#"{{"events":[{event}]}}"#)).await.invalid();
        client.send(Method::POST, "/v1/events", deep.clone()).await.invalid();
        // What a route does not read it may skip; what it reads it refuses.
        for path in ["/v1/events/query", "/v1/events/usage", "/v1/meters", "/v1/customers"] {
            let answer = client.send(Method::POST, path, format!(r#"{{"unknown":{deep},"filters":{deep},"metadata":{deep}}}"#)).await;
            assert!([200, 400].contains(&answer.status), "{path}: {}", answer.status);
        }
    }
    let fits = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    let event = format!(r#"{{"event_name":"api","external_customer_id":"c1","properties":{fits}}}"#);
    client.send(Method::POST, "/v1/events", event).await.expect(202);
    assert_eq!(client.post("/v1/events/query", &json!({})).await.ok()["total_count"], 1);
}

#[tokio::test]
async fn a_hundred_thousand_names_are_told_apart() {
    let app = TestApp::start().await;
    let client = app.client();
    let events: Vec<Value> =
        (0..100_000).map(|n| event(&format!("e{n}"), &format!("name {n}"), "c1", "2025-01-05T00:00:00Z", json!({}))).collect();
    client.send_events(&events).await;
    for n in [0, 1, 99_999] {
        let counted = usage(&client, json!({"event_name": format!("name {n}"), "aggregation_type": "COUNT"})).await;
        assert_eq!(counted["value"], 1, "name {n}");
    }
}

#[tokio::test]
async fn keys_of_a_kibibyte_are_served() {
    let app = TestApp::start().await;
    let client = app.client();
    let long = "k".repeat(1024);
    client
        .send_events(&[json!({"event_id": long, "event_name": long, "external_customer_id": long, "source": long,
        "timestamp": "2025-01-05T00:00:00Z", "properties": {long.as_str(): 7}})])
        .await;
    let asked = json!({"event_name": long, "external_customer_id": long, "aggregation_type": "SUM", "property_name": long});
    assert_eq!(usage(&client, asked).await["value"], 7);
    for field in ["event_id", "event_name", "external_customer_id", "source"] {
        let mut event = json!({"event_name": "api", "external_customer_id": "c1"});
        event[field] = format!("{long}k").into();
        client.post("/v1/events", &event).await.invalid();
    }
}

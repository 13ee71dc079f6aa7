//! Sizes that nobody sends by day: served, or refused with words, and never the end of the process.

use domain::time::Timestamp;
use http::Method;
use serde_json::{Map, Value, json};
use testkit::{Client, TestApp, event};

use crate::usage::{meter, usage, usage_of_meter};

/// What analytics say of c1's January.
async fn analytics(client: &Client, with: Value) -> Value {
    let mut body = json!({"external_customer_id": "c1", "start_time": crate::usage::JANUARY.0, "end_time": crate::usage::JANUARY.1});
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    client.post("/v1/events/analytics", &body).await.expect(200)
}

#[tokio::test]
async fn a_hundred_thousand_properties_are_metered() {
    let app = TestApp::start().await;
    let client = app.client();
    let id = meter(&client, "api", json!({"type": "SUM", "field": "k99999"}), json!({"filters": [{"key": "k0", "values": ["0"]}]})).await;
    let properties: Map<String, Value> = (0..100_000).map(|n| (format!("k{n}"), json!(n))).collect();
    client.send_events(&[event("wide", "api", "c1", "2025-01-05T00:00:00Z", Value::Object(properties))]).await;
    assert_eq!(usage(&client, json!({"aggregation_type": "SUM", "property_name": "k99999"})).await["value"], 99_999);
    assert_eq!(usage_of_meter(&client, &id, crate::usage::JANUARY.0, crate::usage::JANUARY.1, json!({})).await["value"], 99_999);
    assert_eq!(analytics(&client, json!({"group_by": ["properties.k7"]})).await["items"][0]["properties"]["k7"], "7");
}

#[tokio::test]
async fn json_of_a_hundred_thousand_levels_is_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    let levels = 100_000;
    let deep = [format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels)), format!("{}1{}", "[".repeat(levels), "]".repeat(levels))];
    for deep in &deep {
        let event = format!(r#"{{"event_name":"api","external_customer_id":"c1","properties":{{"a":{deep}}}}}"#);
        client.send(Method::POST, "/v1/events", event.clone()).await.invalid();
        client.send(Method::POST, "/v1/events/bulk", format!(r#"{{"events":[{event}]}}"#)).await.invalid();
        client.send(Method::POST, "/v1/events", deep.clone()).await.invalid();
        // What a route does not read it may skip; what it reads it refuses.
        let body = format!(r#"{{"unknown":{deep},"filters":{deep},"property_filters":{deep},"metadata":{deep},"requestIds":{deep}}}"#);
        for path in [
            "/v1/events/query",
            "/v1/events/usage",
            "/v1/events/usage/meter",
            "/v1/events/analytics",
            "/v1/events/huggingface-inference",
            "/v1/meter-usage/query",
            "/v1/costs/analytics",
            "/v1/meters",
            "/v1/customers",
        ] {
            let answer = client.send(Method::POST, path, body.clone()).await;
            assert!([200, 400].contains(&answer.status), "{path}: {}", answer.status);
        }
        // A collector's properties are texts, however deep what they were.
        let raw = r#"{"id":"r1","orgId":"c1","methodName":"Chat","providerName":"P","createdAt":"2025-01-05T00:00:00Z"}"#;
        let nested = format!("{},\"data\":{deep}}}", raw.trim_end_matches('}').replace("r1", "r2"));
        let answer = client.send(Method::POST, "/v1/events/raw/bulk", format!(r#"{{"events":[{nested},{deep},{raw}]}}"#)).await;
        assert_eq!(answer.status, if deep.starts_with('{') { 202 } else { 400 }, "{}", answer.status);
    }
    let fits = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    let event = format!(r#"{{"event_name":"api","external_customer_id":"c1","properties":{fits}}}"#);
    client.send(Method::POST, "/v1/events", event).await.expect(202);
    assert_eq!(client.post("/v1/events/query", &json!({"event_name": "api"})).await.ok()["total_count"], 1);
    let collected = json!({"event_name": "p-chat", "start_time": crate::usage::JANUARY.0, "end_time": crate::usage::JANUARY.1});
    assert_eq!(client.post("/v1/events/query", &collected).await.ok()["total_count"], 2);
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
    let listed = client.get("/v1/events?event_name=name%2099999&start_time=2025-01-01T00:00:00Z&end_time=2025-02-01T00:00:00Z").await;
    assert_eq!(listed.ok()["total_count"], 1);
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

/// Texts of a mebibyte: in properties they are taken, counted, listed and told apart; as a key they are refused.
#[tokio::test]
async fn texts_of_a_mebibyte_are_metered_or_refused() {
    const MEBIBYTE: usize = 1 << 20;
    let app = TestApp::start().await;
    let client = app.client();
    let long = "x".repeat(MEBIBYTE);
    for field in ["event_id", "event_name", "external_customer_id", "source"] {
        let mut event = json!({"event_name": "api", "external_customer_id": "c1"});
        event[field] = long.as_str().into();
        for (path, body) in [("/v1/events", event.clone()), ("/v1/events/bulk", json!({ "events": [event] }))] {
            let refused = client.post(path, &body).await.invalid();
            assert!(refused["message"].as_str().unwrap().contains(field), "{path}: {}", refused["message"]);
        }
    }
    let filters = json!({"filters": [{"key": "text", "values": [long.as_str()]}]});
    let unique = meter(&client, "api", json!({"type": "COUNT_UNIQUE", "field": "text"}), filters).await;
    let sum = meter(&client, "api", json!({"type": "SUM", "field": long.as_str()}), json!({})).await;
    let other = format!("{long}y");
    let at = "2025-01-05T00:00:00Z";
    let mut sent = event("e1", "api", "c1", at, json!({"text": long, long.as_str(): 7}));
    sent["customer_id"] = long.as_str().into();
    client.send_events(&[sent]).await;
    client.send_events(&[event("e2", "api", "c1", at, json!({ "text": other }))]).await;
    let texts = usage(&client, json!({"aggregation_type": "COUNT_UNIQUE", "property_name": "text"})).await;
    assert_eq!(texts["value"], 2, "a letter at the end tells them apart");
    assert_eq!(usage(&client, json!({"aggregation_type": "COUNT", "filters": {"text": [long.as_str()]}})).await["value"], 1);
    assert_eq!(usage_of_meter(&client, &unique, crate::usage::JANUARY.0, crate::usage::JANUARY.1, json!({})).await["value"], 1);
    assert_eq!(usage_of_meter(&client, &sum, crate::usage::JANUARY.0, crate::usage::JANUARY.1, json!({})).await["value"], 7);
    let grouped = analytics(&client, json!({"group_by": ["properties.text"]})).await;
    assert_eq!(grouped["items"].as_array().unwrap().len(), 3, "one of the unique meter, two of the sum");
    let found = client.get("/v1/events/lookup?id=e2").await.expect(200);
    assert_eq!(found["event"]["properties"]["text"].as_str().map(str::len), Some(MEBIBYTE + 1));
    let named = json!({"name": "m", "event_name": long, "aggregation": {"type": "COUNT"}, "reset_usage": "NEVER"});
    client.post("/v1/meters", &named).await.invalid();
    let named = json!({"event_name": long, "aggregation_type": "COUNT"});
    client.post("/v1/events/usage", &named).await.invalid();
    // Nobody has such a key, and asking for it finds nothing.
    let nothing = usage(&client, json!({"aggregation_type": "COUNT", "external_customer_id": long})).await;
    assert_eq!(nothing.get("value"), None);
    for field in ["event_id", "event_name", "external_customer_id", "source"] {
        assert_eq!(client.post("/v1/events/query", &json!({ field: long.as_str() })).await.ok()["total_count"], 0, "{field}");
    }
    let costs = client.post("/v1/events/huggingface-inference", &json!({"requestIds": [long.as_str()]})).await.expect(200);
    assert_eq!(costs["requests"][0]["costNanoUsd"], "0");
}

/// Lists of more ids than a database compares with at once.
#[tokio::test]
async fn lists_of_ids_are_bounded() {
    let app = TestApp::start().await;
    let client = app.client();
    let ids: Vec<String> = (0..100_000).map(|n| format!("id_{n}")).collect();
    for (path, field, status) in [
        ("/v1/events/analytics", "feature_ids", 400),
        ("/v1/costs/analytics", "feature_ids", 400),
        ("/v1/costs/search", "costsheet_ids", 400),
        ("/v1/features/search", "feature_ids", 400),
        ("/v1/meter-usage/detailed-analytics", "meter_ids", 400),
        ("/v1/events/analytics", "sources", 400),
    ] {
        let answer = client.post(path, &json!({ field: ids })).await;
        assert_eq!(answer.status, status, "{path} {field}: {}", answer.body["message"]);
    }
    let few = client.post("/v1/events/analytics", &json!({"feature_ids": ids[..10_000]})).await.expect(200);
    assert_eq!(few["items"], json!([]));
}

/// Long texts that are told apart are held in memory: beyond a bound the question is refused, however few groups there are.
#[tokio::test]
async fn groups_of_long_texts_are_bounded() {
    let app = TestApp::start().await;
    let client = app.client();
    let id = meter(&client, "api", json!({"type": "COUNT"}), json!({})).await;
    for batch in 0..4 {
        let sent = |n: usize| {
            let text = format!("{batch} {n} {}", "x".repeat(1 << 20));
            event(&format!("e{batch} {n}"), "api", "c1", "2025-01-05T00:00:00Z", json!({ "text": text }))
        };
        client.send_events(&(0..10).map(sent).collect::<Vec<_>>()).await;
    }
    let body = json!({"external_customer_id": "c1", "start_time": crate::usage::JANUARY.0, "end_time": crate::usage::JANUARY.1});
    let mut grouped = body.clone();
    grouped["group_by"] = json!(["properties.text"]);
    client.post("/v1/events/analytics", &grouped).await.invalid();
    assert_eq!(analytics(&client, json!({})).await["items"][0]["total_usage"], "40");
    assert_eq!(usage_of_meter(&client, &id, crate::usage::JANUARY.0, crate::usage::JANUARY.1, json!({})).await["value"], 40);
}

/// One event a minute for 100,001 minutes: more windows than any answer may have.
#[tokio::test]
async fn more_windows_than_an_answer_may_have_are_refused_with_advice() {
    let app = TestApp::start().await;
    let client = app.client();
    let id = meter(&client, "api", json!({"type": "SUM", "field": "n"}), json!({})).await;
    let start: Timestamp = crate::usage::JANUARY.0.parse().unwrap();
    let sent = |n: i64| event(&format!("e{n}"), "api", "c1", &start.plus_seconds(60 * n).to_string(), json!({ "n": 2 }));
    client.send_events(&(0..100_001).map(sent).collect::<Vec<_>>()).await;
    let (from, until) = (crate::usage::JANUARY.0, "2025-04-01T00:00:00Z");
    let ask = async |path: &str, window: &str| {
        let mut body = json!({"external_customer_id": "c1", "start_time": from, "end_time": until, "window_size": window});
        let of = match path {
            "/v1/events/usage" => json!({"event_name": "api", "aggregation_type": "SUM", "property_name": "n"}),
            "/v1/events/usage/meter" => json!({ "meter_id": id }),
            _ => json!({}),
        };
        body.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        client.post(path, &body).await
    };
    for path in ["/v1/events/usage", "/v1/events/usage/meter", "/v1/events/analytics"] {
        let refused = ask(path, "MINUTE").await.invalid();
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("ask for a shorter time, larger windows"), "{path}: {message}");
        let answer = ask(path, "HOUR").await.expect(200);
        let hours = answer["results"].as_array().or(answer["items"][0]["points"].as_array()).map(Vec::len);
        assert_eq!(hours, Some(1_667), "{path}");
    }
    let monitored =
        async |window| client.get(&format!("/v1/events/monitoring?start_time={from}&end_time={until}&window_size={window}")).await;
    let refused = monitored("MINUTE").await.invalid();
    assert!(refused["message"].as_str().unwrap().contains("ask for a shorter time, larger windows"), "{}", refused["message"]);
    assert_eq!(monitored("HOUR").await.expect(200)["total_count"], 100_001);
    assert_eq!(usage_of_meter(&client, &id, from, until, json!({})).await["value"], 200_002);
}

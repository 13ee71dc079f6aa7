//! Events in: identity, all or none, what is read of a body (spec 10 §§1, 6).

use http::Method;
use serde_json::{Value, json};
use testkit::{TestApp, event};

use crate::usage::usage;

/// No. 12 of spec 10 §18, three at once.
#[tokio::test]
async fn copies_that_arrive_together_count_once() {
    let app = TestApp::start().await;
    let client = app.client();
    let sent = event("e1", "api", "c1", "2025-01-09T09:00:00Z", json!({"n": 10}));
    let (one, two, three) =
        tokio::join!(client.post("/v1/events", &sent), client.post("/v1/events", &sent), client.post("/v1/events", &sent));
    for answer in [one, two, three] {
        assert_eq!(answer.expect(202)["event_id"], "e1");
    }
    assert_eq!(usage(&client, json!({"aggregation_type": "SUM", "property_name": "n"})).await["value"], 10);
    assert_eq!(usage(&client, json!({"aggregation_type": "COUNT"})).await["value"], 1);
}

/// No. 13 of spec 10 §18: identity has no time.
#[tokio::test]
async fn a_copy_that_is_stamped_anew_counts_once() {
    let app = TestApp::start().await;
    let client = app.client();
    let sent = json!({"event_id": "e2", "event_name": "api", "external_customer_id": "c1", "properties": {"n": 10}});
    for now in ["2025-01-09T09:00:01Z", "2025-01-09T09:00:07Z"] {
        app.clock.set(now);
        client.post("/v1/events", &sent).await.expect(202);
    }
    assert_eq!(usage(&client, json!({"aggregation_type": "SUM", "property_name": "n"})).await["value"], 10);
    let listed = client.post("/v1/events/query", &json!({})).await.ok();
    assert_eq!((&listed["total_count"], &listed["events"][0]["timestamp"]), (&json!(1), &json!("2025-01-09T09:00:01Z")));
    let again =
        client.post("/v1/events/bulk", &json!({"events": [sent, {"event_name": "api", "external_customer_id": "c1"}]})).await.expect(202);
    assert_eq!((&again["accepted"], &again["new"]), (&json!("2"), &json!("1")));
}

/// Keys match in any case, unknown ones are ignored, and so is what follows the first value; digits stay as they were sent.
#[tokio::test]
async fn bodies_are_read_as_the_published_api_reads_them() {
    let app = TestApp::start().await;
    let client = app.client();
    let body = r#"{"EVENT_NAME":" api ","External_Customer_Id":" c1 ","Event_ID":"e/1","unknown":{"deep":[1,2]},
        "timestamp":"2025-01-05T01:00:00.123456789+01:00","properties":{"n":12345678901234567890.10}} {"event_name": broken"#;
    client.send(Method::POST, "/v1/events", body).await.expect(202);
    app.clock.set("2025-01-06T00:00:00Z");
    let listed = client.post("/v1/events/query", &json!({})).await.ok();
    let expected = json!({"id": "e/1", "event_name": "api", "external_customer_id": " c1 ", "customer_id": "", "source": "",
        "environment_id": testkit::SANDBOX, "timestamp": "2025-01-05T00:00:00.123456Z"});
    let found = &listed["events"][0];
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&found[field], value, "{field}");
    }
    let sum = json!({"aggregation_type": "SUM", "property_name": "n", "external_customer_id": " c1 "});
    // Beyond what a quantity holds: refused when it is summed, not rounded.
    client
        .post("/v1/events/usage", &{
            let mut body = sum;
            body["event_name"] = "api".into();
            body
        })
        .await
        .invalid();
    let bulk = r#"{"Events":[{"event_name":"api","external_customer_id":"c1","timestamp":null,"properties":null}]} trailing"#;
    client.send(Method::POST, "/v1/events/bulk", bulk).await.expect(202);
    let listed = client.post("/v1/events/query", &json!({"external_customer_id": "c1"})).await.ok();
    assert_eq!(listed["events"][0]["properties"], Value::Null);
    assert!(listed["events"][0]["id"].as_str().unwrap().starts_with("event_"));
}

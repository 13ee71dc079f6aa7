//! Meters by their own routes (spec 10 §7).

use serde_json::{Value, json};
use testkit::{TestApp, event};

use crate::refusals::{assert_refused, raw};
use crate::usage::{JANUARY, meter, usage_of_meter};

#[tokio::test]
async fn a_meter_is_made_listed_and_read_also_when_it_was_put_away() {
    let app = TestApp::start().await;
    let client = app.client();
    let body = json!({"name": " Calls ", "event_name": " api ", "aggregation": {"type": "COUNT"}, "reset_usage": "NEVER"});
    let made = client.post("/v1/meters", &body).await.expect(201);
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("meter_"), "{id}");
    assert_eq!((&made["event_name"], &made["reset_usage"], &made["status"]), (&json!("api"), &json!("NEVER"), &json!("published")));
    let other = meter(&client, "sms", json!({"type": "COUNT"}), json!({})).await;
    for (path, put_away) in [(format!("/v1/meters/{id}/disable"), id), (format!("/v1/meters/{other}"), other.as_str())] {
        let answer = if path.ends_with("disable") { client.post(&path, &json!({})).await } else { client.delete(&path).await };
        assert!(!answer.expect(200)["message"].as_str().unwrap().is_empty(), "{path}");
        assert_eq!(client.get(&format!("/v1/meters/{put_away}")).await.expect(200)["status"], "archived");
    }
    let ids = async |query: &str| -> Vec<Value> {
        let page = client.get(&format!("/v1/meters?{query}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|meter| meter["id"].clone()).collect()
    };
    assert_eq!(ids("status=archived&sort=event_name&order=asc").await, [id, other.as_str()]);
    assert_eq!(ids("status=archived&sort=event_name&order=desc&limit=1").await, [other.as_str()]);
    assert_eq!(ids("status=archived&sort=event_name&order=asc&limit=1&offset=1").await, [other.as_str()]);
    assert!(ids("status=published").await.is_empty());
}

/// An update adds filters and takes nothing away; all else stays. It counts for events from then on.
#[tokio::test]
async fn filters_are_merged_and_count_for_later_events() {
    let app = TestApp::start().await;
    let client = app.client();
    let filters = json!({"filters": [{"key": "region", "values": ["eu"]}]});
    let id = meter(&client, "api", json!({"type": "COUNT"}), filters).await;
    let path = format!("/v1/meters/{id}");
    let change = json!({"filters": [{"key": "region", "values": ["us", "eu"]}, {"key": "tier", "values": ["2"]}]});
    let changed = client.put(&path, &change).await.expect(200);
    assert_eq!(changed["filters"], json!([{"key": "region", "values": ["eu", "us"]}, {"key": "tier", "values": ["2"]}]));
    assert_eq!((&changed["name"], &changed["event_name"]), (&json!("api"), &json!("api")));
    let table = vec![
        raw("a fixed field", &path, r#"{"name":"other","event_name":"other","filters":[{"key":"k","values":["v"]}]}"#)
            .by(http::Method::PUT),
        raw("no filters", &path, "{}").by(http::Method::PUT),
        raw("no filters", &path, r#"{"filters":[]}"#).by(http::Method::PUT),
        raw("no key", &path, r#"{"filters":[{"key":"","values":["x"]}]}"#).by(http::Method::PUT),
        raw("no values", &path, r#"{"filters":[{"key":"k","values":[]}]}"#).by(http::Method::PUT),
    ];
    assert_refused(&client, table).await;
}

/// A meter that is made, changed or archived is seen by the very next event, with whatever else has its name (spec 10 §5.1).
#[tokio::test]
async fn the_next_event_sees_every_change() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("c1").await;
    let meters = async |n: i64| {
        let id = format!("e{n}");
        let sent = event(&id, "api", "c1", "2025-01-05T00:00:00Z", json!({"region": "eu", "n": n}));
        client.send_events(&[sent]).await;
        let found = client.get(&format!("/v1/events/lookup?id={id}")).await.expect(200);
        let counted = found["meters"].as_array().into_iter().flatten().filter(|meter| meter["counted"] == true);
        counted.map(|meter| meter["meter_id"].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert!(meters(0).await.is_empty());
    let count = meter(&client, "api", json!({"type": "COUNT"}), json!({})).await;
    assert_eq!(meters(1).await, [count.clone()].into());
    let sum = meter(&client, "api", json!({"type": "SUM", "field": "n"}), json!({})).await;
    meter(&client, "API", json!({"type": "COUNT"}), json!({})).await;
    assert_eq!(meters(2).await, [count.clone(), sum.clone()].into(), "both, and none of another spelling");
    client.put(&format!("/v1/meters/{sum}"), &json!({"filters": [{"key": "region", "values": ["us"]}]})).await.expect(200);
    assert_eq!(meters(3).await, [count.clone()].into());
    client.delete(&format!("/v1/meters/{count}")).await.expect(200);
    assert!(meters(4).await.is_empty());
    // What was counted stays, and an archived meter can be asked.
    assert_eq!(usage_of_meter(&client, &count, JANUARY.0, JANUARY.1, json!({})).await["value"], 5, "straight from the events");
}

//! Raw objects of an external collector (spec 10 §13).

use app::event::{EventChoices, EventTimes};
use http::Method;
use serde_json::{Value, json};
use testkit::{Client, TestApp};

use crate::refusals::{assert_refused, post, raw};
use crate::usage::usage;

fn object(id: &str, with: Value) -> Value {
    let mut object = json!({"id": id, "orgId": "c1", "methodName": "Chat", "providerName": "P", "createdAt": "2025-01-05T00:00:00Z",
        "targetItemId": "item", "data": {"numCharacters": 7}});
    object.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    object
}

async fn characters(client: &Client) -> Value {
    usage(client, json!({"event_name": "p-chat", "aggregation_type": "SUM", "property_name": "billable_value"})).await["value"].clone()
}

/// Runs what is due until nothing is; returns how many pieces ran.
async fn run_pieces(app: &TestApp) -> usize {
    let mut pieces = 0;
    for _ in 0..20 {
        app.clock.set(&app.clock.now().plus_seconds(1).to_string());
        match app.app.run_all_due(100).await.unwrap() {
            0 => return pieces,
            ran => pieces += ran,
        }
    }
    panic!("work is due for ever");
}

#[tokio::test]
async fn raw_objects_become_events_and_a_bad_one_stops_no_other() {
    let app = TestApp::start().await;
    let client = app.client();
    app.clock.set("2025-01-10T00:00:00Z");
    let objects = json!({"events": [
        object("r1", json!({})),
        object("r2", json!({"data": {"numCharacters": {"value": "5"}}})),
        object("no time", json!({"createdAt": "yesterday"})),
        object("no customer", json!({"orgId": ""})),
        object("too early", json!({"createdAt": "1950-01-01T00:00:00Z"})),
        object("r1", json!({"data": {"numCharacters": 100}})),
        {},
    ]});
    let answer = client.post("/v1/events/raw/bulk", &objects).await.expect(202);
    assert_eq!(answer["batch_size"], 7);
    assert_eq!(characters(&client).await, 12, "of one id the first counts");
    let listed = client.post("/v1/events/query", &json!({"event_name": "p-chat"})).await.ok();
    assert_eq!((&listed["total_count"], &listed["events"][0]["source"]), (&json!(2), &json!("item")));
    client.post("/v1/events/raw/bulk", &objects).await.expect(202);
    assert_eq!(characters(&client).await, 12, "a repetition changes nothing");
    let table = vec![
        post("no objects", "/v1/events/raw/bulk", &json!({"events": []})),
        post("null", "/v1/events/raw/bulk", &json!({"events": null})),
        post("nothing", "/v1/events/raw/bulk", &json!({})),
        post("a text", "/v1/events/raw/bulk", &json!({"events": [{}, "x"]})),
        post("1001", "/v1/events/raw/bulk", &json!({"events": vec![json!({}); 1001]})),
        raw("cut off", "/v1/events/raw/bulk", r#"{"events":[{"#),
    ];
    assert_refused(&client, table).await;
    let trailing = format!("{} trailing", json!({"events": [object("r3", json!({}))]}));
    client.send(Method::POST, "/v1/events/raw/bulk", trailing).await.expect(202);
    assert_eq!(characters(&client).await, 19);
}

/// The times that a deployment chose hold for a collector's objects too, and one outside of them stops no other.
#[tokio::test]
async fn an_object_outside_the_chosen_times_stops_no_other() {
    let times = EventTimes { earliest: "2025-01-01T00:00:00Z".parse().unwrap(), ..EventTimes::default() };
    let app = TestApp::start_choosing(EventChoices { times, ..EventChoices::default() }).await;
    let client = app.client();
    let old = object("old", json!({"createdAt": "2024-12-31T23:59:59Z"}));
    client.post("/v1/events/raw/bulk", &json!({"events": [old, object("r1", json!({}))]})).await.expect(202);
    assert_eq!(characters(&client).await, 7);
}

/// Keys match in any case, as those of other events do.
#[tokio::test]
async fn the_key_of_the_objects_matches_in_any_case() {
    let app = TestApp::start().await;
    let client = app.client();
    let body = json!({"eVents": [object("r1", json!({}))], "unknown": [1]});
    assert_eq!(client.post("/v1/events/raw/bulk", &body).await.expect(202)["batch_size"], 1);
    assert_eq!(characters(&client).await, 7);
}

#[tokio::test]
async fn a_run_over_raw_objects_goes_piece_by_piece_and_counts_nothing_twice() {
    let app = TestApp::start().await;
    let client = app.client();
    app.clock.set("2025-01-10T00:00:00Z");
    let objects: Vec<Value> = (0..25).map(|n| object(&format!("r{n}"), json!({}))).collect();
    client.post("/v1/events/raw/bulk", &json!({ "events": objects })).await.expect(202);
    client.post("/v1/events/raw/bulk", &json!({ "events": [object("bad", json!({"createdAt": "yesterday"}))] })).await.expect(202);
    // 26 objects, 2 at once, 10 batches a piece: two pieces; what was not taken in fits one.
    for (mode, pieces) in [("all", 2), ("pending", 1)] {
        let path = format!("/v1/events/raw/reprocess/{mode}");
        let asked = json!({"start_date": "2025-01-01T00:00:00Z", "end_date": "2025-02-01T00:00:00Z", "batch_size": 2});
        let planned = client.post(&path, &asked).await.expect(200);
        let (workflow, run) = (planned["workflow_id"].as_str().unwrap(), planned["run_id"].as_str().unwrap());
        assert!(workflow.ends_with(run) && !planned["message"].as_str().unwrap().is_empty(), "{planned}");
        assert_eq!(run_pieces(&app).await, pieces, "{mode}");
        assert_eq!(characters(&client).await, 25 * 7, "{mode}");
        let table = vec![
            post("no start", &path, &json!({})),
            post("end before start", &path, &json!({"start_date": "2025-01-02T00:00:00Z", "end_date": "2025-01-01T00:00:00Z"})),
            post("a day", &path, &json!({"start_date": "2025-01-02"})),
            post("too many", &path, &json!({"start_date": "2025-01-02T00:00:00Z", "batch_size": 1001})),
            post("negative", &path, &json!({"start_date": "2025-01-02T00:00:00Z", "batch_size": -1})),
        ];
        assert_refused(&client, table).await;
    }
}

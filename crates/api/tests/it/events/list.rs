//! The list of events: `GET /events` and `POST /events/query` (spec 10 §9.3).

use serde_json::{Value, json};
use testkit::{Client, TestApp, event};

use crate::refusals::{assert_refused, get, post};

fn ids(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect()
}

async fn query(client: &Client, with: Value) -> Value {
    let mut body = json!({"start_time": "2024-01-01T00:00:00Z", "end_time": "2025-01-01T00:00:00Z"});
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    client.post("/v1/events/query", &body).await.expect(200)
}

/// No. 21 of spec 10 §18: events of one instant are told apart by their ids, which may hold the separator.
#[tokio::test]
async fn cursors_lead_through_events_of_one_instant() {
    let app = TestApp::start().await;
    let client = app.client();
    let noon = "2024-06-12T12:00:00Z";
    client.send_events(&["a", "b", "c"].map(|id| event(id, "api", "c1", noon, json!({})))).await;
    let first = query(&client, json!({"page_size": 2})).await;
    assert_eq!((ids(&first), &first["has_more"], &first["total_count"]), (vec!["c", "b"], &json!(true), &json!(3)));
    assert_eq!(first["iter_first_key"], "1718193600000000000::c");
    let second = query(&client, json!({"page_size": 2, "iter_last_key": first["iter_last_key"]})).await;
    assert_eq!((ids(&second), &second["has_more"], &second["total_count"]), (vec!["a"], &json!(false), &json!(1)));
    assert_eq!((second["iter_first_key"].as_str(), second.get("iter_last_key")), (Some("1718193600000000000::a"), None));
    let newer = query(&client, json!({"iter_first_key": "1718193600000000000::a"})).await;
    assert_eq!((ids(&newer), &newer["total_count"]), (vec!["c", "b"], &json!(2)));
    client.send_events(&[event("x::y/z", "api", "c1", noon, json!({}))]).await;
    let last = query(&client, json!({"page_size": 1})).await;
    assert_eq!(last["iter_first_key"], "1718193600000000000::x::y/z");
    assert_eq!(ids(&query(&client, json!({"iter_last_key": last["iter_last_key"]})).await), ["c", "b", "a"]);
}

/// The newer page of a descending list is the one next to the cursor.
#[tokio::test]
async fn pages_on_both_sides_of_a_cursor_are_its_neighbours() {
    let app = TestApp::start().await;
    let client = app.client();
    let events: Vec<Value> =
        (0..9).map(|day| event(&format!("e{day}"), "api", "c1", &format!("2024-06-1{day}T00:00:00Z"), json!({}))).collect();
    client.send_events(&events).await;
    let middle = query(&client, json!({"page_size": 3, "offset": 3})).await;
    assert_eq!((ids(&middle), &middle["offset"]), (vec!["e5", "e4", "e3"], &json!(6)));
    let older = query(&client, json!({"page_size": 2, "iter_last_key": middle["iter_last_key"]})).await;
    assert_eq!((ids(&older), &older["has_more"], &older["total_count"]), (vec!["e2", "e1"], &json!(true), &json!(3)));
    let newer = query(&client, json!({"page_size": 2, "iter_first_key": middle["iter_first_key"]})).await;
    assert_eq!((ids(&newer), &newer["has_more"], &newer["total_count"]), (vec!["e7", "e6"], &json!(true), &json!(3)));
    let ascending = query(&client, json!({"page_size": 2, "order": "asc", "iter_first_key": middle["iter_first_key"]})).await;
    assert_eq!(ids(&ascending), ["e6", "e7"]);
    let both = json!({"page_size": 2, "iter_first_key": middle["iter_first_key"], "iter_last_key": middle["iter_last_key"]});
    assert_eq!(ids(&query(&client, both).await), ["e7", "e6"], "the newer side goes first");
}

/// A body may ask for 1000 events at once; without a size there are 50, without times those of the last seven days.
#[tokio::test]
async fn pages_and_times_that_are_not_asked_for_are_bounded() {
    let app = TestApp::start().await;
    let client = app.client();
    app.clock.set("2024-06-20T12:00:00Z");
    let sent: Vec<Value> = (0..1001).map(|n| event(&format!("e{n}"), "api", "c1", "2024-06-20T12:00:00Z", json!({}))).collect();
    client.send_events(&sent).await;
    for (asked, shown) in [(json!({}), 50), (json!(0), 50), (json!(999), 999), (json!(1000), 1000)] {
        let body = if asked.is_object() { json!({}) } else { json!({ "page_size": asked }) };
        let page = client.post("/v1/events/query", &body).await.expect(200);
        assert_eq!((ids(&page).len(), &page["total_count"], &page["has_more"]), (shown, &json!(1001), &json!(true)), "{asked}");
    }
    for (asked, why) in [
        (json!({"page_size": -1}), "page_size must be 0 or more"),
        (json!({"page_size": 1001}), "page_size must be 1 to 1000, not 1001"),
        (json!({"page_size": i64::MAX}), "page_size must be 1 to 1000"),
        (json!({"offset": i64::MAX}), "offset must be 0 to 100000"),
    ] {
        let refusal = client.post("/v1/events/query", &asked).await.invalid();
        assert!(refusal["message"].as_str().unwrap().contains(why), "{refusal}");
    }
    let week = [("first", "2024-06-13T12:00:00Z"), ("before", "2024-06-13T11:59:59.999999Z"), ("after", "2024-06-20T12:00:00.000001Z")];
    client.send_events(&week.map(|(id, at)| event(id, "sms", "c1", at, json!({})))).await;
    assert_eq!(ids(&client.post("/v1/events/query", &json!({"event_name": "sms"})).await.expect(200)), ["first"]);
    assert_eq!(ids(&client.get("/v1/events?event_name=sms").await.expect(200)), ["first"]);
    let at_once = json!({"event_name": "sms", "start_time": "2024-06-13T12:00:00Z", "end_time": "2024-06-13T12:00:00Z"});
    assert_eq!(ids(&client.post("/v1/events/query", &at_once).await.expect(200)), ["first"], "both ends are part of the time");
}

#[tokio::test]
async fn events_are_sorted_by_name_where_that_is_asked_for() {
    let app = TestApp::start().await;
    let client = app.client();
    let sent = [("1", "b", "01"), ("2", "a", "02"), ("3", "c", "03"), ("4", "a", "04"), ("5", "b", "05")];
    client.send_events(&sent.map(|(id, name, day)| event(id, name, "c1", &format!("2024-06-{day}T00:00:00Z"), json!({})))).await;
    assert_eq!(ids(&query(&client, json!({"sort": "event_name", "order": "asc"})).await), ["4", "2", "5", "1", "3"]);
    let page = query(&client, json!({"sort": "event_name", "page_size": 2, "offset": 1})).await;
    assert_eq!((ids(&page), &page["has_more"], &page["total_count"]), (vec!["5", "1"], &json!(true), &json!(5)));
    let older = query(&client, json!({"sort": "event_name", "order": "asc", "iter_last_key": page["iter_first_key"]})).await;
    assert_eq!((ids(&older), &older["has_more"]), (vec!["4", "2", "1", "3"], &json!(false)), "all that is older than event 5");
}

#[tokio::test]
async fn a_query_string_asks_like_a_body() {
    let app = TestApp::start().await;
    let client = app.client();
    let properties = [json!({"k1": "v1"}), json!({"k1": "v2", "k2": 3}), json!({"k1": "v2", "k2": "four"}), json!({"k2": 3})];
    let sent: Vec<Value> =
        (0..).zip(properties).map(|(day, p)| event(&format!("e{day}"), "api", "c1", &format!("2024-06-1{day}T00:00:00Z"), p)).collect();
    client.send_events(&sent).await;
    client.send_events(&[event("other", "sms", "c 2", "2024-06-20T00:00:00Z", json!({}))]).await;
    let times = "start_time=2024-06-01T00:00:00Z&end_time=2024-07-01T00:00:00%2B00:00";
    let asked = async |query: &str| client.get(&format!("/v1/events?{times}&{query}")).await.expect(200);
    assert_eq!(ids(&asked("").await), ["other", "e3", "e2", "e1", "e0"]);
    assert_eq!(ids(&asked("property_filters=k1:v1,v2;k2:3.0").await), ["e1"]);
    assert_eq!(ids(&asked("property_filters=k1:v1,v2").await), ["e2", "e1", "e0"]);
    assert_eq!(ids(&asked("external_customer_id=c%202").await), ["other"]);
    assert_eq!(ids(&asked("event_name=api&order=asc&page_size=2").await), ["e0", "e1"]);
    assert_eq!(ids(&asked("event_id=e2").await), ["e2"]);
    assert_eq!(ids(&asked("page_size=&offset=&sort=timestamp&source=").await).len(), 5);
    let many: Vec<Value> = (0..60).map(|n| event(&format!("m{n}"), "many", "c1", "2024-06-30T00:00:00Z", json!({}))).collect();
    client.send_events(&many).await;
    for size in ["0", "", "50"] {
        assert_eq!(ids(&asked(&format!("event_name=many&page_size={size}")).await).len(), 50, "{size}");
    }
    let table = vec![
        get("a size that is none", "/v1/events?page_size=many"),
        get("a size below", "/v1/events?page_size=-1"),
        get("a size above", "/v1/events?page_size=51"),
        get("filters without values", "/v1/events?property_filters=k1"),
        get("a time that is none", "/v1/events?start_time=yesterday"),
        get("end before start", "/v1/events?start_time=2025-01-02T00:00:00Z&end_time=2025-01-01T00:00:00Z"),
        get("unknown sort", "/v1/events?sort=mood"),
        get("unknown order", "/v1/events?order=up"),
        get("a key that is none", "/v1/events?iter_last_key=x"),
        get("a negative offset", "/v1/events?offset=-1"),
        post("too far by name", "/v1/events/query", &json!({"sort": "event_name", "offset": 10_001})),
    ];
    assert_refused(&client, table).await;
}

//! `/events/usage` and `/events/usage/meter` (spec 10 §§5, 8, 9.1, 9.2).

use serde_json::{Value, json};
use testkit::{Client, TestApp, event};

use super::{meter, results, usage, usage_of_meter};
use crate::refusals::{assert_refused, post};

/// Events of `api` by c1, one minute apart from 2025-01-05T00:00:00Z on.
async fn send(client: &Client, properties: &[Value]) {
    let events: Vec<Value> = properties
        .iter()
        .enumerate()
        .map(|(index, properties)| event(&format!("e{index}"), "api", "c1", &format!("2025-01-05T00:{index:02}:00Z"), properties.clone()))
        .collect();
    client.send_events(&events).await;
}

/// No. 1 and 2 of spec 10 §18: texts exactly, numbers as numbers.
#[tokio::test]
async fn filters_compare_numbers_as_numbers_and_texts_exactly() {
    let app = TestApp::start().await;
    let client = app.client();
    send(
        &client,
        &[
            json!({"region": "eu", "tier": 2}),
            json!({"region": "EU", "tier": 2}),
            json!({"region": "us", "tier": "2"}),
            json!({"region": "eu"}),
            json!({"size": 2_500_000}),
            json!({"size": "2500000"}),
            json!({"flag": true}),
        ],
    )
    .await;
    let count = async |filters: Value| usage(&client, json!({"aggregation_type": "COUNT", "filters": filters})).await["value"].clone();
    assert_eq!(count(json!({"region": ["eu", "us"], "tier": ["2"]})).await, 2);
    assert_eq!(count(json!({"size": ["2500000"]})).await, 2);
    assert_eq!(count(json!({"flag": ["true"]})).await, 1);
    assert_eq!(count(json!({})).await, 7);
    // The same by a meter whose own filter stands beside that of the request.
    let filters = json!({"filters": [{"key": "region", "values": ["eu", "us"]}]});
    let id = meter(&client, "api", json!({"type": "COUNT"}), filters).await;
    let by_meter = usage_of_meter(&client, &id, super::JANUARY.0, super::JANUARY.1, json!({"filters": {"tier": ["2"]}})).await;
    assert_eq!(by_meter["value"], 2);
}

/// No. 3 of spec 10 §18.
#[tokio::test]
async fn what_is_no_number_counts_as_nothing() {
    let app = TestApp::start().await;
    let client = app.client();
    let values =
        [json!({"n": 4}), json!({"n": "6.5"}), json!({"n": "x"}), json!({"n": true}), json!({"n": null}), json!({}), json!({"n": -3})];
    send(&client, &values).await;
    let of = async |kind: &str| usage(&client, json!({"aggregation_type": kind, "property_name": "n"})).await["value"].to_string();
    // Negative values stay in the raw log: 4 + 6.5 - 3.
    assert_eq!(of("SUM").await, "7.5");
    assert_eq!(of("MAX").await, "6.5");
    assert_eq!(of("COUNT").await, "7");
}

/// No. 4 of spec 10 §18.
#[tokio::test]
async fn corrections_reduce_raw_usage_and_never_below_zero() {
    let app = TestApp::start().await;
    let client = app.client();
    send(&client, &[json!({"n": 100}), json!({"n": -40}), json!({"only": -40})]).await;
    assert_eq!(usage(&client, json!({"aggregation_type": "SUM", "property_name": "n"})).await["value"], 60);
    assert_eq!(usage(&client, json!({"aggregation_type": "SUM", "property_name": "only"})).await.get("value"), None);
}

/// No. 5 of spec 10 §18: a number and its text are one value, and what has none is no value.
#[tokio::test]
async fn unique_values_are_told_apart_over_the_whole_time() {
    let app = TestApp::start().await;
    let client = app.client();
    let login = |id: &str, day: u8, user: Value| event(id, "api", "c1", &format!("2025-01-{day:02}T10:00:00Z"), json!({"user_id": user}));
    client
        .send_events(&[
            login("1", 5, json!("u-7")),
            login("2", 6, json!("u-7")),
            login("3", 6, json!(42)),
            login("4", 7, json!("42")),
            event("5", "api", "c1", "2025-01-07T10:00:00Z", json!({})),
        ])
        .await;
    let asked = json!({"aggregation_type": "COUNT_UNIQUE", "property_name": "user_id"});
    assert_eq!(usage(&client, asked.clone()).await["value"], 2);
    let mut by_day = asked;
    by_day["window_size"] = "DAY".into();
    let by_day = usage(&client, by_day).await;
    assert_eq!(results(&by_day), ["2025-01-05T00:00:00Z=1", "2025-01-06T00:00:00Z=2", "2025-01-07T00:00:00Z=1"]);
    assert_eq!(by_day.get("value"), None, "windows alone");
}

/// No. 6 of spec 10 §18.
#[tokio::test]
async fn the_latest_value_is_that_of_the_newest_event_not_of_the_last_to_arrive() {
    let app = TestApp::start().await;
    let client = app.client();
    let at = |id: &str, time: &str, n: i64| event(id, "api", "c1", &format!("2025-01-05T12:00:{time}Z"), json!({ "n": n }));
    client.send_events(&[at("a", "00", 5), at("b", "10", 8)]).await;
    client.send_events(&[at("c", "05", 99)]).await;
    let latest = json!({"aggregation_type": "LATEST", "property_name": "n"});
    assert_eq!(usage(&client, latest.clone()).await["value"], 8);
    client.send_events(&[at("d", "10.9", 7), at("e", "10.2", 3)]).await;
    assert_eq!(usage(&client, latest).await["value"], 7);
}

/// No. 7 of spec 10 §18.
#[tokio::test]
async fn buckets_have_a_maximum_each_and_add_up() {
    let app = TestApp::start().await;
    let client = app.client();
    let at = |id: &str, time: &str, properties: Value| event(id, "api", "c1", &format!("2025-01-05T{time}:00Z"), properties);
    client
        .send_events(&[
            at("1", "10:05", json!({"n": 3, "node": "a"})),
            at("2", "10:40", json!({"n": 5, "node": "a"})),
            at("3", "10:50", json!({"n": 4, "node": "b"})),
            at("4", "11:10", json!({"n": 2, "node": "a"})),
            at("5", "11:20", json!({"n": 1})),
        ])
        .await;
    let asked = |with: Value| {
        let mut body = json!({"aggregation_type": "MAX", "property_name": "n", "bucket_size": "HOUR", "window_size": "DAY"});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        body
    };
    let grouped = usage(&client, asked(json!({"group_by": ["properties.node", "properties.ignored"]}))).await;
    let of_groups = ["2025-01-05T10:00:00Z a=5", "2025-01-05T10:00:00Z b=4", "2025-01-05T11:00:00Z =1", "2025-01-05T11:00:00Z a=2"];
    assert_eq!((results(&grouped), &grouped["value"]), (of_groups.map(str::to_owned).to_vec(), &json!(12)));
    assert_eq!(usage(&client, asked(json!({"group_by_property": "node"}))).await, grouped, "the older field");
    let ungrouped = usage(&client, asked(json!({"group_by": ["node"]}))).await;
    assert_eq!(results(&ungrouped), ["2025-01-05T10:00:00Z=5", "2025-01-05T11:00:00Z=2"]);
    assert_eq!(ungrouped["value"], 7);
    // Other aggregations have no buckets: the window goes.
    let mean = usage(&client, asked(json!({"aggregation_type": "AVG"}))).await;
    assert_eq!((results(&mean), mean.get("value")), (vec!["2025-01-05T00:00:00Z=3".to_owned()], None));
    let sums = usage(&client, asked(json!({"aggregation_type": "SUM"}))).await;
    assert_eq!(
        (results(&sums), &sums["value"]),
        (vec!["2025-01-05T10:00:00Z=12".to_owned(), "2025-01-05T11:00:00Z=3".to_owned()], &json!(15))
    );
}

/// No. 8, 9 and 10 of spec 10 §18: where months, days and weeks begin.
#[tokio::test]
async fn windows_begin_where_the_zone_and_the_anchor_say() {
    let app = TestApp::start().await;
    let client = app.client();
    for (index, at) in ["2024-11-03T03:59:59Z", "2024-11-03T04:00:00Z", "2024-11-04T04:59:59Z", "2024-11-04T05:00:00Z"].iter().enumerate() {
        client.send_events(&[event(&format!("n{index}"), "api", "c1", at, json!({}))]).await;
    }
    let autumn = |with: Value| {
        let mut body = json!({"aggregation_type": "COUNT", "start_time": "2024-02-01T00:00:00Z", "end_time": "2024-12-01T00:00:00Z"});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        body
    };
    let days = usage(&client, autumn(json!({"window_size": "DAY", "timezone": "America/New_York"}))).await;
    assert_eq!(results(&days), ["2024-11-02T04:00:00Z=1", "2024-11-03T04:00:00Z=2", "2024-11-04T05:00:00Z=1"]);
    let unknown_zone = autumn(json!({"event_name": "api", "window_size": "DAY", "timezone": "Mars/X"}));
    client.post("/v1/events/usage", &unknown_zone).await.refused(400, "validation_error");
    let weeks = usage(&client, autumn(json!({"window_size": "WEEK"}))).await;
    assert_eq!(results(&weeks), ["2024-10-28T00:00:00Z=2", "2024-11-04T00:00:00Z=2"]);
    for (index, at) in ["2024-02-28T00:00:00Z", "2024-02-29T00:00:00Z", "2024-03-30T00:00:00Z", "2024-03-31T00:00:00Z"].iter().enumerate() {
        client.send_events(&[event(&format!("m{index}"), "months", "c1", at, json!({}))]).await;
    }
    let months = json!({"event_name": "months", "window_size": "MONTH", "billing_anchor": "2024-01-31T17:00:00Z"});
    let months = usage(&client, autumn(months)).await;
    assert_eq!(results(&months), ["2024-01-31T00:00:00Z=1", "2024-02-29T00:00:00Z=2", "2024-03-31T00:00:00Z=1"]);
}

/// No. 11 of spec 10 §18.
#[tokio::test]
async fn weighted_sums_weigh_by_what_is_left_of_the_time() {
    let app = TestApp::start().await;
    let client = app.client();
    for (id, at, n) in [("1", "2024-06-01T00:00:00Z", 100), ("2", "2024-06-06T00:00:00Z", 50), ("3", "2024-06-10T12:00:00Z", -20)] {
        client.send_events(&[event(id, "api", "c1", at, json!({ "n": n }))]).await;
    }
    let asked = json!({"aggregation_type": "WEIGHTED_SUM", "property_name": "n", "start_time": "2024-06-01T00:00:00Z",
        "end_time": "2024-06-11T00:00:00Z"});
    assert_eq!(usage(&client, asked).await["value"], 124);
}

/// No. 16 of spec 10 §18.
#[tokio::test]
async fn the_end_is_not_part_of_the_time() {
    let app = TestApp::start().await;
    let client = app.client();
    for (id, at) in [("in", "2024-02-29T23:59:59.999Z"), ("out", "2024-03-01T00:00:00.000Z"), ("first", "2024-02-01T00:00:00Z")] {
        client.send_events(&[event(id, "api", "c1", at, json!({}))]).await;
    }
    let february = json!({"start_time": "2024-02-01T00:00:00Z", "end_time": "2024-03-01T00:00:00Z"});
    let mut asked = february.clone();
    asked["aggregation_type"] = "COUNT".into();
    assert_eq!(usage(&client, asked).await["value"], 2);
    let listed = client.post("/v1/events/query", &february).await.ok();
    assert_eq!(listed["total_count"], 3, "the list has its last instant");
}

/// The last seven days are read where no time is asked for; an empty time is answered, one that ends before it begins is not.
#[tokio::test]
async fn the_last_week_is_read_unless_a_time_is_asked_for() {
    let app = TestApp::start().await;
    let client = app.client();
    app.clock.set("2024-06-20T12:00:00Z");
    let id = meter(&client, "api", json!({"type": "COUNT"}), json!({})).await;
    for (id, customer, at) in [
        ("before", "c1", "2024-06-13T11:59:59.999999Z"),
        ("first", "c1", "2024-06-13T12:00:00Z"),
        ("another", "c2", "2024-06-20T11:59:59.999999Z"),
        ("now", "c1", "2024-06-20T12:00:00Z"),
    ] {
        client.send_events(&[event(id, "api", customer, at, json!({}))]).await;
    }
    for (path, what) in [
        ("/v1/events/usage", json!({"event_name": "api", "aggregation_type": "count"})),
        ("/v1/events/usage/meter", json!({"meter_id": id})),
    ] {
        let value = async |with: Value| {
            let mut body = what.clone();
            body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
            client.post(path, &body).await.expect(200).get("value").cloned()
        };
        assert_eq!(value(json!({})).await, Some(json!(2)), "{path}: everybody's");
        assert_eq!(value(json!({"external_customer_id": "c1"})).await, Some(json!(1)), "{path}");
        assert_eq!(value(json!({"end_time": "2024-06-20T12:00:00Z"})).await, Some(json!(2)), "{path}");
        assert_eq!(value(json!({"start_time": "2024-06-01T00:00:00Z"})).await, Some(json!(3)), "{path}");
        assert_eq!(value(json!({"start_time": "2024-06-20T12:00:00Z", "end_time": "2024-06-20T12:00:00Z"})).await, None, "{path}");
        assert_eq!(value(json!({"start_time": "2024-06-13T14:00:00+02:00", "end_time": "2024-06-13T12:00:01Z"})).await, Some(json!(1)));
        let backwards = json!({"start_time": "2024-06-20T12:00:00Z", "end_time": "2024-06-20T11:59:59Z"});
        let mut body = what.clone();
        body.as_object_mut().unwrap().extend(backwards.as_object().unwrap().clone());
        client.post(path, &body).await.invalid();
    }
}

/// No. 18 of spec 10 §18: usage that runs on is one aggregate over all time before the end.
#[tokio::test]
async fn a_meter_that_never_resets_counts_from_the_beginning() {
    let app = TestApp::start().await;
    let client = app.client();
    for (id, at, sum, max) in [("may", "2024-05-10T00:00:00Z", 70, 9), ("june", "2024-06-10T00:00:00Z", 30, 4)] {
        client.send_events(&[event(id, "api", "c1", at, json!({"n": sum, "m": max}))]).await;
    }
    let never = json!({"reset_usage": "NEVER"});
    let june = ("2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z");
    let sum = meter(&client, "api", json!({"type": "SUM", "field": "n"}), never.clone()).await;
    let of_june = usage_of_meter(&client, &sum, june.0, june.1, json!({"window_size": "DAY"})).await;
    assert_eq!((&of_june["value"], results(&of_june)), (&json!(100), vec!["2024-06-10T00:00:00Z=30".to_owned()]));
    let max = meter(&client, "api", json!({"type": "MAX", "field": "m"}), never).await;
    assert_eq!(usage_of_meter(&client, &max, june.0, june.1, json!({})).await["value"], 9);
    let resets = meter(&client, "api", json!({"type": "MAX", "field": "m"}), json!({})).await;
    assert_eq!(usage_of_meter(&client, &resets, june.0, june.1, json!({})).await["value"], 4);
}

/// No. 19 of spec 10 §18.
#[tokio::test]
async fn a_mean_is_taken_over_what_is_asked_for() {
    let app = TestApp::start().await;
    let client = app.client();
    for (id, day, n) in [("1", 5, 10), ("2", 5, 20), ("3", 6, 30), ("4", 6, 4)] {
        client.send_events(&[event(id, "api", "c1", &format!("2025-01-{day:02}T00:00:00Z"), json!({ "n": n }))]).await;
    }
    let mean = json!({"aggregation_type": "avg", "property_name": "n"});
    assert_eq!(usage(&client, mean).await["value"], 16);
    let by_day = usage(&client, json!({"aggregation_type": "AVG", "property_name": "n", "window_size": "DAY"})).await;
    assert_eq!(results(&by_day), ["2025-01-05T00:00:00Z=15", "2025-01-06T00:00:00Z=17"]);
}

/// No. 22 of spec 10 §18.
#[tokio::test]
async fn nothing_is_left_out_and_without_a_property_events_are_counted() {
    let app = TestApp::start().await;
    let client = app.client();
    let nothing = usage(&client, json!({"aggregation_type": "COUNT"})).await;
    assert_eq!(nothing, json!({"event_name": "api", "type": "COUNT"}));
    send(&client, &[json!({}), json!({}), json!({}), json!({})]).await;
    let counted = usage(&client, json!({"aggregation_type": "sum"})).await;
    assert_eq!(counted, json!({"event_name": "api", "type": "COUNT", "value": 4}));
    // A word of a list may be sent empty for none.
    let blank = usage(&client, json!({"aggregation_type": "COUNT", "window_size": "", "bucket_size": null})).await;
    assert_eq!(blank["value"], 4);
}

#[tokio::test]
async fn a_multiplier_belongs_to_its_aggregation_and_is_positive() {
    let app = TestApp::start().await;
    let client = app.client();
    send(&client, &[json!({"n": 3}), json!({"n": 4})]).await;
    let times = json!({"aggregation_type": "SUM_WITH_MULTIPLIER", "property_name": "n", "multiplier": "0.5"});
    assert_eq!(usage(&client, times).await["value"].to_string(), "3.5");
    let ask = |with: Value| {
        let mut body = json!({"event_name": "api", "aggregation_type": "SUM_WITH_MULTIPLIER", "property_name": "n"});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        body
    };
    let table = vec![
        post("nothing", "/v1/events/usage", &ask(json!({"multiplier": "0"}))),
        post("negative", "/v1/events/usage", &ask(json!({"multiplier": "-2"}))),
        post("of a sum", "/v1/events/usage", &ask(json!({"multiplier": "2", "aggregation_type": "SUM"}))),
        post("unknown window", "/v1/events/usage", &ask(json!({"multiplier": "2", "window_size": "YEAR"}))),
        post("unknown bucket", "/v1/events/usage/meter", &json!({"meter_id": "meter_x", "bucket_size": "YEAR"})),
    ];
    assert_refused(&client, table).await;
    client.post("/v1/events/usage/meter", &json!({"meter_id": "meter_x"})).await.not_found();
}

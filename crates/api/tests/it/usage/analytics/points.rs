//! Points: windows of standard meters, buckets rolled up, local days (spec 10 §11.5, §18 no. 7, 9, 19).

use serde_json::{Value, json};

use super::{Story, items, points, text, totals};

/// No. 7: hourly maxima per node.
fn nodes() -> [(&'static str, Value); 5] {
    [
        ("10T10:05:00", json!({"n": 3, "node": "a"})),
        ("10T10:40:00", json!({"n": 5, "node": "a"})),
        ("10T10:50:00", json!({"n": 4, "node": "b"})),
        ("10T11:10:00", json!({"n": 2, "node": "a"})),
        ("10T11:20:00", json!({"n": 1})),
    ]
}

#[tokio::test]
async fn a_bucketed_maximum_rolls_up_to_days() {
    let story = Story::new(json!({"type": "MAX", "field": "n", "bucket_size": "HOUR"}), json!({"amount": "2"})).await;
    story.send(&nodes()).await;
    let day = story.january(json!({"window_size": "DAY"})).await;
    assert_eq!(totals(&day), [("7", "14")]);
    assert_eq!(points(&items(&day)[0]), [("2025-01-10T00:00:00Z", "5", "14")]);
    assert_eq!((&items(&day)[0]["window_size"], &items(&day)[0]["event_count"]), (&json!("DAY"), &json!(5)));
    let hours = [("2025-01-10T10:00:00Z", "5", "10"), ("2025-01-10T11:00:00Z", "2", "4")];
    for finer in ["HOUR", "15MIN"] {
        let hour = story.january(json!({ "window_size": finer })).await;
        assert_eq!(points(&items(&hour)[0]), hours, "{finer}");
        assert_eq!(items(&hour)[0]["window_size"], "HOUR", "a finer question is answered by the bucket");
    }
    assert!(points(&items(&story.january(json!({})).await)[0]).is_empty(), "points are asked for");
}

#[tokio::test]
async fn a_bucketed_maximum_per_node_counts_each_node() {
    let meter = json!({"type": "MAX", "field": "n", "bucket_size": "HOUR", "group_by": "node"});
    let story = Story::new(meter, json!({"amount": "2"})).await;
    story.send(&nodes()).await;
    let day = story.january(json!({"window_size": "DAY"})).await;
    assert_eq!(totals(&day), [("12", "24")]);
    assert_eq!(points(&items(&day)[0]), [("2025-01-10T00:00:00Z", "5", "24")]);
    let by_node = story.january(json!({"group_by": ["properties.node"]})).await;
    let found: Vec<_> = items(&by_node).iter().map(|item| (item["properties"]["node"].as_str(), text(item, "total_usage"))).collect();
    assert_eq!(found, [(None, "1"), (Some("a"), "7"), (Some("b"), "4")]);
}

#[tokio::test]
async fn a_bucketed_sum_adds_up_in_every_window() {
    let story = Story::new(json!({"type": "SUM", "field": "n", "bucket_size": "DAY"}), json!({"amount": "0.001"})).await;
    story.send(&[("10T10:00:00", json!({"n": 3})), ("10T20:00:00", json!({"n": 4})), ("11T00:00:00", json!({"n": 5}))]).await;
    let week = story.january(json!({"window_size": "WEEK"})).await;
    // The 10th is a Friday. 12 × 0.001 is rounded once, for the item.
    assert_eq!(totals(&week), [("12", "0.01")]);
    assert_eq!(points(&items(&week)[0]), [("2025-01-06T00:00:00Z", "12", "0.012")]);
}

/// No. 19: the total is a mean of all events, never a sum of means.
#[tokio::test]
async fn a_total_is_an_aggregate_over_the_whole_time() {
    for (aggregation, total, days) in [
        (json!({"type": "AVG", "field": "n"}), "16", ["15", "17"]),
        (json!({"type": "LATEST", "field": "n"}), "4", ["20", "4"]),
        (json!({"type": "MAX", "field": "n"}), "30", ["20", "30"]),
        (json!({"type": "COUNT_UNIQUE", "field": "user"}), "2", ["1", "2"]),
        (json!({"type": "COUNT"}), "4", ["2", "2"]),
    ] {
        let story = Story::new(aggregation.clone(), json!({})).await;
        story
            .send(&[
                ("01T10:00:00", json!({"n": 10, "user": "u-7"})),
                ("01T11:00:00", json!({"n": 20, "user": "u-7"})),
                ("02T10:00:00", json!({"n": 30, "user": "u-7"})),
                ("02T11:00:00", json!({"n": 4, "user": "u-8"})),
            ])
            .await;
        for with in [json!({}), json!({"sources": [""]}), json!({"group_by": ["source"]})] {
            let mut asked = with.clone();
            asked["window_size"] = "DAY".into();
            let found = story.january(asked).await;
            assert_eq!(totals(&found), [(total, total)], "{aggregation} {with}");
            let usages: Vec<_> = points(&items(&found)[0]).iter().map(|(_, usage, _)| *usage).collect();
            assert_eq!(usages, days, "{aggregation} {with}");
        }
    }
}

/// No. 11: quantities weigh by the rest of the asked time, and of each window.
#[tokio::test]
async fn a_weighted_sum_weighs_by_the_rest_of_each_window() {
    let story = Story::new(json!({"type": "WEIGHTED_SUM", "field": "n"}), json!({"amount": "3"})).await;
    story.send(&[("01T00:00:00", json!({"n": 100})), ("06T00:00:00", json!({"n": 50})), ("10T12:00:00", json!({"n": -20}))]).await;
    let found = story.january(json!({"end_time": "2025-01-11T00:00:00Z", "window_size": "DAY"})).await;
    assert_eq!(totals(&found), [("125", "375")]);
    let usages: Vec<_> = points(&items(&found)[0]).iter().map(|(_, usage, _)| *usage).collect();
    assert_eq!(usages, ["100", "50", "0"], "from midnight, so in whole");
}

/// No. 9: days are the customer's, also where a subscription bills.
#[tokio::test]
async fn windows_begin_in_the_customer_s_zone() {
    let story = Story::of_customer(json!({"type": "COUNT"}), json!({}), json!({"timezone": "Asia/Kolkata"})).await;
    story.send(&[("10T18:29:59", json!({})), ("10T18:30:00", json!({}))]).await;
    let days = story.january(json!({"window_size": "DAY"})).await;
    assert_eq!(points(&items(&days)[0]), [("2025-01-09T18:30:00Z", "1", "1"), ("2025-01-10T18:30:00Z", "1", "1")]);
}

/// Tiers begin anew with each window of a standard meter.
#[tokio::test]
async fn a_point_costs_what_its_usage_costs_alone() {
    let tiers = json!([{"up_to": 10, "unit_amount": "0"}, {"unit_amount": "1"}]);
    let story =
        Story::new(json!({"type": "SUM", "field": "n"}), json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers})).await;
    story.send(&[("10T10:00:00", json!({"n": 8})), ("11T10:00:00", json!({"n": 12}))]).await;
    let days = story.january(json!({"window_size": "DAY"})).await;
    assert_eq!(totals(&days), [("20", "10")]);
    assert_eq!(points(&items(&days)[0]), [("2025-01-10T00:00:00Z", "8", "0"), ("2025-01-11T00:00:00Z", "12", "2")]);
}

/// Every minute of a day and a half, on fifty lines and one more.
#[tokio::test]
async fn an_answer_is_bounded() {
    let story = Story::new(json!({"type": "COUNT"}), json!({})).await;
    for _ in 0..50 {
        story.client.subscribe("acme", &story.plan, "2025-01-01T00:00:00Z", json!({})).await;
    }
    let minute = |minute: i64| {
        let at = format!("2025-01-{:02}T{:02}:{:02}:00Z", minute / 1440 + 1, minute / 60 % 24, minute % 60);
        testkit::event(&minute.to_string(), "api", "acme", &at, json!({}))
    };
    story.client.send_events(&(0..2000).map(minute).collect::<Vec<_>>()).await;
    let century = json!({"start_time": "1970-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z"});
    for times in [json!({}), century] {
        let mut body = json!({
            "external_customer_id": "acme", "start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z", "window_size": "MINUTE",
        });
        body.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        // 51 items with 2000 points each are too many, whether or not the time alone allows for more.
        let refused = story.client.post("/v1/events/analytics", &body).await.invalid();
        assert!(text(&refused, "message").contains("100000 items and points"), "{refused}");
        body["window_size"] = "HOUR".into();
        let hours = story.client.post("/v1/events/analytics", &body).await.ok();
        assert_eq!((items(&hours).len(), points(&items(&hours)[50]).len()), (51, 34));
    }
}

/// Few windows have events, whatever the time: answered.
#[tokio::test]
async fn a_long_time_with_little_in_it_is_answered() {
    let story = Story::new(json!({"type": "COUNT"}), json!({})).await;
    story.send(&[("10T10:00:00", json!({})), ("12T10:00:00", json!({}))]).await;
    let century = json!({"start_time": "1970-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z", "window_size": "MINUTE"});
    assert_eq!(points(&items(&story.january(century).await)[0]).len(), 2);
}

//! What an answer shows, and whose usage it is (spec 10 §§10.2, 11.1 to 11.3, 11.6, 12).

use serde_json::{Value, json};
use testkit::{event, usage_price};

use super::{Story, analytics, items, points, text, totals};

async fn counting() -> Story {
    let story = Story::new(json!({"type": "COUNT"}), json!({"amount": "2"})).await;
    story.send(&[("10T10:00:00", json!({})), ("11T10:00:00", json!({}))]).await;
    story
}

#[tokio::test]
async fn an_item_names_what_it_counts_and_what_bills_it() {
    let story = counting().await;
    let found = story.january(json!({})).await;
    let item = &items(&found)[0];
    for (field, expected) in [
        ("name", "api COUNT"),
        ("feature_id", story.meter.feature_id.as_str()),
        ("meter_id", story.meter.meter_id.as_str()),
        ("plan_id", story.plan.as_str()),
        ("subscription_id", text(&story.subscription, "id")),
        ("currency", "usd"),
        ("subtotal", "4"),
        ("total_discount", "0"),
    ] {
        assert_eq!(text(item, field), expected, "{field}");
    }
    assert_eq!((text(&found, "total_cost"), text(&found, "currency")), ("4", "usd"));
    let embedded = ["price", "meter", "feature", "subscription_line_item", "plan"];
    for field in embedded.iter().chain(&["source", "sources", "bucket_summaries", "total_usage_display", "reporting_unit", "add_on_id"]) {
        assert!(item.get(*field).is_none(), "{field} was not asked for: {item}");
    }
    let expanded = story.january(json!({ "expand": embedded })).await;
    let item = &items(&expanded)[0];
    for (field, id) in [
        ("price", "price_id"),
        ("meter", "meter_id"),
        ("feature", "feature_id"),
        ("subscription_line_item", "sub_line_item_id"),
        ("plan", "plan_id"),
    ] {
        assert_eq!(item[field]["id"], item[id], "{field}: {item}");
    }
}

#[tokio::test]
async fn usage_shows_in_the_feature_s_reporting_unit() {
    let story = Story::new(json!({"type": "SUM", "field": "n"}), json!({})).await;
    let unit = json!({"unit_singular": "minute", "unit_plural": "minutes", "conversion_rate": "60"});
    story.client.put(&format!("/v1/features/{}", story.meter.feature_id), &json!({ "reporting_unit": unit })).await.ok();
    story.send(&[("10T10:00:00", json!({"n": 90_000})), ("10T11:00:00", json!({"n": 1}))]).await;
    let found = story.january(json!({})).await;
    let item = &items(&found)[0];
    // 90,001 / 60 = 1500.0166…
    assert_eq!((text(item, "total_usage"), text(item, "total_usage_display")), ("90001", "1500.02"));
    assert_eq!(item["reporting_unit"]["unit_plural"], "minutes");
}

#[tokio::test]
async fn chosen_features_alone_are_read() {
    let story = counting().await;
    let other = story.client.counted("other").await;
    for (features, found) in [
        (json!([story.meter.feature_id]), 1),
        (json!([other.feature_id]), 0),
        (json!([other.feature_id, story.meter.feature_id]), 1),
        (json!(["feat_unknown"]), 0),
    ] {
        let answer = story.january(json!({ "feature_ids": features })).await;
        assert_eq!(items(&answer).len(), found, "{features}");
        assert_eq!(text(&answer, "total_cost"), if found == 0 { "0" } else { "4" });
    }
}

/// Without subscriptions there is usage, and no cost. Bucketed meters stand there anyway.
#[tokio::test]
async fn usage_that_nothing_bills_costs_nothing() {
    let story = counting().await;
    let bucketed = story.client.metered("idle", json!({"type": "MAX", "field": "n", "bucket_size": "HOUR"}), json!([])).await;
    story.client.send_events(&[event("stranger", "api", "stranger", "2025-01-10T10:00:00Z", json!({}))]).await;
    for (whose, usage) in [("stranger", "1"), ("", "3")] {
        let found = analytics(&story.client, json!({"external_customer_id": whose, "window_size": "DAY"})).await;
        let usages: Vec<_> = items(&found).iter().map(|item| (text(item, "meter_id"), text(item, "total_usage"))).collect();
        assert_eq!(usages, [(story.meter.meter_id.as_str(), usage), (bucketed.meter_id.as_str(), "0")], "{whose}");
        assert_eq!((text(&found, "total_cost"), text(&found, "currency")), ("0", ""));
        assert!(items(&found).iter().all(|item| item.get("price_id").is_none() && item["total_cost"] == "0"));
    }
}

#[tokio::test]
async fn a_customer_whose_subscriptions_do_not_cover_the_time_has_no_items() {
    let story = counting().await;
    let before = json!({"start_time": "2024-01-01T00:00:00Z", "end_time": "2024-02-01T00:00:00Z"});
    let found = story.january(before).await;
    assert_eq!((items(&found).len(), text(&found, "currency")), (0, "usd"));
}

#[tokio::test]
async fn currencies_are_not_added_up() {
    let story = counting().await;
    let plan = story.client.plan("euro").await;
    story.client.price(usage_price(&plan, &story.meter, json!({"currency": "EUR"}))).await;
    let other = story.client.counted("other").await;
    story.client.price(usage_price(&plan, &other, json!({"currency": "EUR"}))).await;
    story.client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({"currency": "eur"})).await;
    let body = json!({"external_customer_id": "acme", "start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z"});
    story.client.post("/v1/events/analytics", &body).await.refused(400, "invalid_operation");
    story.client.send_events(&[event("euro", "other", "acme", "2025-01-10T00:00:00Z", json!({}))]).await;
    let euro = story.january(json!({"feature_ids": [other.feature_id]})).await;
    assert_eq!((text(&euro, "currency"), totals(&euro)), ("eur", vec![("1", "1")]));
}

/// No subscription is left out, however many there are.
#[tokio::test]
async fn more_than_fifty_subscriptions_are_read() {
    let story = counting().await;
    for _ in 0..54 {
        story.client.subscribe("acme", &story.plan, "2025-01-01T00:00:00Z", json!({})).await;
    }
    let found = story.january(json!({})).await;
    assert_eq!((items(&found).len(), text(&found, "total_cost")), (55, "220"));
}

#[tokio::test]
async fn a_bucketed_meter_is_broken_down() {
    let story = Story::new(json!({"type": "SUM", "field": "n", "bucket_size": "HOUR"}), json!({"amount": "0.333"})).await;
    story.send(&[("10T10:00:00", json!({"n": 2})), ("10T11:00:00", json!({"n": 3}))]).await;
    let found = story.january(json!({"window_size": "DAY", "breakdown_bucket": true, "include_children": true})).await;
    let item = &items(&found)[0];
    assert_eq!(points(item), [("2025-01-10T00:00:00Z", "5", "1.665")]);
    assert_eq!(item["points"][0]["buckets"], json!([{"price_id": item["price_id"]}]));
    let summary = json!([{
        "price_id": item["price_id"], "subscription_line_item_id": item["sub_line_item_id"],
        "start": {"hour": 0, "minute": 0}, "end": {"hour": 24, "minute": 0}, "total_usage": "5", "base_charge": "1.665",
    }]);
    assert_eq!(item["bucket_summaries"], summary);
    assert_eq!(text(item, "total_cost"), "1.67");
}

/// Detailed analytics: the last six hours, chosen meters, months from an anchor.
#[tokio::test]
async fn detailed_analytics_read_chosen_meters() {
    let story = counting().await;
    story.client.set_clock("2025-01-11T12:00:00Z").await;
    let detailed = async |with: Value| {
        let mut body = json!({"external_customer_id": "acme"});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        story.client.post("/v1/meter-usage/detailed-analytics", &body).await.ok()
    };
    assert_eq!(totals(&detailed(json!({})).await), [("1", "2")]);
    assert_eq!(totals(&detailed(json!({"meter_ids": [story.meter.meter_id], "start_time": "2025-01-01T00:00:00Z"})).await), [("2", "4")]);
    assert!(items(&detailed(json!({"meter_ids": ["meter_unknown"]})).await).is_empty());
    let months = json!({"start_time": "2025-01-01T00:00:00Z", "window_size": "MONTH", "billing_anchor": "2024-03-11T00:00:00Z"});
    let found = detailed(months).await;
    assert_eq!(points(&items(&found)[0]), [("2024-12-11T00:00:00Z", "1", "2"), ("2025-01-11T00:00:00Z", "1", "2")]);
}

#[tokio::test]
async fn another_tenant_s_usage_is_not_seen() {
    let story = counting().await;
    let found = analytics(&story.app.other_tenant(), json!({})).await;
    assert!(items(&found).is_empty());
}

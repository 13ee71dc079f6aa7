//! Groups, filters and sources (spec 10 §11.1, 11.2, 11.6).

use serde_json::{Value, json};
use testkit::{event, usage_price};

use super::{Story, items, text, totals};

fn requests() -> Vec<Value> {
    let request = |id: &str, at: &str, source: &str, properties: Value| {
        let mut event = event(id, "api", "acme", at, properties);
        event["source"] = source.into();
        event
    };
    vec![
        request("1", "2025-01-10T10:00:00Z", "web", json!({"n": 3, "region": "eu", "tier": 2})),
        request("2", "2025-01-10T11:00:00Z", "web", json!({"n": 4, "region": "us", "tier": "2"})),
        request("3", "2025-01-11T10:00:00Z", "app", json!({"n": 5, "region": "eu"})),
        request("4", "2025-01-11T11:00:00Z", "", json!({"n": 6})),
        // Another customer's and another time's count nowhere.
        request("5", "2025-02-01T00:00:00Z", "web", json!({"n": 100, "region": "eu"})),
        event("6", "api", "other", "2025-01-10T10:00:00Z", json!({"n": 1000, "region": "eu"})),
    ]
}

async fn story() -> Story {
    let tiers = json!([{"up_to": 5, "unit_amount": "1"}, {"unit_amount": "0.5"}]);
    let price = json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers});
    let story = Story::new(json!({"type": "SUM", "field": "n"}), price).await;
    story.client.send_events(&requests()).await;
    story
}

/// Source, properties, usage, cost and events of an item.
type Group<'a> = (Option<&'a str>, String, &'a str, &'a str, i64);

fn group(item: &Value) -> Group<'_> {
    let events = item["event_count"].as_i64().unwrap();
    (item["source"].as_str(), item["properties"].to_string(), text(item, "total_usage"), text(item, "total_cost"), events)
}

fn groups(answer: &Value) -> Vec<Group<'_>> {
    items(answer).iter().map(group).collect()
}

#[tokio::test]
async fn groups_are_priced_each_on_its_own() {
    let story = story().await;
    assert_eq!(totals(&story.january(json!({})).await), [("18", "11.5")]);
    let regions = story.january(json!({"group_by": ["feature_id", "properties.region"]})).await;
    assert_eq!(
        groups(&regions),
        [
            (None, "{}".to_owned(), "6", "5.5", 1),
            (None, r#"{"region":"eu"}"#.to_owned(), "8", "6.5", 2),
            (None, r#"{"region":"us"}"#.to_owned(), "4", "4", 1),
        ]
    );
    assert_eq!(text(&regions, "total_cost"), "16");
    let both = story.january(json!({"group_by": ["source", "properties.region", "source"]})).await;
    assert_eq!(
        groups(&both),
        [
            (None, "{}".to_owned(), "6", "5.5", 1),
            (Some("app"), r#"{"region":"eu"}"#.to_owned(), "5", "5", 1),
            (Some("web"), r#"{"region":"eu"}"#.to_owned(), "3", "3", 1),
            (Some("web"), r#"{"region":"us"}"#.to_owned(), "4", "4", 1),
        ]
    );
}

#[tokio::test]
async fn filters_hold_for_rows() {
    let story = story().await;
    for (with, expected) in [
        (json!({"sources": ["web"]}), vec![("7", "6")]),
        (json!({"sources": ["web", "app"]}), vec![("12", "8.5")]),
        (json!({"sources": ["nobody"]}), vec![]),
        (json!({"property_filters": {"region": ["eu", "us"]}}), vec![("12", "8.5")]),
        (json!({"property_filters": {"region": ["eu"], "tier": ["2"]}}), vec![("3", "3")]),
        // Numbers and their texts are equal, as in the filters of meters.
        (json!({"property_filters": {"tier": ["2.0"]}}), vec![("7", "6")]),
        (json!({"property_filters": {"region": ["eu"]}, "sources": ["app"]}), vec![("5", "5")]),
        (json!({"property_filters": {"region": []}}), vec![("18", "11.5")]),
    ] {
        assert_eq!(totals(&story.january(with.clone()).await), expected, "{with}");
    }
}

#[tokio::test]
async fn sources_are_listed_where_they_are_asked_for() {
    let story = story().await;
    assert!(items(&story.january(json!({})).await)[0].get("sources").is_none());
    let all = story.january(json!({"expand": ["source"]})).await;
    assert_eq!(items(&all)[0]["sources"], json!(["app", "web"]));
    let regions = story.january(json!({"expand": ["source"], "group_by": ["properties.region"]})).await;
    let sources: Vec<_> = items(&regions).iter().map(|item| item["sources"].clone()).collect();
    assert_eq!(sources, [json!([]), json!(["app", "web"]), json!(["web"])]);
    let each = story.january(json!({"expand": ["source"], "group_by": ["source"]})).await;
    let sources: Vec<_> = items(&each).iter().map(|item| item["sources"].clone()).collect();
    assert_eq!(sources, [json!([]), json!(["app"]), json!(["web"])]);
}

#[tokio::test]
async fn groups_that_do_not_exist_are_refused() {
    let story = story().await;
    for wrong in ["price_id", "properties.", "properties.a-b", ""] {
        let body = json!({"external_customer_id": "acme", "group_by": [wrong]});
        story.client.post("/v1/events/analytics", &body).await.invalid();
    }
}

/// Items of different lines are not merged, and each line has the full usage of its own time.
#[tokio::test]
async fn every_line_has_its_own_items() {
    let story = story().await;
    story
        .client
        .price(usage_price(&story.plan, &story.meter, json!({"amount": "2", "start_date": "2025-01-11T00:00:00Z", "display_name": "late"})))
        .await;
    story.client.customer("other").await;
    story.client.subscribe("other", &story.plan, "2025-01-01T00:00:00Z", json!({})).await;
    let requests = [event("7", "api", "other", "2025-01-11T00:00:00Z", json!({"n": 7, "region": "eu"}))];
    story.client.send_events(&requests).await;
    let found = story.january(json!({"external_customer_id": "other", "group_by": ["properties.region"]})).await;
    let mut all = totals(&found);
    all.sort_unstable();
    // 1000 + 7 in the first line: 5 + 1002 × 0.5; only the 7 in the second, which begins with them.
    assert_eq!(all, [("1007", "506"), ("7", "14")]);
}

//! Billing periods: anniversary and calendar, monthly and annual, past starts, end dates (spec 30 §§5, 7, 20).

use serde_json::{Value, json};
use testkit::{Client, TestApp, fixed_price};

use super::{fixed_plan, invoices, text};

/// Advances to each instant and returns the current period after it.
async fn periods_at(client: &Client, subscription: &Value, instants: &[&str]) -> Vec<String> {
    let mut periods = Vec::new();
    for instant in instants {
        client.advance(instant).await;
        let read = client.subscription(text(subscription, "id")).await;
        periods.push(format!("{}..{}", text(&read, "current_period_start"), text(&read, "current_period_end")));
    }
    periods
}

/// Spec 30 §5.4: a start on the 31st comes back to the 31st after February.
#[tokio::test]
async fn an_anniversary_keeps_its_day_over_short_months() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-31T10:00:00Z").await;
    let plan = fixed_plan(&client, "10", "ARREAR").await;
    let made = client.subscribe("acme", &plan, "2025-01-31T10:00:00Z", json!({})).await;
    let periods = periods_at(&client, &made, &["2025-03-01T00:00:00Z", "2025-04-02T00:00:00Z", "2025-05-01T00:00:00Z"]).await;
    assert_eq!(
        periods,
        [
            "2025-02-28T10:00:00Z..2025-03-31T10:00:00Z",
            "2025-03-31T10:00:00Z..2025-04-30T10:00:00Z",
            "2025-04-30T10:00:00Z..2025-05-31T10:00:00Z",
        ]
    );
}

#[tokio::test]
async fn a_calendar_subscription_turns_on_the_first() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-04-15T08:30:00Z").await;
    let plan = fixed_plan(&client, "10", "ARREAR").await;
    let made = client.subscribe("acme", &plan, "2025-04-15T08:30:00Z", json!({"billing_cycle": "calendar"})).await;
    assert_eq!(text(&made, "billing_anchor"), "2025-05-01T00:00:00Z");
    let periods = periods_at(&client, &made, &["2025-05-02T00:00:00Z", "2025-06-02T00:00:00Z"]).await;
    assert_eq!(periods, ["2025-05-01T00:00:00Z..2025-06-01T00:00:00Z", "2025-06-01T00:00:00Z..2025-07-01T00:00:00Z"]);
}

/// Months begin at midnight where the customer is: daylight saving shifts them.
#[tokio::test]
async fn a_calendar_follows_the_customer_s_zone() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-02-14T17:00:00Z").await;
    client.customer_with("ny", json!({"timezone": "America/New_York"})).await;
    let plan = client.plan("fixed").await;
    client.price(fixed_price(&plan, "10", "ARREAR", json!({}))).await;
    let made = client.subscribe("ny", &plan, "2025-02-14T17:00:00Z", json!({"billing_cycle": "calendar"})).await;
    let periods = periods_at(&client, &made, &["2025-03-02T00:00:00Z", "2025-04-02T00:00:00Z"]).await;
    assert_eq!(periods, ["2025-03-01T05:00:00Z..2025-04-01T04:00:00Z", "2025-04-01T04:00:00Z..2025-05-01T04:00:00Z"]);
}

#[tokio::test]
async fn annual_subscriptions_turn_once_a_year() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2024-02-29T12:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("annual").await;
    client.price(fixed_price(&plan, "1200", "ADVANCE", json!({"billing_period": "ANNUAL"}))).await;
    let annual = |cycle: &str| json!({"billing_period": "ANNUAL", "billing_cycle": cycle});
    let anniversary = client.subscribe("acme", &plan, "2024-02-29T12:00:00Z", annual("anniversary")).await;
    let calendar = client.subscribe("acme", &plan, "2024-02-29T12:00:00Z", annual("calendar")).await;
    client.advance("2026-03-01T00:00:00Z").await;
    assert_eq!(
        invoices(&client, &anniversary).await,
        [
            "CREATE 2024-02-29T12..2025-02-28T12 FINALIZED 1200",
            "CYCLE 2024-02-29T12..2025-02-28T12 FINALIZED 1200",
            "CYCLE 2025-02-28T12..2026-02-28T12 FINALIZED 1200",
        ]
    );
    assert_eq!(
        invoices(&client, &calendar).await,
        [
            "CREATE 2024-02-29T12..2025-01-01 FINALIZED 1200",
            "CYCLE 2024-02-29T12..2025-01-01 FINALIZED 1200",
            "CYCLE 2025-01-01..2026-01-01 FINALIZED 1200",
        ]
    );
}

/// Spec 30 §20 no. 10: periods that ended before now are caught up at once, and only once.
#[tokio::test]
async fn a_past_start_is_caught_up() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-04-02T00:00:00Z").await;
    let plan = fixed_plan(&client, "10", "ARREAR").await;
    let made = client.subscribe("acme", &plan, "2025-01-31T10:00:00Z", json!({})).await;
    client.advance("2025-04-02T00:00:00Z").await;
    client.advance("2025-04-02T12:00:00Z").await;
    let expected = [
        "CREATE 2025-01-31T10..2025-02-28T10 SKIPPED 0",
        "CYCLE 2025-01-31T10..2025-02-28T10 FINALIZED 10",
        "CYCLE 2025-02-28T10..2025-03-31T10 FINALIZED 10",
    ];
    assert_eq!(invoices(&client, &made).await, expected);
    let read = client.subscription(text(&made, "id")).await;
    assert_eq!(text(&read, "current_period_start"), "2025-03-31T10:00:00Z");
    client.advance("2025-04-03T00:00:00Z").await;
    assert_eq!(invoices(&client, &made).await, expected, "a second look bills nothing more");
}

/// The rest of no. 10: a period's end is not past its end yet.
#[tokio::test]
async fn a_period_turns_strictly_after_its_end() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-10T00:00:00Z").await;
    let plan = fixed_plan(&client, "10", "ARREAR").await;
    let made = client.subscribe("acme", &plan, "2025-01-10T00:00:00Z", json!({})).await;
    let periods = periods_at(&client, &made, &["2025-02-10T00:00:00Z", "2025-02-10T00:00:01Z"]).await;
    assert_eq!(periods, ["2025-01-10T00:00:00Z..2025-02-10T00:00:00Z", "2025-02-10T00:00:00Z..2025-03-10T00:00:00Z"]);
}

/// Spec 30 §20 no. 11: the last, short period is billed before the contract ends.
#[tokio::test]
async fn an_end_date_shortens_the_last_period() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-10T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("used").await;
    let meter = client.counted("api").await;
    client.price(testkit::usage_price(&plan, &meter, json!({}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-10T00:00:00Z", json!({"end_date": "2025-03-25T00:00:00Z"})).await;
    for (id, at) in [("a", "2025-02-11T00:00:00Z"), ("b", "2025-03-20T00:00:00Z"), ("c", "2025-03-25T00:00:00Z")] {
        client.send_events(&[testkit::event(id, "api", "acme", at, json!({}))]).await;
    }
    client.advance("2025-03-11T00:00:00Z").await;
    let read = client.subscription(text(&made, "id")).await;
    let period = (text(&read, "current_period_start"), text(&read, "current_period_end"));
    assert_eq!((period, text(&read, "subscription_status")), (("2025-03-10T00:00:00Z", "2025-03-25T00:00:00Z"), "active"));
    client.advance("2025-03-26T00:00:00Z").await;
    let read = client.subscription(text(&made, "id")).await;
    assert_eq!((text(&read, "subscription_status"), text(&read, "cancelled_at")), ("cancelled", "2025-03-25T00:00:00Z"));
    client.advance("2025-06-01T00:00:00Z").await;
    assert_eq!(
        invoices(&client, &made).await,
        [
            "CREATE 2025-01-10..2025-02-10 SKIPPED 0",
            "CYCLE 2025-01-10..2025-02-10 SKIPPED 0",
            "CYCLE 2025-02-10..2025-03-10 FINALIZED 1",
            "CYCLE 2025-03-10..2025-03-25 FINALIZED 1",
        ]
    );
}

/// Spec 40 §10: late events are awaited for 15 to 20 minutes, then two hours pass until the invoice is final.
#[tokio::test]
async fn a_draft_is_computed_and_made_final_in_time() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let plan = fixed_plan(&client, "10", "ARREAR").await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    for (instant, expected) in [
        ("2025-02-01T00:14:59Z", "DRAFT 0"),
        ("2025-02-01T00:20:00Z", "DRAFT 10"),
        ("2025-02-01T02:14:59Z", "DRAFT 10"),
        ("2025-02-01T02:20:01Z", "FINALIZED 10"),
    ] {
        client.advance(instant).await;
        assert_eq!(invoices(&client, &made).await[1], format!("CYCLE 2025-01-01..2025-02-01 {expected}"), "at {instant}");
    }
}

//! Parts of periods (spec 30 §10, §20 no. 1, 2, 8; spec 40 §20 no. 4).

use serde_json::{Value, json};
use testkit::{Client, TestApp, fixed_price};

use super::{fixed_plan, invoices, text};

async fn calendar(client: &Client, plan: &str, start: &str, behavior: &str) -> Value {
    let with = json!({"billing_cycle": "calendar", "proration_behavior": behavior});
    client.subscribe("acme", plan, start, with).await
}

/// No. 1: the stub from April 15, 08:30, costs 0.5215275931819418 of 90.00; the next invoice is full.
#[tokio::test]
async fn a_calendar_stub_bills_its_part() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-04-15T08:30:00Z").await;
    let plan = fixed_plan(&client, "90", "ADVANCE").await;
    let made = calendar(&client, &plan, "2025-04-15T08:30:00Z", "create_prorations").await;
    client.advance("2025-05-02T00:00:00Z").await;
    assert_eq!(
        invoices(&client, &made).await,
        ["CREATE 2025-04-15T08:30..2025-05-01 FINALIZED 46.94", "CYCLE 2025-04-15T08:30..2025-05-01 FINALIZED 90"]
    );
}

/// No. 1, second half: 3 seats at 49.99.
#[tokio::test]
async fn a_stub_of_several_seats_rounds_once() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-04-15T08:30:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("seats").await;
    client.price(fixed_price(&plan, "49.99", "ADVANCE", json!({"min_quantity": 3}))).await;
    let made = calendar(&client, &plan, "2025-04-15T08:30:00Z", "create_prorations").await;
    assert_eq!(text(&made["latest_invoice"], "total"), "78.21");
    let line = &made["latest_invoice"]["line_items"][0];
    assert_eq!((text(line, "amount"), text(line, "quantity")), ("78.21", "3"), "the opening invoice carries its lines");
}

/// No. 2: without proration the stub costs the whole; so does a full first period with it.
#[tokio::test]
async fn a_full_price_where_nothing_is_prorated() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-04-01T00:00:00Z").await;
    let plan = fixed_plan(&client, "90", "ADVANCE").await;
    for (start, behavior) in
        [("2025-04-15T08:30:00Z", "none"), ("2025-04-01T00:00:00Z", "create_prorations"), ("2025-04-01T00:00:00Z", "none")]
    {
        let made = calendar(&client, &plan, start, behavior).await;
        assert_eq!(text(&made["latest_invoice"], "total"), "90", "{start} {behavior}");
    }
}

/// No. 8: the full period is counted in the customer's zone.
#[tokio::test]
async fn a_stub_is_measured_in_the_customer_s_zone() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-04-15T18:30:00Z").await;
    client.customer_with("acme", json!({"timezone": "Asia/Kolkata"})).await;
    let plan = client.plan("fixed").await;
    client.price(fixed_price(&plan, "100", "ADVANCE", json!({}))).await;
    let made = calendar(&client, &plan, "2025-04-15T18:30:00Z", "create_prorations").await;
    assert_eq!(text(&made["latest_invoice"], "total"), "50");
}

/// Spec 40 §20 no. 4: a line that begins within the period costs its part by time, whatever the proration behavior. A price that
/// starts later than its subscription makes such a line.
#[tokio::test]
async fn a_line_that_begins_within_the_period_costs_its_part() {
    for (amount, period, line_start, now, expected) in [
        ("93.00", "2025-03-01T00:00:00Z", "2025-03-18T00:00:00Z", "2025-04-02T00:00:00Z", "42"),
        ("58.00", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-02T00:00:00Z", "2"),
        ("70.00", "2027-02-01T00:00:00Z", "2027-02-20T00:00:00Z", "2027-03-02T00:00:00Z", "22.5"),
    ] {
        let app = TestApp::start().await;
        let client = app.client();
        client.set_clock(period).await;
        client.customer("acme").await;
        let plan = client.plan("late").await;
        client.price(fixed_price(&plan, amount, "ARREAR", json!({"start_date": line_start}))).await;
        let made = client.subscribe("acme", &plan, period, json!({})).await;
        client.advance(now).await;
        let invoices = client.invoices(text(&made, "id")).await;
        assert_eq!(text(invoices.last().unwrap(), "total"), expected, "{amount} from {line_start}: {invoices:?}");
    }
}

/// A quarter in months from April 1 is whole; from April 15 it has 77 of 91 days: 100.00 * 77 / 91 = 84.615...
#[tokio::test]
async fn several_months_are_a_part_of_the_period_that_is_billed() {
    for (start, expected) in [("2025-04-01T00:00:00Z", "100"), ("2025-04-15T00:00:00Z", "84.62")] {
        let app = TestApp::start().await;
        let client = app.client();
        client.set_clock(start).await;
        let plan = fixed_plan(&client, "100", "ADVANCE").await;
        let with = json!({"billing_cycle": "calendar", "proration_behavior": "create_prorations", "billing_period_count": 3});
        let made = client.subscribe("acme", &plan, start, with).await;
        assert_eq!(text(&made["latest_invoice"], "total"), expected, "{start}");
        client.advance("2025-07-02T00:00:00Z").await;
        let cycle = client.invoices(text(&made, "id")).await.remove(1);
        assert_eq!(text(&cycle, "total"), "100", "the next three months are whole");
    }
}

/// April has 30 days: what a contract or its cancellation leaves of it costs its part with prorations, and the whole without.
#[tokio::test]
async fn a_period_that_ends_early_costs_its_part_with_prorations() {
    for (behavior, part) in [("create_prorations", "10"), ("none", "30")] {
        for (how, cadence) in [("end_date", "ADVANCE"), ("end_date", "ARREAR"), ("scheduled_date", "ARREAR"), ("immediate", "ARREAR")] {
            let app = TestApp::start().await;
            let client = app.client();
            client.set_clock("2025-04-01T00:00:00Z").await;
            let plan = fixed_plan(&client, "30", cadence).await;
            let mut with = json!({"proration_behavior": behavior});
            if how == "end_date" {
                with["end_date"] = "2025-04-11T00:00:00Z".into();
            }
            let made = client.subscribe("acme", &plan, "2025-04-01T00:00:00Z", with).await;
            client.advance("2025-04-11T00:00:00Z").await;
            if how != "end_date" {
                let body = json!({"cancellation_type": how, "cancel_at": "2025-04-11T00:00:00Z",
                    "cancel_immediately_invoice_policy": "generate_invoice"});
                client.post(&format!("/v1/subscriptions/{}/cancel", text(&made, "id")), &body).await.ok();
            }
            client.advance("2025-05-02T00:00:00Z").await;
            let found = client.invoices(text(&made, "id")).await;
            let totals: Vec<&str> = found.iter().map(|invoice| text(invoice, "total")).filter(|total| *total != "0").collect();
            assert_eq!(totals, [part], "{behavior} {how} {cadence}: {:?}", invoices(&client, &made).await);
        }
    }
}

/// Spec 30 §2.1.
#[tokio::test]
async fn fees_of_several_periods_are_refused_with_prorations_and_whole_without() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-04-15T00:00:00Z").await;
    let plan = fixed_plan(&client, "100", "ADVANCE").await;
    client.price(fixed_price(&plan, "500", "ADVANCE", json!({"billing_period": "ONETIME"}))).await;
    let mut body = json!({"external_customer_id": "acme", "plan_id": plan, "currency": "usd", "billing_period": "MONTHLY",
        "billing_cycle": "calendar", "proration_behavior": "create_prorations"});
    let refused = client.post("/v1/subscriptions", &body).await.invalid();
    assert!(refused.to_string().contains("MONTHLY, ONETIME"), "{refused}");
    body["proration_behavior"] = "none".into();
    assert_eq!(text(&client.post("/v1/subscriptions", &body).await.expect(201)["latest_invoice"], "total"), "600");
}

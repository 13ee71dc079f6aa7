//! Which charges stand on which bill (spec 40 §3, §20 no. 5, 13).

use serde_json::json;
use testkit::{TestApp, event, fixed_price, usage_price};

use super::{invoices, lines, text};

fn owned(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, amount)| ((*name).to_owned(), (*amount).to_owned())).collect()
}

/// No. 5: create bills January's fee; February 1 bills January's usage and February's fee; a cancellation bills usage only.
#[tokio::test]
async fn advance_and_arrear_meet_on_the_bill_between_two_periods() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let meter = client.metered("api", json!({"type": "SUM", "field": "n"}), json!([])).await;
    client.price(fixed_price(&plan, "30", "ADVANCE", json!({"display_name": "Fee"}))).await;
    client.price(usage_price(&plan, &meter, json!({"display_name": "Calls"}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    client.send_events(&[event("a", "api", "acme", "2025-01-20T00:00:00Z", json!({"n": 12}))]).await;
    client.send_events(&[event("b", "api", "acme", "2025-02-05T00:00:00Z", json!({"n": 7}))]).await;
    client.advance("2025-02-10T00:00:00Z").await;
    let body = json!({"cancellation_type": "immediate", "cancel_immediately_inovice_policy": "generate_invoice"});
    client.post(&format!("/v1/subscriptions/{}/cancel", text(&made, "id")), &body).await.expect(200);
    let invoices = client.invoices(text(&made, "id")).await;
    assert_eq!(lines(&invoices[0]), owned(&[("Fee", "30")]));
    assert_eq!(lines(&invoices[1]), owned(&[("Calls", "12"), ("Fee", "30")]));
    assert_eq!(lines(&invoices[2]), owned(&[("Calls", "7")]));
    let services: Vec<_> = invoices[1]["line_items"].as_array().unwrap().iter().map(|line| text(line, "period_start")).collect();
    assert!(services.contains(&"2025-01-01T00:00:00Z") && services.contains(&"2025-02-01T00:00:00Z"), "{services:?}");
}

/// A fee that is due once stands on the opening invoice alone.
#[tokio::test]
async fn a_fee_that_is_due_once_is_billed_once() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ADVANCE", json!({"display_name": "Month"}))).await;
    client.price(fixed_price(&plan, "5", "ADVANCE", json!({"display_name": "Once", "billing_period": "ONETIME"}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    client.advance("2025-05-02T00:00:00Z").await;
    let invoices = client.invoices(text(&made, "id")).await;
    assert_eq!(lines(&invoices[0]), owned(&[("Month", "10"), ("Once", "5")]));
    for invoice in &invoices[1..] {
        assert_eq!(lines(invoice), owned(&[("Month", "10")]));
    }
}

/// No. 13: nothing to bill is SKIPPED, without number and hidden; usage that arrives later makes it an invoice again.
#[tokio::test]
async fn a_period_without_usage_is_skipped_until_there_is_some() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let meter = client.counted("api").await;
    client.price(usage_price(&plan, &meter, json!({"display_name": "Calls"}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    client.advance("2025-02-02T00:00:00Z").await;
    assert_eq!(invoices(&client, &made).await[1], "CYCLE 2025-01-01..2025-02-01 SKIPPED 0");
    let listed = client.post("/v1/invoices/search", &json!({"subscription_id": made["id"]})).await.ok();
    assert_eq!(listed["items"], json!([]));
    let invoice = client.invoices(text(&made, "id")).await.remove(1);
    assert_eq!((text(&invoice, "invoice_number"), lines(&invoice)), ("", owned(&[("Calls", "0")])));
    client.send_events(&[event("late", "api", "acme", "2025-01-31T23:59:59Z", json!({}))]).await;
    let id = text(&invoice, "id");
    client.post(&format!("/v1/invoices/{id}/compute"), &json!({})).await.ok();
    assert_eq!(invoices(&client, &made).await[1], "CYCLE 2025-01-01..2025-02-01 DRAFT 1");
    client.post(&format!("/v1/invoices/{id}/finalize"), &json!({})).await.ok();
    assert_eq!(invoices(&client, &made).await[1], "CYCLE 2025-01-01..2025-02-01 FINALIZED 1");
    client.post(&format!("/v1/invoices/{id}/compute"), &json!({})).await.refused(400, "invalid_operation");
    client.post(&format!("/v1/invoices/{id}/finalize"), &json!({})).await.refused(400, "invalid_operation");
}

/// A line without usage stays on an invoice that has other amounts.
#[tokio::test]
async fn a_line_of_zero_stays_beside_others() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let meter = client.counted("api").await;
    client.price(usage_price(&plan, &meter, json!({"display_name": "Calls"}))).await;
    client.price(fixed_price(&plan, "10", "ARREAR", json!({"display_name": "Fee"}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    client.advance("2025-02-02T00:00:00Z").await;
    let invoices = client.invoices(text(&made, "id")).await;
    assert_eq!(lines(&invoices[1]), owned(&[("Calls", "0"), ("Fee", "10")]));
    let preview = json!({"subscription_id": made["id"], "hide_zero_charges_line_items": true});
    let preview = client.post("/v1/invoices/preview", &preview).await.ok();
    assert_eq!(lines(&preview), owned(&[("Fee", "10")]));
}

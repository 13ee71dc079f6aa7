//! What is free comes off preview and invoice alike, and the explanation says it (spec 40 §4.1).

use serde_json::{Value, json};
use testkit::{Client, TestApp, event, usage_price};

use super::{entitle, limit};

/// Charged units, free units and amount of an invoice's only line.
fn line(invoice: &Value) -> [String; 3] {
    let line = &invoice["line_items"][0];
    ["quantity", "adjusted_entitlement_quantity", "amount"].map(|field| line[field].as_str().unwrap_or_default().to_owned())
}

/// A customer `acme` of a zone, and a plan that sells tokens at 1.00 with a limit; the ids of plan and limit.
async fn sold(client: &Client, zone: &str, with: Value) -> (String, String) {
    client.customer_with("acme", json!({ "timezone": zone })).await;
    let plan = client.plan("basic").await;
    let tokens = client.metered("tokens", json!({"type": "SUM", "field": "n"}), json!([])).await;
    client.price(usage_price(&plan, &tokens, json!({}))).await;
    let limit = entitle(client, limit(&plan, &tokens, with)).await;
    (plan, limit)
}

async fn used(client: &Client, days: &[(&str, i64)]) {
    let events: Vec<Value> = days
        .iter()
        .map(|(day, units)| event(&format!("{day} {units}"), "tokens", "acme", &format!("{day}T12:00:00Z"), json!({"n": units})))
        .collect();
    client.send_events(&events).await;
}

#[tokio::test]
async fn a_daily_limit_comes_off_each_day_on_preview_and_invoice() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let (plan, id) = sold(&client, "UTC", json!({"usage_limit": 100, "usage_reset_period": "DAILY"})).await;
    let subscription = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    // Spec 40 §20 no. 7.
    used(&client, &[("2025-01-02", 80), ("2025-01-03", 150), ("2025-01-04", 100), ("2025-01-05", 260)]).await;
    let preview = client.post("/v1/invoices/preview", &json!({"subscription_id": subscription["id"]})).await.ok();
    assert_eq!(line(&preview), ["210", "380", "210"]);
    let century =
        json!({"subscription_id": subscription["id"], "period_start": "2025-01-01T00:00:00Z", "period_end": "2226-01-01T00:00:00Z"});
    client.post("/v1/invoices/preview", &century).await.invalid();
    client.advance("2025-02-01T12:00:00Z").await;
    let invoice = client.invoices(subscription["id"].as_str().unwrap()).await.last().unwrap().clone();
    assert_eq!((line(&invoice), &invoice["total"]), (line(&preview), &json!("210")));
    let explained = client.get(&format!("/v1/invoices/{}/explanation", invoice["id"].as_str().unwrap())).await.ok();
    let free = &explained["lines"][0]["free"];
    assert_eq!(free, &json!({"entitlement_ids": [id], "limit": "100", "usage_reset_period": "DAILY", "quantity": "380"}));
    assert_eq!(explained["lines"][0]["usage"], "590");
}

#[tokio::test]
async fn a_limit_that_is_there_once_is_not_there_again_next_month() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let (plan, _) = sold(&client, "UTC", json!({"usage_limit": 1000, "usage_reset_period": "NEVER"})).await;
    let subscription = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    used(&client, &[("2025-01-10", 700), ("2025-02-10", 600)]).await;
    client.advance("2025-03-01T12:00:00Z").await;
    let invoices = client.invoices(subscription["id"].as_str().unwrap()).await;
    // Spec 40 §20 no. 8; an invoice of nothing is skipped and keeps its lines.
    let lines: Vec<_> = invoices.iter().filter(|invoice| invoice["billing_reason"] == "SUBSCRIPTION_CYCLE").map(line).collect();
    assert_eq!(lines, [["0", "700", "0"], ["300", "300", "300"]]);
}

#[tokio::test]
async fn a_short_first_period_has_its_part_of_the_limit_and_the_next_the_whole() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-04-15T08:00:00Z").await;
    let (plan, _) = sold(&client, "UTC", json!({"usage_limit": 1000})).await;
    let terms = json!({"billing_cycle": "calendar", "proration_behavior": "create_prorations"});
    let subscription = client.subscribe("acme", &plan, "2025-04-15T08:30:00Z", terms).await;
    used(&client, &[("2025-04-20", 600), ("2025-05-20", 1100)]).await;
    client.advance("2025-06-01T12:00:00Z").await;
    let invoices = client.invoices(subscription["id"].as_str().unwrap()).await;
    let lines: Vec<_> = invoices.iter().filter(|invoice| invoice["billing_reason"] == "SUBSCRIPTION_CYCLE").map(line).collect();
    // Spec 30 §20 no. 3: 522 of 1000.
    assert_eq!(lines, [["78", "522", "78"], ["100", "1000", "100"]]);
}

#[tokio::test]
async fn without_a_limit_usage_is_free_and_the_invoice_is_skipped() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let (plan, _) = sold(&client, "UTC", json!({})).await;
    let subscription = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    used(&client, &[("2025-01-10", 700)]).await;
    client.advance("2025-02-01T12:00:00Z").await;
    let invoices = client.invoices(subscription["id"].as_str().unwrap()).await;
    let cycle = invoices.iter().find(|invoice| invoice["billing_reason"] == "SUBSCRIPTION_CYCLE").unwrap();
    assert_eq!((line(cycle), &cycle["invoice_status"]), (["0".to_owned(), "700".to_owned(), "0".to_owned()], &json!("SKIPPED")));
}

/// Days begin where the customer lives: 23:30 in New York is of the day before midnight there, and of the next one in UTC.
#[tokio::test]
async fn days_are_those_of_the_contracts_zone() {
    for (zone, charged) in [("UTC", "20"), ("America/New_York", "70")] {
        let app = TestApp::start().await;
        let client = app.client();
        client.set_clock("2025-01-01T05:00:00Z").await;
        let (plan, _) = sold(&client, zone, json!({"usage_limit": 100, "usage_reset_period": "DAILY"})).await;
        let subscription = client.subscribe("acme", &plan, "2025-01-01T05:00:00Z", json!({})).await;
        let send = |id: &str, at: &str, units: i64| event(id, "tokens", "acme", at, json!({"n": units}));
        client
            .send_events(&[
                send("a", "2025-01-02T12:00:00Z", 120),
                send("b", "2025-01-03T04:30:00Z", 50),
                // Of the last day, which the period cuts.
                send("c", "2025-02-01T04:00:00Z", 40),
            ])
            .await;
        let preview = client.post("/v1/invoices/preview", &json!({"subscription_id": subscription["id"]})).await.ok();
        assert_eq!(preview["line_items"][0]["quantity"], charged, "{zone}");
    }
}

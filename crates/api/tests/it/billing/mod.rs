//! Stories over HTTP with the sandbox's clock: from the catalog to the invoice.

mod agreement;
mod buckets;
mod cancellation;
mod ended_prices;
mod explanation;
mod late_events;
mod models;
mod numbering;
mod periods;
mod proration;
mod reference_points;
mod renamed_customers;

use serde_json::{Value, json};
use testkit::Client;

/// The fields that a story checks of each invoice: reason, period, status, total.
fn summary(invoices: &[Value]) -> Vec<String> {
    // 2025-02-01T00:00:00Z is 2025-02-01; 2025-02-01T10:00:00Z is 2025-02-01T10.
    let day = |invoice: &Value, field: &str| {
        text(invoice, field).trim_end_matches('Z').trim_end_matches(":00").trim_end_matches("T00").to_owned()
    };
    let line = |invoice: &Value| {
        let (reason, status) = (text(invoice, "billing_reason"), text(invoice, "invoice_status"));
        let reason = reason.trim_start_matches("SUBSCRIPTION_");
        format!("{reason} {}..{} {status} {}", day(invoice, "period_start"), day(invoice, "period_end"), text(invoice, "total"))
    };
    invoices.iter().map(line).collect()
}

/// What [`summary`] says of all invoices of a subscription.
async fn invoices(client: &Client, subscription: &Value) -> Vec<String> {
    summary(&client.invoices(text(subscription, "id")).await)
}

/// The amounts of an invoice's lines by display name, sorted.
fn lines(invoice: &Value) -> Vec<(String, String)> {
    let lines = invoice["line_items"].as_array().into_iter().flatten();
    let mut lines: Vec<_> = lines.map(|line| (text(line, "display_name").to_owned(), text(line, "amount").to_owned())).collect();
    lines.sort();
    lines
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}"))
}

/// A customer `acme` on a plan with one fixed monthly price of this amount.
async fn fixed_plan(client: &Client, amount: &str, cadence: &str) -> String {
    client.customer("acme").await;
    let plan = client.plan("fixed").await;
    client.price(testkit::fixed_price(&plan, amount, cadence, json!({"display_name": "Fee"}))).await;
    plan
}

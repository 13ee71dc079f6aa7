//! What the product made of the year: read back over the API, shown as a table, written as JSON.

use anyhow::{Context, bail};
use domain::money::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::Client;
use super::progress::Progress;
use super::{Contract, catalog};

/// More than a year brings.
const INVOICES_MAX: usize = 100;

/// The year of every airline.
#[derive(Serialize)]
pub(super) struct Report {
    plan: &'static str,
    customers: Vec<CustomerYear>,
}

/// The year of one airline.
#[derive(Serialize)]
struct CustomerYear {
    carrier: String,
    name: String,
    customer_id: String,
    subscription_id: String,
    /// As the product counted them over the contract's lifetime.
    flights: u64,
    /// As the API gives them, in order of their periods.
    invoices: Vec<Value>,
    #[serde(skip)]
    total: Decimal,
}

/// Reads usage and invoices of every contract.
pub(super) async fn collect(
    client: &Client,
    contracts: &[Contract],
    departures_meter: &str,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let bar = progress.bar("invoices", contracts.len());
    let mut customers = Vec::with_capacity(contracts.len());
    for contract in contracts {
        let invoices = invoices(client, contract).await.with_context(|| format!("invoices of {}", contract.carrier))?;
        let flights = flights(client, contract, departures_meter).await.with_context(|| format!("flights of {}", contract.carrier))?;
        let total = invoices.iter().map(total).sum::<anyhow::Result<_>>()?;
        customers.push(CustomerYear {
            carrier: contract.carrier.clone(),
            name: catalog::airline(&contract.carrier).to_owned(),
            customer_id: contract.customer_id.clone(),
            subscription_id: contract.subscription_id.clone(),
            flights,
            invoices,
            total,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Report { plan: catalog::PLAN, customers })
}

/// All invoices of a subscription, each read by its id.
async fn invoices(client: &Client, contract: &Contract) -> anyhow::Result<Vec<Value>> {
    #[derive(Deserialize)]
    struct Page {
        items: Vec<super::Created>,
    }
    let search = json!({ "subscription_id": contract.subscription_id, "limit": INVOICES_MAX, "skip_line_items": true });
    let page: Page = client.post("/invoices/search", &search).await?;
    let mut invoices: Vec<Value> = Vec::with_capacity(page.items.len());
    for found in page.items {
        invoices.push(client.get(&format!("/invoices/{}", found.id)).await?);
    }
    // The opening invoice shares its period with the first invoice and has the lower number.
    let text = |invoice: &Value, field: &str| invoice[field].as_str().unwrap_or_default().to_owned();
    invoices.sort_by_cached_key(|invoice| (text(invoice, "period_start"), text(invoice, "invoice_number")));
    Ok(invoices)
}

/// How many flights the product counted, those after the year too.
async fn flights(client: &Client, contract: &Contract, departures_meter: &str) -> anyhow::Result<u64> {
    let request = json!({ "subscription_id": contract.subscription_id, "lifetime_usage": true });
    let usage: Value = client.post("/subscriptions/usage", &request).await?;
    let charges = usage["charges"].as_array().context("the usage has no charges")?;
    let charge = charges.iter().find(|charge| charge["meter_id"] == departures_meter).context("no charge counts departures")?;
    let quantity: Decimal = charge["quantity"].to_string().parse().context("the quantity is no number")?;
    quantity.to_string().parse().with_context(|| format!("{quantity} flights"))
}

fn total(invoice: &Value) -> anyhow::Result<Decimal> {
    let Some(total) = invoice["total"].as_str() else { bail!("invoice {} has no total", invoice["id"]) };
    total.parse().with_context(|| format!("total of invoice {}", invoice["id"]))
}

impl Report {
    /// Carrier, flights, invoices, total; and their sums.
    pub(super) fn table(&self) -> String {
        let mut rows: Vec<[String; 4]> = self
            .customers
            .iter()
            .map(|customer| {
                let carrier = format!("{} {}", customer.carrier, customer.name);
                [carrier, grouped(&customer.flights.to_string()), customer.invoices.len().to_string(), dollars(&customer.total)]
            })
            .collect();
        let flights: u64 = self.customers.iter().map(|customer| customer.flights).sum();
        let total: Decimal = self.customers.iter().map(|customer| &customer.total).sum();
        rows.push(["all".to_owned(), grouped(&flights.to_string()), self.invoices().to_string(), dollars(&total)]);
        let rule = "-".repeat(62);
        let mut text = format!("\n{:<24}{:>10}{:>10}{:>18}\n{rule}\n", "carrier", "flights", "invoices", "total USD");
        for (index, [carrier, flights, invoices, total]) in rows.iter().enumerate() {
            if index == self.customers.len() {
                text.push_str(&format!("{rule}\n"));
            }
            text.push_str(&format!("{carrier:<24}{flights:>10}{invoices:>10}{total:>18}\n"));
        }
        text
    }

    /// How many invoices there are.
    pub(super) fn invoices(&self) -> usize {
        self.customers.iter().map(|customer| customer.invoices.len()).sum()
    }

    /// The id of a final invoice with many lines: the newest of the airline that pays most.
    pub(super) fn example(&self) -> Option<&str> {
        let customer = self.customers.iter().max_by(|a, b| a.total.cmp(&b.total))?;
        let invoice = customer.invoices.iter().rev().find(|invoice| invoice["invoice_status"] == "FINALIZED")?;
        invoice["id"].as_str()
    }

    /// All of it as JSON.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Dollars and cents with groups of three digits.
fn dollars(amount: &Decimal) -> String {
    let text = amount.round(2).to_string();
    let (whole, cents) = text.split_once('.').unwrap_or((&text, ""));
    format!("{}.{cents:0<2}", grouped(whole))
}

/// Whole digits in groups of three.
pub(super) fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digit.is_ascii_digit() && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_in_dollars_and_cents() {
        for (amount, shown) in
            [("0", "0.00"), ("12.5", "12.50"), ("1234567.89", "1,234,567.89"), ("-100", "-100.00"), ("-1000", "-1,000.00")]
        {
            assert_eq!(dollars(&amount.parse().expect("a decimal")), shown);
        }
    }
}

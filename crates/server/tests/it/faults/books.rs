//! Reads the totals on every path and compares them with the oracle.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::Client;
use super::sent::{EVENT, Usage, external_id, usage_of};
use super::shop::{Contract, METERS, lines_of};

/// A month in which all events lie.
#[derive(Clone, Copy)]
pub(crate) struct Month {
    /// `YYYY-MM`.
    pub(crate) name: &'static str,
    pub(crate) start: &'static str,
    pub(crate) end: &'static str,
}

/// A decimal in hundredths; more places than two must not be.
pub(crate) fn hundredths(value: &Value) -> i64 {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let parsed = if fraction.len() > 2 { None } else { format!("{whole}{fraction:0<2}").parse().ok() };
    parsed.unwrap_or_else(|| panic!("{text} has no hundredths"))
}

/// The parts of a list by name, in the order of [`METERS`]; each must be there once, and no other.
fn by_meter<'a>(list: &'a Value, name: &str) -> [&'a Value; 3] {
    let items = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    assert_eq!(items.len(), METERS.len(), "{list}");
    METERS.map(|(meter, ..)| items.iter().find(|item| item[name] == meter).unwrap_or_else(|| panic!("no {meter} in {list}")))
}

/// What is cheap to ask: the usage of every contract, and how many events there are.
pub(crate) async fn assert_usage(client: &Client, contracts: &[Contract], month: Month, accepted: &BTreeSet<u32>) {
    for contract in contracts {
        subscription_usage(client, contract, &usage_of(contract.customer, accepted)).await;
    }
    let all = json!({ "start_time": month.start, "end_time": month.end, "page_size": 1 });
    let counted = client.post("/v1/events/query", all).await;
    assert_eq!(counted["total_count"], accepted.len(), "events in all");
}

/// Every path, for every customer.
pub(crate) async fn assert_every_path(client: &Client, contracts: &[Contract], month: Month, accepted: &BTreeSet<u32>) {
    assert_usage(client, contracts, month, accepted).await;
    for contract in contracts {
        let usage = usage_of(contract.customer, accepted);
        analytics(client, contract, month, &usage).await;
        usage_by_name(client, contract, month, &usage).await;
        preview(client, contract, &usage).await;
        events(client, contract, month, &usage).await;
    }
}

async fn subscription_usage(client: &Client, contract: &Contract, usage: &Usage) {
    let answer = client.post("/v1/subscriptions/usage", json!({ "subscription_id": contract.subscription_id })).await;
    let found = by_meter(&answer["charges"], "meter_display_name").map(|line| (hundredths(&line["quantity"]), hundredths(&line["amount"])));
    assert_eq!(found, lines_of(usage), "subscription usage of customer {}", contract.customer);
    assert_eq!(hundredths(&answer["amount"]), total(usage), "{answer}");
}

async fn analytics(client: &Client, contract: &Contract, month: Month, usage: &Usage) {
    let asked = json!({
        "external_customer_id": external_id(contract.customer), "start_time": month.start, "end_time": month.end, "window_size": "DAY",
    });
    let answer = client.post("/v1/events/analytics", asked).await;
    let items = by_meter(&answer["items"], "name");
    let found = items.map(|item| (hundredths(&item["total_usage"]), hundredths(&item["total_cost"])));
    assert_eq!(found, lines_of(usage), "analytics of customer {}", contract.customer);
    assert_eq!(hundredths(&answer["total_cost"]), total(usage), "{answer}");
    for item in items {
        assert_eq!(item["event_count"], usage.events, "{item}");
    }
    // Days add up for what can be added.
    let [calls, megabytes, _] = items.map(|item| {
        let points = item["points"].as_array().expect("points");
        points.iter().map(|point| hundredths(&point["usage"])).sum::<i64>()
    });
    assert_eq!((calls, megabytes), (usage.calls, usage.megabytes), "days of customer {}", contract.customer);
}

async fn usage_by_name(client: &Client, contract: &Contract, month: Month, usage: &Usage) {
    let found = METERS.map(|(_, kind, field, _)| {
        json!({
            "event_name": EVENT, "aggregation_type": kind, "property_name": field, "external_customer_id": external_id(contract.customer),
            "start_time": month.start, "end_time": month.end,
        })
    });
    for (asked, (quantity, _)) in found.into_iter().zip(lines_of(usage)) {
        let answer = client.post("/v1/events/usage", asked).await;
        // A total of zero is left out.
        let value = answer.get("value").map_or(0, hundredths);
        assert_eq!(value, quantity, "usage by name of customer {}: {answer}", contract.customer);
    }
}

async fn preview(client: &Client, contract: &Contract, usage: &Usage) {
    let invoice = client.post("/v1/invoices/preview", json!({ "subscription_id": contract.subscription_id })).await;
    assert_invoice(&invoice, usage);
}

/// The lines and the total of an invoice are those of a usage.
pub(crate) fn assert_invoice(invoice: &Value, usage: &Usage) {
    let found = by_meter(&invoice["line_items"], "display_name").map(|line| (hundredths(&line["quantity"]), hundredths(&line["amount"])));
    assert_eq!(found, lines_of(usage), "{invoice}");
    assert_eq!(hundredths(&invoice["total"]), total(usage), "{invoice}");
}

async fn events(client: &Client, contract: &Contract, month: Month, usage: &Usage) {
    let asked = json!({
        "external_customer_id": external_id(contract.customer), "start_time": month.start, "end_time": month.end, "page_size": 1,
    });
    let counted = client.post("/v1/events/query", asked).await;
    assert_eq!(counted["total_count"], usage.events, "events of customer {}", contract.customer);
}

fn total(usage: &Usage) -> i64 {
    lines_of(usage).into_iter().map(|(_, amount)| amount).sum()
}

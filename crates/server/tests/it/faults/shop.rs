//! What is sold in these tests: calls by COUNT, megabytes by SUM, users by COUNT_UNIQUE; and who buys it.

use serde_json::{Value, json};

use super::client::Client;
use super::sent::{EVENT, Usage, external_id};

/// Name of meter, price and line, with the aggregation and the price of one unit. Two decimal places hold every amount.
pub(crate) const METERS: [(&str, &str, &str, &str); 3] =
    [("Calls", "COUNT", "", "0.25"), ("Megabytes", "SUM", "megabytes", "0.02"), ("Users", "COUNT_UNIQUE", "user", "5.00")];

/// A customer with a contract.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    /// Which customer, for the oracle.
    pub(crate) customer: u32,
    pub(crate) subscription_id: String,
}

/// What a usage costs, in the order of [`METERS`]: quantity and amount of each line in hundredths.
pub(crate) fn lines_of(usage: &Usage) -> [(i64, i64); 3] {
    // 25, 2 and 500 cents for each unit; a quantity is in hundredths of a unit.
    [(usage.calls, 25), (usage.megabytes, 2), (usage.users, 500)].map(|(quantity, cents)| (quantity, quantity * cents / 100))
}

/// Sells a plan to some customers, monthly from `start` by calendar months; the sandbox's clock stands there.
pub(crate) async fn open(client: &Client, customers: u32, start: &str) -> Vec<Contract> {
    client.set_clock(start).await;
    let plan = client.post("/v1/plans", json!({ "name": "Standard", "lookup_key": "standard" })).await;
    let plan_id = id(&plan);
    for (name, kind, field, amount) in METERS {
        let aggregation = if field.is_empty() { json!({ "type": kind }) } else { json!({ "type": kind, "field": field }) };
        let meter = json!({ "name": name, "event_name": EVENT, "aggregation": aggregation, "reset_usage": "BILLING_PERIOD" });
        let feature = client.post("/v1/features", json!({ "name": name, "type": "metered", "meter": meter })).await;
        let price = json!({
            "entity_type": "PLAN", "entity_id": plan_id, "display_name": name, "type": "USAGE", "meter_id": feature["meter_id"],
            "currency": "usd", "billing_model": "FLAT_FEE", "amount": amount, "billing_period": "MONTHLY", "billing_period_count": 1,
            "price_unit_type": "FIAT", "invoice_cadence": "ARREAR",
        });
        client.post("/v1/prices", price).await;
    }
    let mut contracts = Vec::new();
    for customer in 0..customers {
        let external_id = external_id(customer);
        let customer_id = id(&client.post("/v1/customers", json!({ "external_id": external_id, "name": external_id })).await);
        let terms = json!({
            "customer_id": customer_id, "plan_id": plan_id, "currency": "usd", "billing_period": "MONTHLY", "billing_period_count": 1,
            "billing_cycle": "calendar", "start_date": start,
        });
        contracts.push(Contract { customer, subscription_id: id(&client.post("/v1/subscriptions", terms).await) });
    }
    contracts
}

/// The id in an answer.
pub(crate) fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
}

//! What the airport sells: one plan of six prices, five of them on meters over the same event.

use anyhow::Context;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::client::Client;
use super::{Created, billing};

/// The plan's lookup key.
pub(super) const PLAN: &str = "airport-2013";
/// The name of every event.
pub(super) const EVENT: &str = "flight";
/// The line whose quantity is the number of flights.
const DEPARTURES: &str = "Departures";

/// A usage price and the meter below it.
struct Metered {
    /// Of feature, meter and price.
    name: &'static str,
    aggregation: Value,
    filters: Value,
    /// Billing model with its figures.
    rate: Value,
}

fn metered() -> [Metered; 5] {
    let tiers = |mode: &str, steps: [(Option<u32>, &str); 3]| {
        let tiers: Vec<Value> = steps.iter().map(|(up_to, amount)| json!({ "up_to": up_to, "unit_amount": amount })).collect();
        json!({ "billing_model": "TIERED", "tier_mode": mode, "tiers": tiers })
    };
    [
        Metered {
            name: DEPARTURES,
            aggregation: json!({ "type": "COUNT" }),
            filters: json!([]),
            rate: tiers("SLAB", [(Some(1000), "25.00"), (Some(5000), "20.00"), (None, "15.00")]),
        },
        Metered {
            name: "Miles flown",
            aggregation: json!({ "type": "SUM", "field": "distance_miles" }),
            filters: json!([]),
            rate: json!({ "billing_model": "PACKAGE", "amount": "4.00", "transform_quantity": { "divide_by": 1000, "round": "up" } }),
        },
        Metered {
            name: "Aircraft",
            aggregation: json!({ "type": "COUNT_UNIQUE", "field": "tailnum" }),
            filters: json!([]),
            rate: json!({ "billing_model": "FLAT_FEE", "amount": "50.00" }),
        },
        Metered {
            name: "JFK slots",
            aggregation: json!({ "type": "COUNT" }),
            filters: json!([{ "key": "origin", "values": ["JFK"] }]),
            rate: tiers("VOLUME", [(Some(500), "10.00"), (Some(2000), "8.00"), (None, "6.00")]),
        },
        Metered {
            name: "Air time",
            aggregation: json!({ "type": "SUM", "field": "air_time_minutes" }),
            filters: json!([]),
            rate: json!({ "billing_model": "FLAT_FEE", "amount": "0.0375" }),
        },
    ]
}

/// Creates plan, features with meters, and prices. Answers the plan's id and the id of the meter that counts all flights.
pub(super) async fn create(client: &Client) -> anyhow::Result<(String, String)> {
    #[derive(Deserialize)]
    struct Feature {
        meter_id: String,
    }
    let plan: Created = client.post("/plans", &json!({ "name": "Airport 2013", "lookup_key": PLAN })).await?;
    let lease = json!({ "type": "FIXED", "billing_model": "FLAT_FEE", "amount": "1500.00", "invoice_cadence": "ADVANCE" });
    create_price(client, &plan.id, "Gate lease", lease).await?;
    let mut departures_meter = String::new();
    for Metered { name, aggregation, filters, rate } in metered() {
        let meter =
            json!({ "name": name, "event_name": EVENT, "aggregation": aggregation, "filters": filters, "reset_usage": "BILLING_PERIOD" });
        let feature: Feature = client
            .post("/features", &json!({ "name": name, "type": "metered", "meter": meter }))
            .await
            .with_context(|| format!("feature {name}"))?;
        let usage = json!({ "type": "USAGE", "invoice_cadence": "ARREAR", "meter_id": feature.meter_id });
        create_price(client, &plan.id, name, merged(usage, rate)).await?;
        if name == DEPARTURES {
            departures_meter = feature.meter_id;
        }
    }
    Ok((plan.id, departures_meter))
}

async fn create_price(client: &Client, plan_id: &str, name: &str, terms: Value) -> anyhow::Result<()> {
    let frame = json!({
        "entity_type": "PLAN",
        "entity_id": plan_id,
        "display_name": name,
        "currency": "usd",
        "billing_period": "MONTHLY",
        "billing_period_count": 1,
        "price_unit_type": "FIAT",
    });
    client.post::<IgnoredAny>("/prices", &merged(frame, terms)).await.with_context(|| format!("price {name}"))?;
    Ok(())
}

/// A contract for the plan from the first of the year, by calendar months.
pub(super) fn subscription(customer_id: &str, plan_id: &str) -> Value {
    json!({
        "customer_id": customer_id,
        "plan_id": plan_id,
        "currency": "usd",
        "billing_period": "MONTHLY",
        "billing_period_count": 1,
        "billing_cycle": "calendar",
        "start_date": billing::YEAR_BEGINS,
    })
}

/// The members of both objects.
fn merged(mut object: Value, other: Value) -> Value {
    if let (Value::Object(members), Value::Object(others)) = (&mut object, other) {
        members.extend(others);
    }
    object
}

/// The airline behind a code of two letters; the code itself when unknown.
pub(super) fn airline(carrier: &str) -> &str {
    match carrier {
        "9E" => "Endeavor Air",
        "AA" => "American Airlines",
        "AS" => "Alaska Airlines",
        "B6" => "JetBlue Airways",
        "DL" => "Delta Air Lines",
        "EV" => "ExpressJet Airlines",
        "F9" => "Frontier Airlines",
        "FL" => "AirTran Airways",
        "HA" => "Hawaiian Airlines",
        "MQ" => "Envoy Air",
        "OO" => "SkyWest Airlines",
        "UA" => "United Air Lines",
        "US" => "US Airways",
        "VX" => "Virgin America",
        "WN" => "Southwest Airlines",
        "YV" => "Mesa Airlines",
        unknown => unknown,
    }
}

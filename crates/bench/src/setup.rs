//! The world under load: twenty meters on six event names, a plan with their prices and a fee, customers with subscriptions.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::process::Server;
use crate::workload::{NAMES, PERIOD_START, event_name, external_id};

pub(crate) const SANDBOX: &str = "00000000-0000-0000-0000-000000000000";
/// Connections that create customers.
const CONNECTIONS: usize = 8;

/// What was created.
pub(crate) struct World {
    pub(crate) customers: Vec<String>,
    pub(crate) subscriptions: Vec<String>,
    /// One per event name.
    calls_meters: Vec<String>,
}

/// Creates everything through the API.
pub(crate) fn create(server: &Server, customers: u32) -> anyhow::Result<World> {
    let mut connection = Connection::open(server.address)?;
    connection.call("PUT", &format!("/environments/{SANDBOX}/clock"), Some(&json!({ "time": PERIOD_START })))?;
    let plan = id(&connection.call("POST", "/plans", Some(&json!({ "name": "Bench" })))?)?;
    let mut calls_meters = Vec::new();
    let fee = json!({ "display_name": "Platform fee", "billing_model": "FLAT_FEE", "amount": "99.00" });
    connection.call("POST", "/prices", Some(&price(&plan, &fee)))?;
    for number in 0..NAMES {
        for (kind, aggregation, terms) in metered(number) {
            let (name, event_name) = (format!("{kind} {number}"), event_name(number));
            let meter = json!({ "name": name, "event_name": event_name, "aggregation": aggregation, "reset_usage": "BILLING_PERIOD" });
            let feature = connection.call("POST", "/features", Some(&json!({ "name": name, "type": "metered", "meter": meter })))?;
            let meter_id = feature["meter_id"].as_str().context("a feature without a meter")?.to_owned();
            let mut price = price(&plan, &terms);
            merge(&mut price, &json!({ "type": "USAGE", "invoice_cadence": "ARREAR", "display_name": name, "meter_id": meter_id }));
            connection.call("POST", "/prices", Some(&price))?;
            if kind == "Calls" {
                calls_meters.push(meter_id);
            }
        }
    }
    let mut world = World { customers: Vec::new(), subscriptions: Vec::new(), calls_meters };
    subscribe(server, customers, &plan, &mut world)?;
    Ok(world)
}

/// A fixed price in advance, with other terms.
fn price(plan: &str, terms: &Value) -> Value {
    let mut price = json!({
        "entity_type": "PLAN", "entity_id": plan, "currency": "usd", "billing_period": "MONTHLY", "billing_period_count": 1,
        "price_unit_type": "FIAT", "type": "FIXED", "invoice_cadence": "ADVANCE",
    });
    merge(&mut price, terms);
    price
}

/// The meters of an event name and the terms of their prices: three, and two with buckets for the last name. Twenty in all.
fn metered(number: u64) -> Vec<(&'static str, Value, Value)> {
    let mut meters = vec![
        (
            "Calls",
            json!({ "type": "COUNT" }),
            json!({ "billing_model": "TIERED", "tier_mode": "SLAB", "tiers": [
                { "up_to": 1000, "unit_amount": "0.01" }, { "up_to": null, "unit_amount": "0.005" } ] }),
        ),
        (
            "Tokens",
            json!({ "type": "SUM", "field": "tokens" }),
            json!({ "billing_model": "PACKAGE", "amount": "0.50", "transform_quantity": { "divide_by": 1000, "round": "up" } }),
        ),
        ("Users", json!({ "type": "COUNT_UNIQUE", "field": "user" }), json!({ "billing_model": "FLAT_FEE", "amount": "2.00" })),
    ];
    if number + 1 == NAMES {
        let flat = json!({ "billing_model": "FLAT_FEE", "amount": "0.001" });
        meters.push(("Peak of an hour", json!({ "type": "MAX", "field": "tokens", "bucket_size": "HOUR" }), flat.clone()));
        meters.push(("Sum of a day", json!({ "type": "SUM", "field": "tokens", "bucket_size": "DAY" }), flat));
    }
    meters
}

/// Customers and their subscriptions, over a few connections: each is a transaction of its own.
fn subscribe(server: &Server, customers: u32, plan: &str, world: &mut World) -> anyhow::Result<()> {
    let bar = crate::report::bar("customers", u64::from(customers), true);
    let next = AtomicU32::new(0);
    let created = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(server.address)?;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= customers {
                            return anyhow::Ok(());
                        }
                        let ids = subscribe_one(&mut connection, number, plan)?;
                        created.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(ids);
                        bar.inc(1);
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
    })?;
    bar.finish_and_clear();
    (world.customers, world.subscriptions) = created.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_iter().unzip();
    Ok(())
}

fn subscribe_one(connection: &mut Connection, number: u32, plan: &str) -> anyhow::Result<(String, String)> {
    let customer = json!({ "external_id": external_id(number), "name": format!("Customer {number}") });
    let customer = id(&connection.call("POST", "/customers", Some(&customer))?)?;
    let subscription = json!({
        "customer_id": customer, "plan_id": plan, "currency": "usd", "billing_period": "MONTHLY", "billing_period_count": 1,
        "billing_cycle": "calendar", "start_date": PERIOD_START,
    });
    let subscription = id(&connection.call("POST", "/subscriptions", Some(&subscription))?)?;
    Ok((customer, subscription))
}

impl World {
    /// Every acknowledged event is counted once: the usages of all customers add up to what was sent.
    pub(crate) fn check_counted(&self, server: &Server, events: u64) -> anyhow::Result<()> {
        let mut connection = Connection::open(server.address)?;
        let mut counted = 0;
        for subscription in &self.subscriptions {
            let usage = connection.call("POST", "/subscriptions/usage", Some(&json!({ "subscription_id": subscription })))?;
            let charges = usage["charges"].as_array().context("a usage without charges")?;
            let of_calls = |charge: &&Value| self.calls_meters.iter().any(|meter| charge["meter_id"] == meter.as_str());
            for calls in charges.iter().filter(of_calls) {
                counted += calls["quantity"].as_u64().with_context(|| format!("{} calls", calls["quantity"]))?;
            }
        }
        if counted != events {
            bail!("{events} events were acknowledged, {counted} are counted");
        }
        Ok(())
    }
}

fn id(created: &Value) -> anyhow::Result<String> {
    Ok(created["id"].as_str().context("no id in an answer")?.to_owned())
}

fn merge(object: &mut Value, other: &Value) {
    if let (Some(members), Some(others)) = (object.as_object_mut(), other.as_object()) {
        members.extend(others.clone());
    }
}

//! Reads over HTTP: usage and preview of subscriptions, customers by id.

use serde_json::json;

use crate::arguments::Arguments;
use crate::connection::request;
use crate::load::{self, Load, Measured};
use crate::process::Server;
use crate::setup::World;
use crate::workload::external_id;

const OK: u16 = 200;
/// Begins and ends inside an hour, so that both edges come from single rows.
const ODD_WINDOW: (&str, &str) = ("2026-06-01T00:04:05Z", "2026-06-27T18:19:20Z");
/// The month of the events.
const MONTH: (&str, &str) = ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z");
/// Of so many reads of a period, one of analytics is made.
const READS_PER_ANALYTICS: u32 = 10;
/// More requests than any server answers in the time.
const WITHOUT_COUNT: u64 = u64::MAX / 2;

/// Usage of the period, usage of an odd window, preview, analytics.
pub(crate) fn subscriptions(server: &Server, world: &World, arguments: &Arguments) -> anyhow::Result<Vec<(&'static str, Measured)>> {
    let (start, end) = ODD_WINDOW;
    let whole = |id: &str| request("POST", "/subscriptions/usage", Some(&json!({ "subscription_id": id })));
    let odd =
        |id: &str| request("POST", "/subscriptions/usage", Some(&json!({ "subscription_id": id, "start_time": start, "end_time": end })));
    let preview = |id: &str| request("POST", "/invoices/preview", Some(&json!({ "subscription_id": id })));
    let run = |label: &'static str, make: &dyn Fn(&str) -> Vec<u8>| -> anyhow::Result<(&'static str, Measured)> {
        let requests: Vec<Vec<u8>> = world.subscriptions.iter().map(|id| make(id)).collect();
        let count = u64::from(arguments.reads);
        Ok((label, random(server, &requests, arguments.read_connections, count, None, label)?))
    };
    let analytics = |label: &'static str, by: Option<&str>, size: Option<&str>| -> anyhow::Result<(&'static str, Measured)> {
        let requests: Vec<Vec<u8>> = (0..arguments.customers)
            .map(|number| {
                let mut body = json!({ "external_customer_id": external_id(number), "start_time": MONTH.0, "end_time": MONTH.1 });
                if let Some(by) = by {
                    body["group_by"] = json!(["feature_id", by]);
                }
                if let Some(size) = size {
                    body["window_size"] = size.into();
                }
                request("POST", "/events/analytics", Some(&body))
            })
            .collect();
        let count = u64::from((arguments.reads / READS_PER_ANALYTICS).max(20));
        Ok((label, random(server, &requests, arguments.read_connections, count, None, label)?))
    };
    Ok(vec![
        run("subscription usage, the period", &whole)?,
        run("subscription usage, an odd window", &odd)?,
        run("invoice preview", &preview)?,
        analytics("analytics of the month, by hour", None, Some("HOUR"))?,
        analytics("analytics of the month, by user (1,000 values)", Some("properties.user"), None)?,
    ])
}

/// Customers of the product, by id.
pub(crate) fn customers(server: &Server, world: &World, arguments: &Arguments) -> anyhow::Result<Measured> {
    get_customers(server, &world.customers, arguments)
}

/// The same requests to the bare server.
pub(crate) fn bare_customers(server: &Server, arguments: &Arguments) -> anyhow::Result<Measured> {
    let ids: Vec<String> = (0..arguments.customers).map(|number| format!("cust_{number:026}")).collect();
    get_customers(server, &ids, arguments)
}

fn get_customers(server: &Server, ids: &[String], arguments: &Arguments) -> anyhow::Result<Measured> {
    let requests: Vec<Vec<u8>> = ids.iter().map(|id| request("GET", &format!("/customers/{id}"), None)).collect();
    let time = Some(arguments.customer_time());
    random(server, &requests, arguments.customer_connections, WITHOUT_COUNT, time, "get customer")
}

/// Sends prepared requests in a scattered order.
fn random(
    server: &Server,
    prepared: &[Vec<u8>],
    connections: u16,
    requests: u64,
    time_max: Option<std::time::Duration>,
    label: &'static str,
) -> anyhow::Result<Measured> {
    let fill = |number: u64, request: &mut Vec<u8>| {
        // A step that shares no factor with any count of customers in use: every customer has its turn.
        let index = usize::try_from(number.wrapping_mul(7_919) % prepared.len().max(1) as u64).unwrap_or(0);
        request.clear();
        request.extend_from_slice(&prepared[index]);
    };
    load::run(&Load { address: server.address, connections, requests, time_max, status: OK, fill: &fill, label })
}

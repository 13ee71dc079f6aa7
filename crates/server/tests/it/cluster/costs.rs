//! The three groups of consumers: raw events, usage, and costs, each with a ledger, offsets and a switch of its own.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::installation::{Installation, PARTITIONS};
use super::process::Process;
use crate::faults::books::{Month, assert_every_path};
use crate::faults::client::Client;
use crate::faults::sent::{CUSTOMERS, EVENT, Sent, bulk, usage_of};
use crate::faults::shop;

const JUNE: Month = Month { name: "2024-06", start: "2024-06-01T00:00:00Z", end: "2024-07-01T00:00:00Z" };
const BATCH: u32 = 300;
/// For what takes seconds, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Cents for a megabyte.
const CENTS: i64 = 3;

/// A meter and its price on a cost sheet; the meter's id.
async fn cost_of_megabytes(client: &Client) -> String {
    let sheet = client.post("/v1/costs", json!({ "name": "Providers" })).await;
    let meter = json!({
        "name": "Provider megabytes", "event_name": EVENT, "aggregation": { "type": "SUM", "field": "megabytes" },
        "reset_usage": "BILLING_PERIOD",
    });
    let meter_id = shop::id(&client.post("/v1/meters", meter).await);
    client.post("/v1/prices", price("COSTSHEET", &shop::id(&sheet["costsheet"]), &meter_id)).await;
    meter_id
}

fn price(entity_type: &str, entity_id: &str, meter_id: &str) -> Value {
    json!({
        "entity_type": entity_type, "entity_id": entity_id, "display_name": "Megabytes", "type": "USAGE", "meter_id": meter_id,
        "currency": "usd", "billing_model": "FLAT_FEE", "amount": format!("0.0{CENTS}"), "billing_period": "MONTHLY",
        "billing_period_count": 1, "price_unit_type": "FIAT", "invoice_cadence": "ARREAR",
    })
}

async fn send(client: &Client, batch: u32) {
    let events: Vec<Sent> = (batch * BATCH..(batch + 1) * BATCH).map(Sent::new).collect();
    client.post("/v1/events/bulk", bulk(&events, JUNE.name)).await;
}

fn accepted(batches: u32) -> BTreeSet<u32> {
    (0..batches * BATCH).collect()
}

/// What so many batches cost, in hundredths of a cent, and what the API says.
async fn costs(client: &Client, batches: u32) -> (String, String) {
    let megabytes: i64 = (0..CUSTOMERS).map(|customer| usage_of(customer, &accepted(batches)).megabytes).sum();
    let asked = json!({ "start_time": JUNE.start, "end_time": JUNE.end });
    let told = client.post("/v1/costs/analytics", asked).await;
    // Trailing zeros say nothing.
    let plain = |text: &str| if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() };
    let (whole, fraction) = (megabytes * CENTS / 10_000, megabytes * CENTS % 10_000);
    (plain(told["total_cost"].as_str().expect("a cost")), plain(&format!("{whole}.{fraction:04}")))
}

/// Waits until costs are those of so many batches.
async fn until_costs(client: &Client, batches: u32) {
    let asked = Instant::now();
    loop {
        let (told, right) = costs(client, batches).await;
        if told == right {
            return;
        }
        assert!(asked.elapsed() < PATIENCE, "costs of {batches} batches are {told} in place of {right}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a consumer has moved a meter, as its log says.
async fn until_moved(consumer: &Process, to: &str) {
    let (asked, moved) = (Instant::now(), format!(r#""to":"{to}""#));
    while !consumer.log().lines().any(|line| line.contains("a meter changes its ledger") && line.contains(&moved)) {
        assert!(asked.elapsed() < PATIENCE, "the meter does not move to {to}:\n{}", consumer.log_end());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Costs hold billing up as little as billing costs, and both are right however the meter came to its ledger: with events before and
/// after, while either group stands still, and back again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn costs_and_billing_do_not_wait_for_each_other() {
    let installation = Installation::new();
    let api = installation.start("api");
    let client = installation.client(&api);
    let contracts = shop::open(&client, CUSTOMERS, JUNE.start).await;
    let consumer = installation.start("consumer");
    let meter_id = cost_of_megabytes(&client).await;
    // Some of them are counted before the meter moves, whenever that is.
    send(&client, 0).await;
    until_moved(&consumer, "Costs").await;
    until_costs(&client, 1).await;
    consumer.stop();

    // Costs alone are switched on: billing stands still, costs do not.
    let off = [("FLEXPRICE_EVENT_PROCESSING_ENABLED", "false"), ("FLEXPRICE_METER_USAGE_TRACKING_ENABLED", "false")];
    let consumer = Process::start(&installation.place, "consumer", &off);
    send(&client, 1).await;
    until_costs(&client, 2).await;
    consumer.stop();
    assert_every_path(&client, &contracts, JUNE, &accepted(1)).await;

    // Costs are switched off: the other way round.
    let off = ("FLEXPRICE_COSTSHEET_USAGE_TRACKING_ENABLED", "false");
    let consumer = Process::start(&installation.place, "consumer", &[off]);
    send(&client, 2).await;
    installation.settle_without(off);
    assert_every_path(&client, &contracts, JUNE, &accepted(3)).await;
    let (told, right) = costs(&client, 2).await;
    assert_eq!(told, right);
    consumer.stop();

    // Something else uses the meter now: it is counted with billing again, all of it.
    let plan = shop::id(&client.post("/v1/plans", json!({ "name": "Megabytes alone" })).await);
    client.post("/v1/prices", price("PLAN", &plan, &meter_id)).await;
    let consumer = installation.start("consumer");
    send(&client, 3).await;
    until_moved(&consumer, "Usage").await;
    until_costs(&client, 4).await;
    installation.settle();
    assert_every_path(&client, &contracts, JUNE, &accepted(4)).await;
    consumer.stop();
    api.stop();
}

/// The guide watches them with Kafka's own tool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafkas_own_tool_shows_all_three_groups() {
    let installation = Installation::new();
    let api = installation.start("api");
    let consumer = installation.start("consumer");
    let client = installation.client(&api);
    shop::open(&client, CUSTOMERS, JUNE.start).await;
    send(&client, 0).await;
    installation.settle();
    let groups = ["raw", "usage", "costs"].map(|group| installation.named(group));
    let mut describe = Command::new("../../dev/services");
    describe.args(["kafka-cli", "consumer.group.ConsumerGroupCommand", "--bootstrap-server", &installation.brokers(), "--describe"]);
    for group in &groups {
        describe.args(["--group", group]);
    }
    let described = describe.output().expect("dev/services runs");
    let shown = String::from_utf8_lossy(&described.stdout).into_owned();
    for group in &groups {
        // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID
        let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        let rows: Vec<_> = rows.iter().filter(|row| row.first() == Some(&group.as_str())).collect();
        assert_eq!(rows.len(), usize::from(PARTITIONS), "{group} of\n{shown}{}", String::from_utf8_lossy(&described.stderr));
        for row in &rows {
            assert_eq!((row[3] == row[4], row[5], row[6] == "-"), (true, "0", false), "{row:?}");
        }
        let read: u32 = rows.iter().map(|row| row[3].parse::<u32>().expect("an offset")).sum();
        assert_eq!(read, BATCH, "{group}");
    }
    consumer.stop();
    api.stop();
}

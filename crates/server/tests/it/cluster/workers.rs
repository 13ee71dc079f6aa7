//! The worker role from end to end: real processes turn a period into a computed invoice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;

use super::installation::Installation;
use super::process::Process;
use crate::faults::books::assert_invoice;
use crate::faults::client::SANDBOX;
use crate::faults::sent::{Sent, bulk, usage_of};
use crate::faults::shop;

const CUSTOMERS: u32 = 2;
const EVENTS: u32 = 400;
/// Schedules look every second here; the rest is a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// `YYYY-MM`, so many months before an instant as the API writes it.
fn months_before(now: &str, months: u32) -> String {
    let number = |range: std::ops::Range<usize>| now[range].parse::<u32>().expect("digits");
    let month = number(0..4) * 12 + number(5..7) - 1 - months;
    format!("{:04}-{:02}", month / 12, month % 12 + 1)
}

/// A worker finds periods that have ended, bills each once with all that was accepted before, and ends well on SIGTERM.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_process_bills_periods_that_ended() {
    let installation = Installation::new();
    let temporal = installation.with_temporal();
    let temporal = temporal.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (api, consumer) = (installation.start("api"), installation.start("consumer"));
    let client = installation.client(&api);
    let clock = format!("/v1/environments/{SANDBOX}/clock");
    let now = client.get(&clock).await["now"].as_str().expect("an instant").to_owned();
    // Two months ago, so that the wait for late events is over on any day.
    let month = months_before(&now, 2);
    let contracts = shop::open(&client, CUSTOMERS, &format!("{month}-01T00:00:00Z")).await;
    let sent: Vec<Sent> = (0..EVENTS).map(Sent::new).collect();
    client.post("/v1/events/bulk", bulk(&sent, &month)).await;
    // From here on the contracts follow the system's time, by which two periods have ended.
    client.send(Method::DELETE, &clock, None).await.expect("answers").accepted(&clock);

    let worker = Process::start(&installation.place, "temporal_worker", &temporal);
    let accepted: BTreeSet<u32> = (0..EVENTS).collect();
    let began = Instant::now();
    for contract in &contracts {
        let path = format!("/v1/invoices?subscription_id={}", contract.subscription_id);
        let invoices = loop {
            let list = client.get(&path).await;
            let invoices = list["items"].as_array().expect("a list").clone();
            if invoices.iter().any(|invoice| invoice["last_computed_at"].is_string() && invoice["invoice_status"] == "DRAFT") {
                break invoices;
            }
            assert!(began.elapsed() < PATIENCE, "no invoice: {list}\n{}", worker.log_end());
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let first: Vec<_> = invoices.iter().filter(|invoice| invoice["period_start"] == format!("{month}-01T00:00:00Z").as_str()).collect();
        assert_eq!(first.len(), 1, "{invoices:?}");
        assert_invoice(first[0], &usage_of(contract.customer, &accepted));
    }
    worker.stop();
    consumer.stop();
    api.stop();
}

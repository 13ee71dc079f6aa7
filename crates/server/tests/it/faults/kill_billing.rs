//! `kill -9` during a billing run: the clock is advanced again after each restart, and in the end the invoices are those of a run
//! that nothing disturbed: each once, with the same lines and the same numbers.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::{Value, json};

use super::books::{assert_invoice, hundredths};
use super::client::{Answer, Client};
use super::random;
use super::sent::{CUSTOMERS, Sent, bulk, usage_of};
use super::serving::Serving;
use super::shop::{self, Contract};
use crate::support::Place;

/// Runs that are disturbed, and how often each is killed before it may finish.
const RUNS: u32 = 4;
const KILLS: u32 = 4;

const START: &str = "2024-01-01T00:00:00Z";
/// Three months have ended and their invoices are final.
const UNTIL: &str = "2024-04-03T00:00:00Z";
const MONTHS: [&str; 3] = ["2024-01", "2024-02", "2024-03"];
const EVENTS_PER_MONTH: u32 = 400;

/// What must be the same in every run of an invoice.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Billed {
    subscription: String,
    period_start: String,
    number: String,
    status: String,
    finalized_at: String,
    due_date: String,
    sequence: i64,
    total: i64,
    lines: Vec<(String, i64, i64)>,
}

impl Billed {
    fn new(invoice: &Value) -> Self {
        let text = |name: &str| invoice[name].as_str().unwrap_or_default().to_owned();
        let line = |line: &Value| {
            let name = line["display_name"].as_str().unwrap_or_default().to_owned();
            (name, hundredths(&line["quantity"]), hundredths(&line["amount"]))
        };
        let mut lines: Vec<_> = invoice["line_items"].as_array().expect("lines").iter().map(line).collect();
        lines.sort();
        Self {
            subscription: text("subscription_id"),
            period_start: text("period_start"),
            number: text("invoice_number"),
            status: text("invoice_status"),
            finalized_at: text("finalized_at"),
            due_date: text("due_date"),
            sequence: invoice["billing_sequence"].as_i64().expect("a number"),
            total: hundredths(&invoice["total"]),
            lines,
        }
    }
}

/// All invoices, also those that are only drafts or skipped, sorted.
async fn billed(client: &Client) -> Vec<Billed> {
    let statuses = json!({ "limit": 1000, "invoice_status": ["DRAFT", "FINALIZED", "VOIDED", "SKIPPED"] });
    let list = client.post("/v1/invoices/search", statuses).await;
    let mut billed: Vec<Billed> = list["items"].as_array().expect("items").iter().map(Billed::new).collect();
    assert_eq!(list["pagination"]["total"], billed.len(), "all on one page");
    billed.sort();
    billed
}

fn copy(from: &Path) -> Place {
    let place = Place::new();
    let copied = Command::new("cp").arg("--archive").arg(from).arg(place.path()).status().expect("cp runs");
    assert!(copied.success());
    place
}

/// A data directory with three months of events and the clock at their beginning.
async fn prepare(place: &Place) -> Vec<Contract> {
    let server = Serving::start(place);
    let client = Client::new(&server.url);
    let contracts = shop::open(&client, CUSTOMERS, START).await;
    for (index, month) in (0..).zip(MONTHS) {
        let events: Vec<Sent> = serials(index).map(Sent::new).collect();
        client.post("/v1/events/bulk", bulk(&events, month)).await;
    }
    server.stop();
    contracts
}

fn serials(month: u32) -> std::ops::Range<u32> {
    month * EVENTS_PER_MONTH..(month + 1) * EVENTS_PER_MONTH
}

/// The undisturbed run, checked against the oracle, and how long it took.
async fn undisturbed(prepared: &Place, contracts: &[Contract]) -> (Vec<Billed>, Duration) {
    let place = copy(&prepared.path().join("data"));
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    let started = Instant::now();
    client.try_advance(UNTIL).await.expect("the server answers").accepted("advance");
    let took = started.elapsed();
    for contract in contracts {
        let list = client.get(&format!("/v1/invoices?subscription_id={}", contract.subscription_id)).await;
        let invoices = list["items"].as_array().expect("items");
        assert_eq!(invoices.len(), MONTHS.len(), "{list}");
        for invoice in invoices {
            let month = MONTHS.iter().position(|month| invoice["period_start"].as_str().is_some_and(|start| start.starts_with(month)));
            let month = u32::try_from(month.expect("a month of the run")).expect("small");
            assert_invoice(invoice, &usage_of(contract.customer, &serials(month).collect()));
        }
    }
    let billed = billed(&client).await;
    assert_numbers(&billed);
    server.stop();
    (billed, took)
}

/// Every ended month of every contract is final, and the numbers of each month run from 1 without gap.
fn assert_numbers(billed: &[Billed]) {
    let billed: Vec<&Billed> = billed.iter().filter(|invoice| invoice.status == "FINALIZED").collect();
    let numbers: BTreeSet<&str> = billed.iter().map(|invoice| invoice.number.as_str()).collect();
    assert_eq!(numbers.len(), billed.len(), "each number is given once");
    assert_eq!(billed.len(), MONTHS.len() * CUSTOMERS as usize, "{billed:#?}");
    let months: BTreeSet<&str> = numbers.iter().map(|number| &number[..number.rfind('-').expect("INV-202402-00001")]).collect();
    for month in months {
        let of_month: Vec<u32> = numbers.iter().filter_map(|number| number.strip_prefix(month)?.strip_prefix('-')?.parse().ok()).collect();
        assert_eq!(of_month, (1..).take(of_month.len()).collect::<Vec<_>>(), "{month} has no gap");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_billing_run_that_is_killed_bills_as_if_nothing_had_happened() {
    let mut random = random::seeded("a_billing_run_that_is_killed_bills_as_if_nothing_had_happened");
    let prepared = Place::new();
    let contracts = prepare(&prepared).await;
    let (expected, took) = undisturbed(&prepared, &contracts).await;
    let mut interrupted = 0;
    for run in 0..RUNS {
        let place = copy(&prepared.path().join("data"));
        for _ in 0..KILLS {
            let server = Serving::start(&place);
            let client = Client::new(&server.url);
            let advance = tokio::spawn(async move { client.try_advance(UNTIL).await });
            // Each kill leaves less to do, so the later ones come sooner.
            tokio::time::sleep(took.mul_f64(random.random_range(0.0..0.4))).await;
            server.kill();
            interrupted += u32::from(advance.await.expect("the client does not fail").is_err());
        }
        let server = Serving::start(&place);
        let client = Client::new(&server.url);
        client.try_advance(UNTIL).await.expect("the server answers").accepted("advance");
        assert_eq!(billed(&client).await, expected, "run {run}");
        let again: Answer = client.try_advance(UNTIL).await.expect("the server answers");
        assert_eq!(again.accepted("advance")["ran"], 0, "a repetition finds nothing to do");
        assert_eq!(billed(&client).await, expected, "run {run}");
        server.stop();
    }
    assert!(interrupted > RUNS * KILLS / 2, "only {interrupted} of {} kills came during a run", RUNS * KILLS);
}

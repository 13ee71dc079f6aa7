//! `flexprice demo`: a year of real flights becomes a year of invoices, over the HTTP API alone.
//!
//! Sixteen airlines are customers of an airport, flights are events. A separate program computes the invoices straight from the
//! flights and compares; when a figure differs, the demo fails.

mod arguments;

/// The flights and which of them are taken.
mod flights;

/// What the airport sells.
mod catalog;

/// In which order events are sent, and which of them twice.
mod delivery;

mod ingest;

mod billing;

mod report;

mod check;

mod client;

mod progress;

pub use arguments::DemoArgs;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;

use client::Client;
use flights::Flights;
use progress::Progress;
use report::Report;

use crate::output;

/// The sandbox of the local defaults.
const SANDBOX: &str = "00000000-0000-0000-0000-000000000000";

/// An airline under contract.
struct Contract {
    carrier: String,
    customer_id: String,
    subscription_id: String,
}

/// An answer of which only the id matters.
#[derive(Deserialize)]
struct Created {
    id: String,
}

/// Runs the demo against a running server whose sandbox is empty.
///
/// # Errors
/// Says what is missing (the data, the server, an empty sandbox), what the server refused, or that a figure differs.
pub async fn run(arguments: &DemoArgs) -> anyhow::Result<()> {
    let progress = Progress::new();
    let flights = flights::read(&arguments.data, arguments.every, arguments.limit)?;
    if !arguments.no_check && !arguments.check.is_file() {
        bail!("{} does not exist: run the demo at the root of the project, name it with --check, or skip it", arguments.check.display());
    }
    let client = Client::new(&arguments.url, &arguments.api_key)?;
    require_empty_sandbox(&client).await?;
    billing::set_clock(&client, billing::YEAR_BEGINS).await?;
    let (plan_id, departures_meter) = catalog::create(&client).await?;
    let contracts = subscribe(&client, &flights, &plan_id, &progress).await?;
    let sent = ingest::send(&client, &flights, &progress).await?;
    let billing_took = turn_the_year(&client, &progress).await?;
    let report = report::collect(&client, &contracts, &departures_meter, &progress).await?;
    conclude(arguments, &report, &sent, billing_took, &client)
}

/// The demo moves the sandbox's clock by years, so it runs only where that disturbs nothing.
async fn require_empty_sandbox(client: &Client) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Page {
        pagination: Pagination,
    }
    #[derive(Deserialize)]
    struct Pagination {
        total: u64,
    }
    let customers: Page = client.get("/customers?limit=1").await?;
    let plans: Page = client.get("/plans?limit=1").await?;
    if customers.pagination.total > 0 || plans.pagination.total > 0 {
        bail!(
            "the sandbox of {} is not empty ({} customers, {} plans); the demo needs an empty one, since it moves the sandbox's \
             clock: start a server with `flexprice serve --data-dir NEW_DIRECTORY`",
            client.url(),
            customers.pagination.total,
            plans.pagination.total
        );
    }
    Ok(())
}

/// Makes each airline a customer with a subscription from the first of the year.
async fn subscribe(client: &Client, flights: &Flights, plan_id: &str, progress: &Progress) -> anyhow::Result<Vec<Contract>> {
    let started = Instant::now();
    let bar = progress.bar("airlines", flights.carriers().len());
    let mut contracts = Vec::with_capacity(flights.carriers().len());
    for carrier in flights.carriers() {
        let customer: Created = client
            .post("/customers", &serde_json::json!({ "external_id": carrier, "name": catalog::airline(carrier) }))
            .await
            .with_context(|| format!("customer {carrier}"))?;
        let subscription: Created = client
            .post("/subscriptions", &catalog::subscription(&customer.id, plan_id))
            .await
            .with_context(|| format!("subscription of {carrier}"))?;
        contracts.push(Contract { carrier: carrier.clone(), customer_id: customer.id, subscription_id: subscription.id });
        bar.inc(1);
    }
    bar.finish_and_clear();
    progress.done(&format!("{} airlines subscribed to plan {} in {:.1?}", contracts.len(), catalog::PLAN, started.elapsed()));
    Ok(contracts)
}

/// Advances the clock month by month; due work of each month is done when its step answers.
async fn turn_the_year(client: &Client, progress: &Progress) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let bar = progress.bar("months", billing::STEPS.len());
    let mut ran = 0;
    for to in billing::STEPS {
        ran += billing::advance(client, to).await.with_context(|| format!("advancing the clock to {to}"))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let took = started.elapsed();
    progress.done(&format!("the year billed in {took:.1?}: {ran} pieces of due work"));
    Ok(took)
}

/// Shows the table, writes the invoices, lets the check have the last word.
fn conclude(arguments: &DemoArgs, report: &Report, sent: &ingest::Sent, billing_took: Duration, client: &Client) -> anyhow::Result<()> {
    output::write(&report.table())?;
    let invoice = report.example().context("no invoice is final")?;
    output::write(&format!(
        "\n{} events and {} repeated ones in {:.1} s: {:.0} events/s\nBilling run: {:.1} s for {} invoices\n\
         One of them: curl -H 'x-api-key: {}' {}/v1/invoices/{invoice}\n",
        report::grouped(&sent.events.to_string()),
        report::grouped(&sent.repeated.to_string()),
        sent.took.as_secs_f64(),
        sent.per_second(),
        billing_took.as_secs_f64(),
        report.invoices(),
        if client.has_public_key() { client::PUBLIC_KEY } else { "$API_KEY" },
        client.url(),
    ))?;
    let json = report.json()?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, &json).with_context(|| format!("cannot write {}", path.display()))?;
        output::write(&format!("All invoices with their lines: {}\n", path.display()))?;
    }
    if arguments.no_check {
        return Ok(());
    }
    check::run(arguments, &json)
}

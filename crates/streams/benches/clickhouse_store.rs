//! What exactly-once, the identities and the hour cells cost on ClickHouse, beside a plain insert of the same rows (ADR 0005).
//!
//! Each batch holds events of one hour, as they happen; with `REPLAY=1` they lie anywhere in a month, which makes the most cells.
//!
//! `EVENTS=1000000 BATCH=50000 cargo bench -p streams --features cluster --bench clickhouse_store`; the server is
//! `FLEXPRICE_TEST_CLICKHOUSE_ADDRESS` (`dev/services up clickhouse`).

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clickhouse::{Client, Row};
use domain::event::Event;
use domain::ids::MeterId;
use domain::meter::{LedgerEntry, Window, WindowSize};
use domain::money::Quantity;
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use rand::RngExt;
use serde::Serialize;
use streams::{
    ClickHouseEventStore, ClickHouseOptions, EventStore, GroupedPart, GroupedQuery, Ledger, LogPartition, LogStore, LoggedBatch,
    LoggedEvent, MeteredEvent, RowFilter, UsageQuery,
};

const CUSTOMERS: usize = 1_000;
/// 2024-05-01T00:00:00Z.
const START: i64 = 1_714_521_600_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;
const MONTH_MICROS: i64 = 31 * 86_400_000_000;

#[tokio::main]
async fn main() -> Result<()> {
    let setting = |name: &str, default: usize| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (events, batch) = (setting("EVENTS", 500_000), setting("BATCH", 50_000));
    let address = std::env::var("FLEXPRICE_TEST_CLICKHOUSE_ADDRESS").unwrap_or_else(|_| "127.0.0.1:8123".to_owned());
    let database = format!("bench_{:016x}", rand::random::<u64>());
    let options =
        ClickHouseOptions { address, database: database.clone(), query_timeout: Duration::from_secs(300), ..ClickHouseOptions::default() };
    let client = Client::default().with_url(format!("http://{}", options.address));
    let store = ClickHouseEventStore::new(options);
    store.migrate().await.context("run dev/services up clickhouse")?;
    let client = client.with_database(&database);
    let outcome = run(&store, &client, events, batch).await;
    client.with_database("default").query(&format!("DROP DATABASE {database} SYNC")).execute().await?;
    outcome
}

async fn run(store: &ClickHouseEventStore, client: &Client, events: usize, batch: usize) -> Result<()> {
    let scope = Scope { tenant_id: "tenant".into(), environment_id: "env".into() };
    let partition = LogPartition { topic: "events".to_owned(), partition: 0 };
    println!("{events} events in batches of {batch}, two meters each");
    plain(client, &scope, events, batch).await?;
    let mut last = None;
    for ledger in Ledger::ALL {
        let (mut after, mut times) = (None, Vec::new());
        for number in (0..).take(events.div_ceil(batch)) {
            let next = logged(&partition, after, (number, batch), &scope);
            last = Some(next.clone());
            let begin = Instant::now();
            let stored = store.append_logged(ledger, next).await?;
            times.push(begin.elapsed());
            anyhow::ensure!(stored.new == batch, "{stored:?}");
            after = stored.position;
        }
        report(&format!("store, {ledger:?}"), batch, &times);
        // The last batch again: a look-up that finds every id, and nothing to write.
        let mut times = Vec::new();
        for _ in 0..5 {
            let mut copies = last.clone().context("no batch")?;
            copies.after = after;
            for (logged, offset) in copies.events.iter_mut().zip(after.map_or(0, |after| after + 1)..) {
                logged.offset = offset;
                copies.last = offset;
            }
            let begin = Instant::now();
            let stored = store.append_logged(ledger, copies).await?;
            times.push(begin.elapsed());
            anyhow::ensure!(stored.new == 0 && stored.duplicates == batch, "{stored:?}");
        }
        report(&format!("look-up of copies, {ledger:?}"), batch, &times);
    }
    reads(store, &scope).await
}

async fn reads(store: &ClickHouseEventStore, scope: &Scope) -> Result<()> {
    let query = |customer: usize, end: i64| UsageQuery {
        external_customer_ids: vec![format!("customer-{customer}")],
        meter_id: "meter_0".into(),
        period: Period::new(Timestamp::from_micros(START + 1), Timestamp::from_micros(end)),
    };
    let (mut months, mut hours) = (Vec::new(), Vec::new());
    for customer in 0..20 {
        let begin = Instant::now();
        store.usage(scope, vec![query(customer, START + MONTH_MICROS - 1)]).await?;
        months.push(begin.elapsed());
        let begin = Instant::now();
        let UsageQuery { external_customer_ids, meter_id, period } = query(customer, START + MONTH_MICROS);
        let part = GroupedPart { meter_id, period, by: Vec::new(), window: Some(Window::new(WindowSize::Hour, Zone::UTC)) };
        let asked = GroupedQuery { external_customer_ids, filter: RowFilter::default(), parts: vec![part], groups_max: 1_000 };
        store.usage_by_group(scope, asked).await?;
        hours.push(begin.elapsed());
    }
    report("usage of a month", 1, &months);
    report("hourly usage of a month", 1, &hours);
    Ok(())
}

fn report(what: &str, events: usize, times: &[Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let total: Duration = sorted.iter().sum();
    let per_second = (events * times.len()) as f64 / total.as_secs_f64();
    println!("{what:32} {per_second:>10.0} /s   median {:?}, slowest {:?}", sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
}

/// An event in the hour of its batch, or anywhere in the month.
fn event(batch: i64) -> MeteredEvent {
    let mut random = rand::rng();
    let micros = if std::env::var_os("REPLAY").is_some() {
        random.random_range(0..MONTH_MICROS)
    } else {
        batch % 744 * HOUR_MICROS + random.random_range(0..HOUR_MICROS)
    };
    let id = format!("{:016x}{:016x}", random.random::<u64>(), random.random::<u64>());
    let entry = |meter: usize, quantity| LedgerEntry {
        meter_id: MeterId::from(format!("meter_{meter}")),
        quantity: Quantity::from_units(quantity),
        unique_hash: (meter == 1).then(|| [random_byte(); 32]),
        group: None,
        weighted: false,
    };
    let event = Event {
        id,
        name: "api.call".to_owned(),
        external_customer_id: format!("customer-{}", random.random_range(0..CUSTOMERS)),
        customer_id: String::new(),
        timestamp: Timestamp::from_micros(START + micros),
        ingested_at: Timestamp::from_micros(START),
        source: "api".to_owned(),
        properties: r#"{"region":"eu-west-1","model":"large","tokens":1234,"cached":false}"#.to_owned(),
    };
    MeteredEvent { event, entries: vec![entry(0, random.random_range(0..1_000_000_000_000_000_000)), entry(1, 1)] }
}

fn random_byte() -> u8 {
    rand::rng().random()
}

fn logged(partition: &LogPartition, after: Option<i64>, (number, events): (i64, usize), scope: &Scope) -> LoggedBatch {
    let first = after.map_or(0, |after| after + 1);
    let events: Vec<LoggedEvent> =
        (first..).take(events).map(|offset| LoggedEvent { offset, scope: scope.clone(), event: event(number) }).collect();
    LoggedBatch { partition: partition.clone(), after, last: events.last().map_or(first, |event| event.offset), events }
}

/// Three rows per event as the usage ledger has them, without index, cells, look-up or token.
#[derive(Row, Serialize)]
struct PlainRow<'a> {
    tenant_id: &'a str,
    environment_id: &'a str,
    meter_id: &'a str,
    external_customer_id: &'a str,
    timestamp: i64,
    event_id: &'a str,
    quantity: i128,
}

async fn plain(client: &Client, scope: &Scope, events: usize, batch: usize) -> Result<()> {
    let columns = "tenant_id LowCardinality(String), environment_id LowCardinality(String), meter_id LowCardinality(String), \
                   external_customer_id String, timestamp DateTime64(6, 'UTC'), event_id String, quantity Int128";
    let order = "tenant_id, environment_id, meter_id, external_customer_id, timestamp";
    client.query(&format!("CREATE TABLE plain ({columns}) ENGINE = MergeTree ORDER BY ({order})")).execute().await?;
    let mut times = Vec::new();
    for number in (0..).take(events.div_ceil(batch)) {
        let events: Vec<MeteredEvent> = (0..batch).map(|_| event(number)).collect();
        let begin = Instant::now();
        let mut insert = client.clone().with_validation(false).insert::<PlainRow<'_>>("plain").await?;
        for MeteredEvent { event, entries } in &events {
            let row = |meter_id, quantity| PlainRow {
                tenant_id: scope.tenant_id.as_str(),
                environment_id: scope.environment_id.as_str(),
                meter_id,
                external_customer_id: &event.external_customer_id,
                timestamp: event.timestamp.micros(),
                event_id: &event.id,
                quantity,
            };
            insert.write(&row("", 0)).await?;
            for entry in entries {
                insert.write(&row(entry.meter_id.as_str(), entry.quantity.to_units())).await?;
            }
        }
        insert.end().await?;
        times.push(begin.elapsed());
    }
    report("plain insert of three rows", batch, &times);
    Ok(())
}

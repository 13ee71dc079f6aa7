//! The embedded event store under load: bulk requests of 1,000 events with random ids from several callers at once, three matching
//! meters, one of them COUNT_UNIQUE, for each of `SETS` event names; then usage of a month for single customers.
//!
//! `EVENTS=10000000 CUSTOMERS=1000 USERS=256 CALLERS=16 SETS=1 SPREAD=now|ordered|random cargo bench -p streams --features jemalloc --bench
//! event_store_load`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench reports on standard output and stops at the first failure")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::event::Event;
use domain::meter::{LedgerEntry, Window, WindowSize};
use domain::money::Quantity;
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use streams::{EmbeddedEventStore, EmbeddedOptions, EventStore, GroupKey, GroupedPart, GroupedQuery, MeteredEvent, RowFilter, UsageQuery};

/// Events per request: the most the API takes.
const REQUEST_EVENTS: u64 = 1_000;
/// 2024-05-01T00:00:00Z.
const START: Timestamp = Timestamp::from_micros(1_714_521_600_000_000);
const DAY_SECONDS: i64 = 86_400;

/// That of the server.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let (events, customers, callers) = (number("EVENTS", 200_000), number("CUSTOMERS", 1_000), number("CALLERS", 16));
    let sets = number("SETS", 1);
    let spread = match std::env::var("SPREAD").as_deref() {
        Ok("now") => Spread::Now,
        Ok("ordered") => Spread::Ordered,
        _ => Spread::Random,
    };
    let dir = tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| ".".to_owned())).unwrap();
    let store = Arc::new(EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()).unwrap());
    let scope = Scope { tenant_id: "tenant".into(), environment_id: "environment".into() };

    let load = Load {
        store: store.clone(),
        scope: scope.clone(),
        sent: AtomicU64::new(0),
        events,
        customers,
        sets,
        users: number("USERS", 256),
        spread,
    };
    let (load, started) = (Arc::new(load), Instant::now());
    let tasks: Vec<_> = (0..callers).map(|seed| tokio::spawn(load.clone().send(seed))).collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let elapsed = started.elapsed();
    println!(
        "appended {events} events in {elapsed:.1?}: {}/s; a request took {}; CPU {} ticks; resident {}",
        u128::from(events) * 1_000 / elapsed.as_millis().max(1),
        percentiles(&mut latencies),
        ticks(),
        resident()
    );

    ask(&store, &scope, customers, "usage of a whole month, 5 meters", START, START.plus_seconds(31 * DAY_SECONDS)).await;
    ask(&store, &scope, customers, "usage with cut edges, 5 meters", START.plus_seconds(1), START.plus_seconds(30 * DAY_SECONDS - 77))
        .await;
    ask_apart(&load, "hourly usage of a month", &[], Some(Window::new(WindowSize::Hour, Zone::UTC))).await;
    ask_apart(&load, "usage of a month by user", &[GroupKey::Property("user".to_owned())], None).await;
    let began = Instant::now();
    let all = UsageQuery { external_customer_ids: Vec::new(), ..query(0, "meter-0", START, START.plus_seconds(31 * DAY_SECONDS)) };
    let usage = store.usage(&scope, vec![all]).await.unwrap();
    println!("a month of the whole scope ({} events): {:.1?}", usage[0].events, began.elapsed());
    println!("resident {}; disk {} MB", resident(), disk_bytes(dir.path()) >> 20);
    store.close().await;
}

/// What all callers share.
struct Load {
    store: Arc<EmbeddedEventStore>,
    scope: Scope,
    sent: AtomicU64,
    events: u64,
    customers: u64,
    /// Event names, each with meters of its own.
    sets: u64,
    /// Unique values of each customer.
    users: u64,
    spread: Spread,
}

/// How event times run.
#[derive(Clone, Copy)]
enum Spread {
    /// Ten microseconds apart: live traffic.
    Now,
    /// A month from its beginning to its end.
    Ordered,
    /// A month, all days at once: the worst case.
    Random,
}

impl Load {
    /// Sends requests until enough have been sent.
    async fn send(self: Arc<Self>, seed: u64) -> Vec<Duration> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut latencies = Vec::new();
        loop {
            let first = self.sent.fetch_add(REQUEST_EVENTS, Ordering::Relaxed);
            if first >= self.events {
                return latencies;
            }
            let batch: Vec<_> = (first..(first + REQUEST_EVENTS).min(self.events)).map(|serial| self.event(&mut random, serial)).collect();
            let began = Instant::now();
            self.store.append(&self.scope, batch).await.unwrap();
            latencies.push(began.elapsed());
        }
    }

    fn event(&self, random: &mut StdRng, serial: u64) -> MeteredEvent {
        let id: u128 = random.random();
        let micros = match self.spread {
            Spread::Now => i64::try_from(serial).unwrap() * 10,
            Spread::Ordered => i64::try_from(u128::from(serial) * 30 * 86_400_000_000 / u128::from(self.events)).unwrap(),
            Spread::Random => random.random_range(0..30 * DAY_SECONDS * 1_000_000),
        };
        let amount: u32 = random.random_range(0..10_000);
        let user = random.random_range(0..self.users);
        let set = random.random_range(0..self.sets);
        let meter = |number: u64| format!("meter-{}", 3 * set + number);
        let mut unique = [0; 32];
        StdRng::seed_from_u64(user).fill_bytes(&mut unique);
        let entry = |meter: &str, units: i128, unique_hash| LedgerEntry {
            meter_id: meter.into(),
            quantity: Quantity::from_units(units),
            unique_hash,
            group: None,
            weighted: false,
        };
        MeteredEvent {
            event: Event {
                id: format!("{id:036x}"),
                name: format!("api.request.{set}"),
                external_customer_id: format!("customer-{}", random.random_range(0..self.customers)),
                customer_id: String::new(),
                timestamp: START.plus_micros(micros),
                ingested_at: START,
                source: "bench".into(),
                properties: format!(
                    r#"{{"region":"eu-central-1","user":"user-{user}","tokens":{amount},"model":"large","request":"{id:x}"}}"#
                ),
            },
            entries: vec![
                entry(&meter(0), Quantity::ONE.to_units(), None),
                entry(&meter(1), i128::from(amount) * Quantity::ONE.to_units(), None),
                entry(&meter(2), Quantity::ONE.to_units(), Some(unique)),
            ],
        }
    }
}

/// Usage told apart, of every meter: one call for each and one for all, by turns.
async fn ask_apart(load: &Load, what: &str, by: &[GroupKey], window: Option<Window>) {
    let mut random = StdRng::seed_from_u64(2);
    let period = Period::new(START, START.plus_seconds(31 * DAY_SECONDS));
    let parts: Vec<GroupedPart> = (0..3 * load.sets)
        .map(|meter| GroupedPart { meter_id: format!("meter-{meter}").as_str().into(), period, by: by.to_vec(), window })
        .collect();
    let (mut single, mut together) = ((Vec::new(), 0), (Vec::new(), 0));
    for _ in 0..100 {
        let external_customer_ids = vec![format!("customer-{}", random.random_range(0..load.customers))];
        let asked = |parts: &[GroupedPart]| GroupedQuery {
            external_customer_ids: external_customer_ids.clone(),
            filter: RowFilter::default(),
            parts: parts.to_vec(),
            groups_max: 100_000,
        };
        let (began, ticks) = (Instant::now(), self::ticks());
        let mut answers = Vec::new();
        for part in parts.chunks(1) {
            answers.extend(load.store.usage_by_group(&load.scope, asked(part)).await.unwrap());
        }
        single.0.push(began.elapsed());
        single.1 += self::ticks() - ticks;
        let (began, ticks) = (Instant::now(), self::ticks());
        assert_eq!(load.store.usage_by_group(&load.scope, asked(&parts)).await.unwrap(), answers);
        together.0.push(began.elapsed());
        together.1 += self::ticks() - ticks;
    }
    let told = |(latencies, ticks): &mut (Vec<Duration>, u64)| format!("{}, CPU {ticks} ticks", percentiles(latencies));
    println!("{what}, {} meters: one by one {}; together {}", parts.len(), told(&mut single), told(&mut together));
}

async fn ask(store: &EmbeddedEventStore, scope: &Scope, customers: u64, what: &str, start: Timestamp, end: Timestamp) {
    let mut random = StdRng::seed_from_u64(1);
    let mut latencies = Vec::new();
    for _ in 0..500 {
        let customer = random.random_range(0..customers);
        let queries = ["meter-0", "meter-1", "meter-2", "meter-0", "meter-2"].map(|meter| query(customer, meter, start, end)).to_vec();
        let began = Instant::now();
        store.usage(scope, queries).await.unwrap();
        latencies.push(began.elapsed());
    }
    println!("{what}: {}", percentiles(&mut latencies));
}

fn query(customer: u64, meter: &str, start: Timestamp, end: Timestamp) -> UsageQuery {
    UsageQuery { external_customer_ids: vec![format!("customer-{customer}")], meter_id: meter.into(), period: Period::new(start, end) }
}

fn percentiles(latencies: &mut [Duration]) -> String {
    latencies.sort();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    format!("p50 {:.1?}, p99 {:.1?}", at(50), at(99))
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |name: &str| -> u64 {
        status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    format!("{} MB, peak {} MB", kib("VmRSS:") >> 10, kib("VmHWM:") >> 10)
}

/// User and system time of the process so far, in clock ticks of 10 ms.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    stat.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn disk_bytes(dir: &std::path::Path) -> u64 {
    std::fs::read_dir(dir).unwrap().map(Result::unwrap).fold(0, |bytes, entry| {
        let metadata = entry.metadata().unwrap();
        bytes + if metadata.is_dir() { disk_bytes(&entry.path()) } else { metadata.len() }
    })
}

//! Inserts without HTTP. The event store by itself does all that the server does after reading and measuring; its engine by itself
//! does the least an event can cost: one row, durable in groups.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use domain::event::Event;
use domain::ids::MeterId;
use domain::meter::LedgerEntry;
use domain::money::Quantity;
use domain::scope::Scope;
use domain::time::Timestamp;
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use streams::{EmbeddedEventStore, EmbeddedOptions, EventStore, MeteredEvent};

use crate::arguments::Arguments;
use crate::load::Measured;
use crate::process::own_processor_time;
use crate::report::Ingested;
use crate::workload::{BATCH_EVENTS, PERIOD_START_MICROS, Sample, Workload, event_name, external_id, mix};

/// As long as the properties of the events that are sent.
const PROPERTIES: &str = r#"{"tokens":"1234","user":"user-123","region":"eu-west-1","model":"large"}"#;
/// Rows of one commit of the engine by itself: what the store's groups hold at most.
const GROUP_ROWS: u64 = 8_000;

/// The engine: one row per event under its id, one commit with one sync per group.
pub(crate) fn plain(dir: &Path, arguments: &Arguments) -> anyhow::Result<Ingested> {
    let workload = arguments.workload(arguments.baseline_events());
    let database = Database::builder(dir.join("plain")).manual_journal_persist(true).open()?;
    let rows = database.keyspace("rows", KeyspaceCreateOptions::default)?;
    let before = own_processor_time()?;
    let started = Instant::now();
    let mut latencies = Vec::new();
    let mut value = [b'x'; 220];
    for first in (0..workload.events).step_by(usize::try_from(GROUP_ROWS)?) {
        let sent = Instant::now();
        let mut batch = database.batch().durability(Some(PersistMode::SyncData));
        for number in first..(first + GROUP_ROWS).min(workload.events) {
            let sample = workload.sample(number);
            value[..8].copy_from_slice(&sample.tokens.to_be_bytes());
            batch.insert(&rows, sample.id.to_be_bytes(), value);
        }
        batch.commit()?;
        latencies.push(micros(sent));
    }
    Ok(Ingested {
        events: workload.events,
        measured: Measured::of(latencies.len() as u64, started.elapsed(), latencies),
        server_processor: Some(own_processor_time()? - before),
        load_processor: None,
    })
}

/// The event store: the same events and ledger entries, as many requests under way as connections send.
pub(crate) fn metered(dir: &Path, arguments: &Arguments) -> anyhow::Result<Ingested> {
    let workload = arguments.workload(arguments.baseline_events());
    let batches = workload.events / u64::from(BATCH_EVENTS);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let before = own_processor_time()?;
    let store = std::sync::Arc::new(EmbeddedEventStore::open(dir.join("metered"), EmbeddedOptions::default())?);
    let started = Instant::now();
    let latencies = runtime.block_on(async {
        let next = std::sync::Arc::new(AtomicU64::new(0));
        let workers: Vec<_> = (0..arguments.connections)
            .map(|_| {
                let (store, next) = (store.clone(), next.clone());
                tokio::spawn(async move {
                    let scope = Scope { tenant_id: "bench".into(), environment_id: "bench".into() };
                    let mut latencies = Vec::new();
                    loop {
                        let batch = next.fetch_add(1, Ordering::Relaxed);
                        if batch >= batches {
                            return anyhow::Ok(latencies);
                        }
                        let events = metered_batch(&workload, batch);
                        let sent = Instant::now();
                        store.append(&scope, events).await?;
                        latencies.push(micros(sent));
                    }
                })
            })
            .collect();
        let mut latencies = Vec::new();
        for worker in workers {
            latencies.extend(worker.await.context("a task failed")??);
        }
        anyhow::Ok(latencies)
    })?;
    let took = started.elapsed();
    let processor = own_processor_time()? - before;
    runtime.block_on(store.close());
    Ok(Ingested {
        events: workload.events,
        measured: Measured::of(latencies.len() as u64, took, latencies),
        server_processor: Some(processor),
        load_processor: None,
    })
}

fn metered_batch(workload: &Workload, batch: u64) -> Vec<MeteredEvent> {
    let first = batch * u64::from(BATCH_EVENTS);
    (first..first + u64::from(BATCH_EVENTS)).map(|number| metered_event(&workload.sample(number))).collect()
}

fn metered_event(sample: &Sample) -> MeteredEvent {
    let timestamp = Timestamp::from_micros(PERIOD_START_MICROS + i64::try_from(sample.millis).unwrap_or(0) * 1_000);
    let entry = |meter: &str, units: u64, unique_hash| LedgerEntry {
        meter_id: MeterId::from(format!("meter_{meter}_{}", sample.name)),
        quantity: Quantity::from_units(i128::from(units) * Quantity::ONE.to_units()),
        unique_hash,
        group: None,
        weighted: false,
    };
    // Stands for a SHA-256: random in every byte, the same for the same user.
    let mut hash = [0; 32];
    for (salt, eight) in (0..).step_by(1 << 32).zip(hash.chunks_exact_mut(8)) {
        eight.copy_from_slice(&mix(salt + sample.user).to_be_bytes());
    }
    MeteredEvent {
        event: Event {
            id: format!("evt-{:016x}", sample.id),
            name: event_name(sample.name),
            external_customer_id: external_id(sample.customer),
            customer_id: String::new(),
            timestamp,
            ingested_at: timestamp,
            source: "gateway".to_owned(),
            properties: PROPERTIES.to_owned(),
        },
        entries: vec![entry("calls", 1, None), entry("tokens", sample.tokens, None), entry("users", 1, Some(hash))],
    }
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

//! A store that takes nothing for a while: what the consumer holds in memory stays bounded, and afterwards all is counted, once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::event::Event;
use streams::kafka::{ConsumerOptions, Handled, HandlerError, KafkaConsumer, LogHandler, RecordBatch};
use streams::{
    ClickHouseEventStore, ClickHouseOptions, EventStore, Ledger, LogPartition, LogStore, LoggedBatch, LoggedEvent, MeteredEvent,
};
use tokio::io::{AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::harness::{Log, MemoryStore, event, events, gauges, kafka, scope, until};
use crate::clickhouse::fixture::Database;
use crate::model::{entry, query};

const PARTITIONS: u16 = 6;
const BATCHES: usize = 2;
const BATCH_BYTES: usize = 20_000;

/// What may be in memory: each batch may pass its limit by one message.
fn bound() -> f64 {
    let message = 400;
    f64::from(u32::try_from(BATCHES * (BATCH_BYTES + message)).unwrap())
}

fn buffered(log: &Log) -> f64 {
    let of_group = |(key, _): &(&String, &f64)| key.contains("buffered_bytes") && key.contains(&log.group);
    gauges().lock().unwrap().iter().filter(of_group).map(|(_, value)| *value).sum()
}

fn options(log: &Log) -> ConsumerOptions {
    ConsumerOptions { batches_in_flight_max: BATCHES, batch_bytes_max: BATCH_BYTES, prefetch_bytes_max: 64 << 10, ..log.consumer() }
}

/// Every partition has a batch that the store refused: none keeps it in memory, and those that come later get their turn.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_wait_for_a_store_keep_no_batch_in_memory() {
    gauges();
    let log = Log::new(PARTITIONS).await;
    let store = MemoryStore::new();
    store.failures.store(u32::MAX, Ordering::SeqCst);
    log.producer().publish(&scope(), events(0..5_000)).await.unwrap();
    let consumer = KafkaConsumer::start(&kafka(), options(&log), store.clone()).unwrap();
    let waits = |why: &str| why.contains("the store is away");
    until("all partitions wait", async || {
        assert!(buffered(&log) <= bound());
        let states = consumer.partitions();
        let waiting = states.values().filter(|state| matches!(state, streams::kafka::PartitionState::Retrying(why) if waits(why)));
        waiting.count() == usize::from(PARTITIONS)
    })
    .await;
    until("nothing is held between two tries", async || buffered(&log) == 0.0).await;
    store.failures.store(0, Ordering::SeqCst);
    until("all are stored", async || {
        assert!(buffered(&log) <= bound());
        store.rows() == 5_000
    })
    .await;
    until("all are committed", async || log.lag().await == 0).await;
    consumer.stop().await;
    store.assert_gapless();
    assert_eq!(buffered(&log), 0.0);
}

/// A wire to a server that can be stopped: what is sent stays where it is until it goes on.
struct Wire {
    address: SocketAddr,
    flows: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Wire {
    async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (flows, flowing) = watch::channel(true);
        let server = server.trim_start_matches("http://").to_owned();
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (server, mut flowing) = (server.clone(), flowing.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(&server).await else { return };
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    let asks = tokio::spawn(async move {
                        let _cut = copy(&mut from_client, &mut to_server).await;
                        let _cut = to_server.shutdown().await;
                    });
                    let mut buffer = vec![0; 16_384];
                    while let Ok(read @ 1..) = tokio::io::AsyncReadExt::read(&mut from_server, &mut buffer).await {
                        // Answers alone are held back: the server has done what was asked.
                        if flowing.wait_for(|flows| *flows).await.is_err() || to_client.write_all(&buffer[..read]).await.is_err() {
                            break;
                        }
                    }
                    asks.abort();
                });
            }
        });
        Self { address, flows, task }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts each event on one meter of the store behind the wire.
struct Counting {
    store: ClickHouseEventStore,
    failed: AtomicUsize,
}

#[async_trait]
impl LogHandler for Counting {
    async fn position(&self, partition: &LogPartition) -> Result<Option<i64>, HandlerError> {
        self.store.position(Ledger::Usage, partition).await.map_err(HandlerError::new)
    }

    async fn handle(&self, batch: RecordBatch) -> Result<Handled, HandlerError> {
        let counted = |event: &Event| MeteredEvent { event: event.clone(), entries: vec![entry("m", 3, None)] };
        let records = batch.records.iter();
        let events =
            records.map(|record| LoggedEvent { offset: record.offset, scope: record.scope.clone(), event: counted(&record.event) });
        let (partition, after, last) = (batch.partition.clone(), batch.after, batch.last);
        let stored = self.store.append_logged(Ledger::Usage, LoggedBatch { partition, after, last, events: events.collect() }).await;
        let stored = stored.map_err(|error| {
            self.failed.fetch_add(1, Ordering::SeqCst);
            HandlerError::new(error)
        })?;
        let position = stored.position;
        Ok(if stored.settled { Handled::Settled { position } } else { Handled::Moved { position } })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_clickhouse_bounds_memory_and_changes_no_total() {
    const EVENTS: usize = 6_000;
    gauges();
    let (log, database) = (Log::new(PARTITIONS).await, Database::new().await);
    let wire = Wire::to(&database.options.address).await;
    // Given up soon, so that partitions also pass through failures.
    let limit = Duration::from_secs(3);
    let options_of_store = ClickHouseOptions {
        address: wire.address.to_string(),
        query_timeout: limit,
        insert_timeout: limit,
        retries_max: 0,
        ..database.options.clone()
    };
    let handler = Arc::new(Counting { store: ClickHouseEventStore::new(options_of_store), failed: AtomicUsize::new(0) });
    let producer = log.producer();
    let consumer = KafkaConsumer::start(&kafka(), options(&log), handler.clone()).unwrap();
    producer.publish(&scope(), events(0..1_000)).await.unwrap();
    let counted = async || {
        let asked = query(&["c1"], "m", "2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z");
        database.store().usage(&scope(), vec![asked]).await.unwrap()[0].clone()
    };
    until("some are counted", async || counted().await.events > 0).await;

    wire.flows.send_replace(false);
    // The log takes everything meanwhile, some events twice.
    for start in (1_000..EVENTS).step_by(500) {
        producer.publish(&scope(), events(start..start + 500)).await.unwrap();
        producer.publish(&scope(), vec![event(format!("ev-{start}"))]).await.unwrap();
    }
    until("batches are given up", async || {
        assert!(buffered(&log) <= bound());
        handler.failed.load(Ordering::SeqCst) >= 2 * BATCHES
    })
    .await;
    assert!(log.lag().await > 4_000, "the log holds what the store does not take");

    wire.flows.send_replace(true);
    until("all are committed", async || {
        assert!(buffered(&log) <= bound());
        log.lag().await == 0
    })
    .await;
    consumer.stop().await;
    let usage = counted().await;
    assert_eq!((usage.events, usage.sum.to_units()), (EVENTS as u64, 3 * EVENTS as i128));
    assert_eq!(buffered(&log), 0.0);
    let letters = super::harness::admin().lag("nobody", &log.topic_dlq).await.unwrap();
    assert_eq!(letters.iter().map(streams::kafka::PartitionLag::messages).sum::<i64>(), 0, "no dead letters");
    database.remove().await;
}

//! Between store and server: answers that are lost, a server that is away, and what the queries are answered from.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::meter::{Window, WindowSize};
use domain::time::Zone;
use streams::{ClickHouseEventStore, ClickHouseOptions, EventStore, EventStoreError, GroupedQuery, Ledger, LogStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fixture::{Database, batch, partition};
use crate::model::{by_window, entry, metered, query, scope};

pub(super) const PASS: u8 = 0;
/// The server works, its answer to an insert is lost.
pub(super) const LOSE_ANSWERS: u8 = 1;
/// No connection lasts.
const AWAY: u8 = 2;
/// The server works, its answer to an insert never comes, and nobody closes the connection.
const KEEP_ANSWERS: u8 = 3;

/// A wire that can be cut, and remembers what was asked.
pub(super) struct Wire {
    address: SocketAddr,
    mode: Arc<AtomicU8>,
    asked: Arc<Mutex<Vec<u8>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Wire {
    pub(super) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, asked) = (Arc::new(AtomicU8::new(PASS)), Arc::new(Mutex::new(Vec::new())));
        let server = server.trim_start_matches("http://").to_owned();
        let task = tokio::spawn({
            let (mode, asked) = (mode.clone(), asked.clone());
            async move {
                loop {
                    let (client, _) = listener.accept().await.unwrap();
                    if mode.load(Ordering::SeqCst) != AWAY {
                        let server = TcpStream::connect(&server).await.unwrap();
                        tokio::spawn(join(client, server, mode.clone(), asked.clone()));
                    }
                }
            }
        });
        Self { address, mode, asked, task }
    }

    pub(super) fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    /// How often a text was sent.
    pub(super) fn times_asked(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.asked.lock().unwrap()).matches(text).count()
    }

    /// The body of the last request that contains a text.
    fn last_asked(&self, text: &str) -> String {
        let asked = self.asked.lock().unwrap();
        let asked = String::from_utf8_lossy(&asked);
        let body = asked[..asked.rfind(text).unwrap()].rfind("\r\n\r\n").unwrap() + 4;
        let head = &asked[..body];
        let length = head[head.to_lowercase().rfind("content-length: ").unwrap() + 16..].split("\r\n").next().unwrap();
        asked[body..body + length.parse::<usize>().unwrap()].to_owned()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn join(mut client: TcpStream, mut server: TcpStream, mode: Arc<AtomicU8>, asked: Arc<Mutex<Vec<u8>>>) {
    let (mut up, mut down) = ([0; 16_384], [0; 16_384]);
    let mut inserts = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(bytes @ 1..) = read else { return };
                let text = String::from_utf8_lossy(&up[..bytes]);
                if text.starts_with("POST") {
                    inserts = text.contains("INSERT");
                }
                asked.lock().unwrap().extend_from_slice(&up[..bytes]);
                if mode.load(Ordering::SeqCst) == AWAY || server.write_all(&up[..bytes]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(bytes @ 1..) = read else { return };
                // The answer is here, so the rows are stored; the client never hears of it.
                if inserts && mode.load(Ordering::SeqCst) == LOSE_ANSWERS {
                    mode.store(PASS, Ordering::SeqCst);
                    return;
                }
                if inserts && mode.load(Ordering::SeqCst) == KEEP_ANSWERS {
                    mode.store(PASS, Ordering::SeqCst);
                    // Until the client gives up.
                    while !matches!(client.read(&mut up).await, Ok(0) | Err(_)) {}
                    return;
                }
                if client.write_all(&down[..bytes]).await.is_err() {
                    return;
                }
            }
        }
    }
}

pub(super) fn through(wire: &Wire, database: &Database, retries_max: u32) -> ClickHouseEventStore {
    ClickHouseEventStore::new(ClickHouseOptions { address: wire.address.to_string(), retries_max, ..database.options.clone() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_changes_no_total() {
    let database = Database::new().await;
    let wire = Wire::to(&database.options.address).await;
    let scope = scope("t");
    let events =
        |from: i32| (from..from + 5).map(|i| metered(&format!("e{i}"), "c", "2024-05-01T10:00:00Z", vec![entry("m", 1, None)])).collect();
    let counted = async |expected: u64| {
        let month = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
        assert_eq!(database.store().usage(&scope, vec![month]).await.unwrap()[0].events, expected);
    };

    // Repeated at once: the token makes the second insert nothing, and the writer knows the first as its own.
    wire.set(LOSE_ANSWERS);
    let stored = through(&wire, &database, 2).append_logged(Ledger::Usage, batch(0, None, &scope, events(0))).await.unwrap();
    assert_eq!((stored.position, stored.settled, stored.new), (Some(4), true, 5));
    assert_eq!(wire.mode.load(Ordering::SeqCst), PASS, "an answer was lost");
    counted(5).await;

    // Not repeated: the consumer dies between insert and answer, another one takes over and reads the same again.
    wire.set(LOSE_ANSWERS);
    let failed = through(&wire, &database, 0).append_logged(Ledger::Usage, batch(0, Some(4), &scope, events(5))).await;
    assert!(matches!(failed, Err(EventStoreError::Unavailable(_))), "{failed:?}");
    let next = database.store();
    let stored = next.append_logged(Ledger::Usage, batch(0, Some(4), &scope, events(5))).await.unwrap();
    assert_eq!((stored.position, stored.settled, stored.new, stored.duplicates), (Some(9), true, 0, 5));
    counted(10).await;

    // The same for a direct append, whose caller sends the request again.
    wire.set(LOSE_ANSWERS);
    assert!(through(&wire, &database, 0).append(&scope, events(10)).await.is_err());
    next.append(&scope, events(10)).await.unwrap();
    counted(15).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_whose_answer_never_comes_is_repeated_and_counts_once() {
    let database = Database::new().await;
    let wire = Wire::to(&database.options.address).await;
    let scope = scope("t");
    let store = ClickHouseEventStore::new(ClickHouseOptions {
        address: wire.address.to_string(),
        // With the repetitions long enough for a server that answers many tests, one after another.
        insert_timeout: Duration::from_secs(2),
        retries_max: 8,
        ..database.options.clone()
    });
    let events = |n: i32| (0..n).map(|i| metered(&format!("e{i}"), "c", "2024-05-01T10:00:00Z", vec![entry("m", 1, None)])).collect();
    for ledger in [Ledger::Events, Ledger::Usage] {
        wire.set(KEEP_ANSWERS);
        let stored = store.append_logged(ledger, batch(0, None, &scope, events(5))).await.unwrap();
        assert_eq!((stored.position, stored.settled, stored.new, stored.duplicates), (Some(4), true, 5, 0), "{ledger:?}");
        assert_eq!(wire.mode.load(Ordering::SeqCst), PASS, "an answer was kept");
    }
    assert!(wire.times_asked("INSERT") >= 4, "each was sent again");
    let month = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
    assert_eq!(database.store().usage(&scope, vec![month]).await.unwrap()[0].events, 5);
    assert_eq!(database.number("SELECT count() FROM events").await, 5);
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_away_is_used_again() {
    let database = Database::new().await;
    let wire = Wire::to(&database.options.address).await;
    let (store, scope) = (through(&wire, &database, 1), scope("t"));
    let event = || vec![metered("e", "c", "2024-05-01T10:00:00Z", vec![entry("m", 1, None)])];
    store.check().await.unwrap();
    wire.set(AWAY);
    assert!(matches!(store.check().await, Err(EventStoreError::Unavailable(_))));
    assert!(matches!(store.append(&scope, event()).await, Err(EventStoreError::Unavailable(_))));
    assert!(matches!(store.position(Ledger::Usage, &partition(0)).await, Err(EventStoreError::Unavailable(_))));
    wire.set(PASS);
    assert_eq!(store.append(&scope, event()).await.unwrap(), [streams::Appended::New]);
    database.remove().await;
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    // Accepts and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limit = Duration::from_millis(100);
    let store = ClickHouseEventStore::new(ClickHouseOptions {
        address: listener.local_addr().unwrap().to_string(),
        query_timeout: limit,
        insert_timeout: limit,
        retries_max: 1,
        ..ClickHouseOptions::default()
    });
    let position = store.position(Ledger::Usage, &partition(0)).await;
    assert!(matches!(&position, Err(EventStoreError::Unavailable(cause)) if cause.contains("too long")), "{position:?}");
    assert!(matches!(store.migrate().await, Err(EventStoreError::Unavailable(_))));
}

#[tokio::test]
async fn long_periods_are_answered_from_hours_and_ids_from_their_index() {
    let database = Database::new().await;
    let wire = Wire::to(&database.options.address).await;
    let (store, scope) = (through(&wire, &database, 0), scope("t"));
    let events = (0..50).map(|i| {
        let time = format!("2024-05-{:02}T{:02}:30:00Z", 1 + i % 25, i % 24);
        metered(&format!("e{i}"), "c", &time, vec![entry("m", i, Some(3)), entry("n", 1, None)])
    });
    store.append(&scope, events.collect()).await.unwrap();
    let month = |meter| query(&["c"], meter, "2024-05-01T00:15:00Z", "2024-05-31T23:45:00Z");
    let asked = month("m");
    store.usage(&scope, vec![month("m"), month("n")]).await.unwrap();
    let text = wire.last_asked("SELECT key");
    let plan = database.texts(&format!("EXPLAIN projections = 1 {text}")).await.join("\n");
    assert!(plan.contains("ReadFromMergeTree (hours)"), "{plan}");
    assert_eq!(plan.matches("ReadFromMergeTree").count(), 2, "hours and edges, for both meters at once: {plan}");

    let window = Window::new(WindowSize::Day, Zone::parse("America/New_York").unwrap());
    let windows = [month("n"), asked].map(|query| by_window(query, window));
    let [mut both, GroupedQuery { parts, .. }] = windows;
    both.parts.extend(parts);
    store.usage_by_group(&scope, both).await.unwrap();
    for text in [wire.last_asked("SELECT key"), wire.last_asked("SELECT hour")] {
        let plan = database.texts(&format!("EXPLAIN projections = 1 {text}")).await.join("\n");
        assert!(plan.contains("ReadFromMergeTree (hours)"), "{plan}");
    }
    // Among many events one is found by its identity, and what is read of the rest does not grow with them.
    for table in ["events", "usage_ledger"] {
        let others = "'t', 'e', sipHash64(number), 'events/1', number, 'other' FROM numbers(100000)";
        let columns = "tenant_id, environment_id, id_high, log_partition, log_offset, log_writer";
        database.execute(&format!("INSERT INTO {table} ({columns}) SELECT {others}")).await;
    }
    store.append(&scope, vec![metered("one", "c", "2024-05-01T00:00:00Z", vec![entry("m", 1, None)])]).await.unwrap();
    store.event(&scope, "e7").await.unwrap().unwrap();
    for (text, projection) in [("SELECT id_high", "by_id"), ("SELECT timestamp FROM", "by_id"), ("SELECT log_writer", "positions")] {
        let plan = database.texts(&format!("EXPLAIN projections = 1 {}", wire.last_asked(text))).await.join("\n");
        assert!(plan.contains(&format!("ReadFromMergeTree ({projection})")), "{text}: {plan}");
    }
    database.remove().await;
}

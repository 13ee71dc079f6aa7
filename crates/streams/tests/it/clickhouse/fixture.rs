//! A database of its own for each test.

use std::time::Duration;

use domain::scope::Scope;
use streams::{ClickHouseEventStore, ClickHouseOptions, LogPartition, LoggedBatch, LoggedEvent, MeteredEvent};

/// A migrated database with a random name.
pub(crate) struct Database {
    pub(crate) options: ClickHouseOptions,
    plain: clickhouse::Client,
}

/// `host:port` of the shared test server.
pub(crate) fn address() -> String {
    std::env::var("FLEXPRICE_TEST_CLICKHOUSE_ADDRESS").unwrap_or_else(|_| "127.0.0.1:8123".to_owned())
}

impl Database {
    pub(crate) fn empty() -> Self {
        let database = format!("test_{:016x}", rand::random::<u64>());
        // The shared server answers one query after another, so many tests wait for each other.
        let options = ClickHouseOptions {
            address: address(),
            database: database.clone(),
            query_timeout: Duration::from_secs(120),
            ..ClickHouseOptions::default()
        };
        let url = if options.address.starts_with("http") { options.address.clone() } else { format!("http://{}", options.address) };
        Self { options, plain: clickhouse::Client::default().with_url(url).with_database(database) }
    }

    pub(crate) async fn new() -> Self {
        let database = Self::empty();
        if let Err(error) = database.store().migrate().await {
            panic!("no clickhouse at {}: {error}; run dev/services up clickhouse", database.options.address);
        }
        database
    }

    /// A store as another process would open it.
    pub(crate) fn store(&self) -> ClickHouseEventStore {
        ClickHouseEventStore::new(self.options.clone())
    }

    /// One column of text.
    pub(crate) async fn texts(&self, query: &str) -> Vec<String> {
        self.plain.query_raw(query).with_setting("max_query_size", "10000000").fetch_all::<String>().await.unwrap()
    }

    pub(crate) async fn number(&self, query: &str) -> u64 {
        self.plain.query_raw(query).fetch_one::<u64>().await.unwrap()
    }

    pub(crate) async fn execute(&self, statement: &str) {
        self.plain.query_raw(statement).execute().await.unwrap();
    }

    pub(crate) async fn remove(self) {
        let statement = format!("DROP DATABASE IF EXISTS {} SYNC", self.options.database);
        self.plain.with_database("default").query_raw(&statement).execute().await.unwrap();
    }
}

pub(crate) fn partition(partition: i32) -> LogPartition {
    LogPartition { topic: "events".to_owned(), partition }
}

/// Events of one scope at consecutive offsets behind `after`.
pub(crate) fn batch(of: i32, after: Option<i64>, scope: &Scope, events: Vec<MeteredEvent>) -> LoggedBatch {
    let first = after.map_or(0, |after| after + 1);
    batch_from(of, after, first, scope, events)
}

/// Events of one scope at consecutive offsets from `first`.
pub(crate) fn batch_from(of: i32, after: Option<i64>, first: i64, scope: &Scope, events: Vec<MeteredEvent>) -> LoggedBatch {
    let events: Vec<LoggedEvent> =
        (first..).zip(events).map(|(offset, event)| LoggedEvent { offset, scope: scope.clone(), event }).collect();
    let last = events.last().map_or(first, |event| event.offset);
    LoggedBatch { partition: partition(of), after, last, events }
}

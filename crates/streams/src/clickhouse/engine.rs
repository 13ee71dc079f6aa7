//! The connection: every request has a time limit, a place among the concurrent ones, and is repeated when its failure may pass.

use std::sync::Arc;
use std::time::Duration;

use clickhouse::{Client, Compression, RowOwned, RowRead};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::block::{Block, TableRow};
use super::error::Failure;
use super::options::ClickHouseOptions;
use super::row::table;
use crate::{EventStoreError, Ledger};

/// Bytes of a query: lists of ids and of window bounds are long.
const QUERY_BYTES_MAX: u64 = 64 << 20;
/// Idle connections are closed before the server does it: its default is 3 s.
const IDLE: Duration = Duration::from_secs(2);
/// Characters of a query that are logged when it fails.
const HEAD_CHARS: usize = 120;
/// The first pause before a repetition; each further one doubles.
const PAUSE: Duration = Duration::from_millis(50);

/// A client with limits.
pub(super) struct Engine {
    client: Client,
    permits: Arc<Semaphore>,
    options: ClickHouseOptions,
    /// Which ledger is read.
    ledger: Ledger,
}

impl Engine {
    /// Does not connect yet.
    pub(super) fn new(options: ClickHouseOptions) -> Self {
        let url = options.url();
        let client = if url.starts_with("https://") {
            Client::default()
        } else {
            // The ready-made client wants the certificates of the operating system even where nothing is encrypted.
            let mut connector = HttpConnector::new();
            connector.set_connect_timeout(Some(options.connect_timeout));
            connector.set_nodelay(true);
            let http = HttpClient::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(options.connections_max)
                .build(connector);
            Client::with_http_client(http)
        };
        let mut client = client.with_url(url).with_database(&options.database).with_compression(Compression::Lz4);
        if !options.username.is_empty() {
            client = client.with_user(&options.username);
        }
        if !options.password.is_empty() {
            client = client.with_password(&options.password);
        }
        let permits = Arc::new(Semaphore::new(options.connections_max.max(1)));
        Self { client, permits, options, ledger: Ledger::Usage }
    }

    /// The same connections and limits, reading another ledger.
    pub(super) fn reading(&self, ledger: Ledger) -> Self {
        Self { client: self.client.clone(), permits: Arc::clone(&self.permits), options: self.options.clone(), ledger }
    }

    /// The table of the ledger that is read.
    pub(super) fn ledger_table(&self) -> &'static str {
        table(self.ledger)
    }

    pub(super) fn options(&self) -> &ClickHouseOptions {
        &self.options
    }

    /// The rows of a query.
    pub(super) async fn rows<T: RowOwned + RowRead>(&self, query: &str) -> Result<Vec<T>, EventStoreError> {
        let mut attempts = self.attempts(head(query));
        loop {
            match self.try_rows(query).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => attempts.pause(failure).await?,
            }
        }
    }

    async fn try_rows<T: RowOwned + RowRead>(&self, query: &str) -> Result<Vec<T>, Failure> {
        let _permit = self.permit().await?;
        let mut request = self
            .client
            .query_raw(query)
            .with_setting("max_execution_time", self.options.query_timeout.as_secs().max(1).to_string())
            .with_setting("max_query_size", QUERY_BYTES_MAX.to_string())
            // All reads of one table within a query see the same parts.
            .with_setting("enable_shared_storage_snapshot_in_query", "1")
            .with_setting("optimize_use_projections", "1")
            .with_setting("cancel_http_readonly_queries_on_client_close", "1");
        if self.options.cluster.is_some() {
            // Everybody reads from the first replica that lives, which is the one that was written to.
            request = request.with_setting("load_balancing", "in_order");
        }
        match timeout(self.options.query_timeout, request.fetch_all::<T>()).await {
            Ok(rows) => Ok(rows?),
            Err(_) => Err(Failure::timeout("a query", self.options.query_timeout)),
        }
    }

    /// Runs a statement that gives no rows. It must be safe to repeat.
    pub(super) async fn execute(&self, statement: &str) -> Result<(), EventStoreError> {
        self.run(&self.client, statement).await
    }

    /// Like `execute`, for what must not run twice at once: the server refuses a statement whose name another has that is running.
    pub(super) async fn execute_alone(&self, statement: &str, name: &str) -> Result<(), EventStoreError> {
        self.run(&self.client.clone().with_setting("query_id", name), statement).await
    }

    /// Like `execute`, before the database is there.
    pub(super) async fn execute_outside(&self, statement: &str) -> Result<(), EventStoreError> {
        self.run(&self.client.clone().with_database("default"), statement).await
    }

    async fn run(&self, client: &Client, statement: &str) -> Result<(), EventStoreError> {
        let mut attempts = self.attempts(head(statement));
        loop {
            match self.try_run(client, statement).await {
                Ok(()) => return Ok(()),
                Err(failure) => attempts.pause(failure).await?,
            }
        }
    }

    async fn try_run(&self, client: &Client, statement: &str) -> Result<(), Failure> {
        let _permit = self.permit().await?;
        match timeout(self.options.insert_timeout, client.query_raw(statement).execute()).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(Failure::timeout("a statement", self.options.insert_timeout)),
        }
    }

    /// Writes rows as one block: all become visible at once, or none. Of inserts with the same token the table takes the first.
    ///
    /// An error leaves open whether the rows are there; repeating with the same token is safe.
    pub(super) async fn insert<R: TableRow>(&self, rows: &[R], token: &str) -> Result<(), EventStoreError> {
        self.insert_into(R::TABLE, rows, token).await
    }

    /// The same into another table of the same columns.
    pub(super) async fn insert_into<R: TableRow>(&self, table: &str, rows: &[R], token: &str) -> Result<(), EventStoreError> {
        let mut attempts = self.attempts(format!("insert of {} rows into {table} as {token}", rows.len()));
        let block = Block::of(rows);
        loop {
            match self.try_insert(table, &block, token).await {
                Ok(()) => return Ok(()),
                Err(failure) => attempts.pause(failure).await?,
            }
        }
    }

    /// The same without repetition.
    pub(super) async fn insert_once<R: TableRow>(&self, rows: &[R], token: &str) -> Result<(), EventStoreError> {
        self.try_insert(R::TABLE, &Block::of(rows), token).await.map_err(|failure| failure.error)
    }

    async fn try_insert(&self, table: &str, block: &Block, token: &str) -> Result<(), Failure> {
        let _permit = self.permit().await?;
        // All of it: sending, which may be many pieces, and the answer.
        match timeout(self.options.insert_timeout, self.send_insert(table, block, token)).await {
            Ok(done) => done,
            Err(_) => Err(Failure::timeout("an insert", self.options.insert_timeout)),
        }
    }

    async fn send_insert(&self, table: &str, block: &Block, token: &str) -> Result<(), Failure> {
        // One block: nothing smaller is written on its own, and nothing of this size is cut.
        let rows = (block.rows() + 1).to_string();
        let mut insert = self
            .client
            .insert_formatted_with(block.statement(table))
            .with_setting("insert_deduplication_token", token)
            .with_setting("insert_deduplicate", "1")
            .with_setting("async_insert", "0")
            .with_setting("max_insert_block_size", &rows)
            .with_setting("min_insert_block_size_rows", &rows)
            .with_setting("min_insert_block_size_bytes", "0")
            .with_setting("max_insert_threads", "1")
            .with_setting("max_execution_time", self.options.insert_timeout.as_secs().max(1).to_string());
        if self.options.cluster.is_some() {
            insert = insert
                .with_setting("insert_distributed_sync", "1")
                .with_setting("insert_quorum", "auto")
                .with_setting("load_balancing", "in_order");
        }
        for piece in block.pieces() {
            insert.send(piece.into()).await?;
        }
        Ok(insert.end().await?)
    }

    fn attempts(&self, what: String) -> Attempts {
        Attempts { what, left: self.options.retries_max, pause: PAUSE }
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.permits.acquire().await.map_err(|_| Failure::closed())
    }

    /// Lets no further request begin.
    pub(super) fn close(&self) {
        self.permits.close();
    }
}

/// The beginning of a query, which tells it from others.
fn head(query: &str) -> String {
    query.chars().take(HEAD_CHARS).collect()
}

/// The attempts of one request.
struct Attempts {
    /// What is asked, for the log.
    what: String,
    left: u32,
    pause: Duration,
}

impl Attempts {
    /// Waits before the next attempt, or gives the failure back when there is none.
    async fn pause(&mut self, failure: Failure) -> Result<(), EventStoreError> {
        if !failure.passes {
            return Err(failure.error);
        }
        if self.left == 0 {
            tracing::warn!(error = %failure.error, request = self.what, "a request to clickhouse is given up");
            return Err(failure.error);
        }
        tracing::warn!(error = %failure.error, request = self.what, left = self.left, "a request to clickhouse is repeated");
        metrics::counter!("flexprice_clickhouse_retries_total").increment(1);
        self.left -= 1;
        tokio::time::sleep(self.pause).await;
        self.pause *= 2;
        Ok(())
    }
}

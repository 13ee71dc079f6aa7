//! SQLite: one file, one writer, several readers.

mod soundness;
mod values;

pub(crate) use soundness::Soundness;
pub(crate) use values::arguments;

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::money::Decimal;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection, Sqlite, SqlitePool, Transaction};

use crate::{DatabaseOptions, Depth, PoolUsage, Row, Sql, StoreError};

/// The embedded database. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct SqliteDatabase {
    pub(crate) writer: SqlitePool,
    reader: SqlitePool,
    lock_timeout: Duration,
    soundness: Arc<Soundness>,
}

impl SqliteDatabase {
    pub(crate) async fn open(file: &Path, options: &DatabaseOptions) -> Result<Self, StoreError> {
        let connect = Self::connect_options(file, options).create_if_missing(true);
        let pool = |connections: u32| SqlitePoolOptions::new().max_connections(connections).acquire_timeout(options.lock_timeout);
        // One connection writes: units of work queue for it instead of meeting as locks.
        // A full disk makes SQLite roll back by itself. The driver does not notice, and would refuse every later unit of work on
        // such a connection, so it is replaced.
        let writer = pool(1).before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }));
        let writer = writer.connect_with(connect.clone()).await?;
        let reader = pool(options.readers).connect_with(connect).await?;
        let soundness = Arc::new(Soundness::of(file).map_err(|error| StoreError::Unavailable(error.to_string()))?);
        Ok(Self { writer, reader, lock_timeout: options.lock_timeout, soundness })
    }

    fn connect_options(file: &Path, options: &DatabaseOptions) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(256)
            .pragma("cache_size", "-8000")
            .collation("decimal", by_number)
            .busy_timeout(options.lock_timeout)
    }

    /// What SQLite finds wrong in a file, also while others have it open: nothing when it is sound.
    pub(crate) async fn verify(file: &Path, options: &DatabaseOptions, depth: Depth) -> Result<Vec<String>, StoreError> {
        let pragma = match depth {
            Depth::Structure => "PRAGMA quick_check(20)",
            Depth::Everything => "PRAGMA integrity_check(20)",
        };
        let look = async {
            let mut connection = Self::connect_options(file, options).connect().await?;
            let found: Vec<String> = sqlx::query_scalar(pragma).fetch_all(&mut connection).await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(found)
        };
        // Damage may keep it from being opened at all.
        match look.await.map_err(StoreError::from) {
            Ok(found) => Ok(found.into_iter().filter(|line| line != "ok").collect()),
            Err(StoreError::Damaged(reason)) => Ok(vec![reason]),
            Err(error) => Err(error),
        }
    }

    /// The unit of work holds the write lock from the start.
    pub(crate) async fn begin(&self) -> Result<(Transaction<'static, Sqlite>, Arc<Soundness>), StoreError> {
        self.soundness.require()?;
        // One limit for both waits: in this process for the connection, and for the lock of another process.
        match tokio::time::timeout(self.lock_timeout, self.writer.begin_with("BEGIN IMMEDIATE")).await {
            Ok(begun) => Ok((self.soundness.look_at(begun.map_err(StoreError::from))?, self.soundness.clone())),
            Err(_) => Err(StoreError::Unavailable("the write lock was not free in time".into())),
        }
    }

    /// Reads outside a unit of work see the last committed state.
    pub(crate) async fn fetch(&self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let arguments = arguments(sql.values)?;
        let rows = sqlx::query_with(AssertSqlSafe(sql.text), arguments).fetch_all(&self.reader).await.map_err(StoreError::from);
        Ok(self.soundness.look_at(rows)?.into_iter().map(Row::new).collect())
    }

    pub(crate) fn usage(&self) -> [PoolUsage; 2] {
        [PoolUsage::of("writer", &self.writer), PoolUsage::of("reader", &self.reader)]
    }

    pub(crate) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// The order of columns that hold decimals. What is none, which nothing writes, comes last by its bytes: an order must be total.
fn by_number(left: &str, right: &str) -> Ordering {
    match (left.parse::<Decimal>(), right.parse::<Decimal>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

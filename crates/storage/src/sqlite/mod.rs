//! SQLite: one file, one writer, several readers.

mod values;

pub(crate) use values::arguments;

use std::cmp::Ordering;
use std::path::Path;
use std::time::Duration;

use domain::money::Decimal;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Sqlite, SqlitePool, Transaction};

use crate::{DatabaseOptions, Row, Sql, StoreError};

/// The embedded database. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct SqliteDatabase {
    pub(crate) writer: SqlitePool,
    reader: SqlitePool,
    lock_timeout: Duration,
}

impl SqliteDatabase {
    pub(crate) async fn open(file: &Path, options: &DatabaseOptions) -> Result<Self, StoreError> {
        let connect = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(256)
            .pragma("cache_size", "-8000")
            .collation("decimal", by_number)
            .busy_timeout(options.lock_timeout);
        let pool = |connections: u32| SqlitePoolOptions::new().max_connections(connections).acquire_timeout(options.lock_timeout);
        // One connection writes: units of work queue for it instead of meeting as locks.
        // A full disk makes SQLite roll back by itself. The driver does not notice, and would refuse every later unit of work on
        // such a connection, so it is replaced.
        let writer = pool(1).before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }));
        let writer = writer.connect_with(connect.clone()).await?;
        let reader = pool(options.readers).connect_with(connect).await?;
        Ok(Self { writer, reader, lock_timeout: options.lock_timeout })
    }

    /// The unit of work holds the write lock from the start.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        // One limit for both waits: in this process for the connection, and for the lock of another process.
        match tokio::time::timeout(self.lock_timeout, self.writer.begin_with("BEGIN IMMEDIATE")).await {
            Ok(begun) => Ok(begun?),
            Err(_) => Err(StoreError::Unavailable("the write lock was not free in time".into())),
        }
    }

    /// Reads outside a unit of work see the last committed state.
    pub(crate) async fn fetch(&self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let arguments = arguments(sql.values)?;
        let rows = sqlx::query_with(AssertSqlSafe(sql.text), arguments).fetch_all(&self.reader).await?;
        Ok(rows.into_iter().map(Row::new).collect())
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

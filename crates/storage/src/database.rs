//! The database: one writer, several readers.

use std::path::Path;
use std::time::Duration;

use domain::scope::Scope;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlitePool};

use crate::{Row, Source, Sql, StoreError, UnitOfWork, migrations, sequences};

/// How the embedded database is opened.
#[derive(Clone, Debug)]
pub struct DatabaseOptions {
    /// Connections that read.
    pub readers: u32,
    /// How long a statement or a unit of work waits for a lock before it gives up as unavailable.
    pub lock_timeout: Duration,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self { readers: 4, lock_timeout: Duration::from_secs(5) }
    }
}

/// The relational store. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Database {
    writer: SqlitePool,
    reader: SqlitePool,
    lock_timeout: Duration,
}

impl Database {
    /// Opens or makes the database file. A commit is durable when it returns: write-ahead log, synchronous FULL.
    pub async fn open(file: &Path, options: &DatabaseOptions) -> Result<Self, StoreError> {
        let connect = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(256)
            .pragma("cache_size", "-8000")
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

    /// Brings the schema up to date and returns how many migrations ran. Refuses a schema that a newer release made.
    pub async fn migrate(&self) -> Result<usize, StoreError> {
        migrations::run(&self.writer).await
    }

    /// The migrations that have not run yet.
    pub async fn pending_migrations(&self) -> Result<usize, StoreError> {
        migrations::pending(&self.writer).await
    }

    /// Begins a unit of work. It holds the write lock from the start, so that what it reads stays true until it commits.
    pub async fn begin(&self) -> Result<UnitOfWork, StoreError> {
        // One limit for both waits: in this process for the connection, and for the lock of another process.
        match tokio::time::timeout(self.lock_timeout, self.writer.begin_with("BEGIN IMMEDIATE")).await {
            Ok(begun) => Ok(UnitOfWork::new(begun?)),
            Err(_) => Err(StoreError::Unavailable("the write lock was not free in time".into())),
        }
    }

    /// Proves that the database takes writes: something must reach the disk, for a full one lets an empty change pass.
    pub async fn check(&self) -> Result<(), StoreError> {
        let nobody = Scope { tenant_id: "".into(), environment_id: "".into() };
        let mut work = self.begin().await?;
        sequences::next(&mut work, &nobody, "readiness", 1).await?;
        work.commit().await
    }

    /// Closes all connections after what runs has ended.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// Reads outside a unit of work see the last committed state.
impl Source for Database {
    async fn fetch(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let (text, arguments) = sql.into_query()?;
        let rows = sqlx::query_with(text, arguments).fetch_all(&self.reader).await?;
        Ok(rows.into_iter().map(Row).collect())
    }
}

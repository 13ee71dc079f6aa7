//! The database: SQLite in a file, or PostgreSQL with a reader. Nobody outside this crate knows which.

use std::path::Path;
use std::time::Duration;

use domain::scope::Scope;

use crate::sqlite::SqliteDatabase;
use crate::unit_of_work::Open;
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

/// How thoroughly a database file is verified. Both read all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// That its pages hang together.
    Structure,
    /// Besides, that every index has what its table has.
    Everything,
}

/// The relational store. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Database {
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(SqliteDatabase),
    #[cfg(feature = "cluster")]
    Postgres(std::sync::Arc<crate::postgres::PostgresDatabase>),
}

impl Database {
    /// Opens or makes the database file. A commit is durable when it returns: write-ahead log, synchronous FULL.
    pub async fn open(file: &Path, options: &DatabaseOptions) -> Result<Self, StoreError> {
        Ok(Self { backend: Backend::Sqlite(SqliteDatabase::open(file, options).await?) })
    }

    /// What is wrong with a database file, in words and at most 20 of them; nothing when it is sound. Changes nothing, and may be asked beside
    /// whoever has it open.
    pub async fn verify(file: &Path, options: &DatabaseOptions, depth: Depth) -> Result<Vec<String>, StoreError> {
        SqliteDatabase::verify(file, options, depth).await
    }

    /// Connects to PostgreSQL. Fails when the writer does not answer; a reader that does not answer is used when it does.
    #[cfg(feature = "cluster")]
    pub async fn connect(options: &crate::PostgresOptions) -> Result<Self, StoreError> {
        Ok(Self { backend: Backend::Postgres(crate::postgres::PostgresDatabase::connect(options).await?) })
    }

    /// Brings the schema up to date and returns how many migrations this call ran; of processes that start at once, one runs each.
    /// Refuses a schema that a newer release made.
    pub async fn migrate(&self) -> Result<usize, StoreError> {
        match &self.backend {
            Backend::Sqlite(database) => migrations::sqlite::run(&database.writer).await,
            #[cfg(feature = "cluster")]
            Backend::Postgres(database) => database.migrate().await,
        }
    }

    /// The migrations that have not run yet.
    pub async fn pending_migrations(&self) -> Result<usize, StoreError> {
        match &self.backend {
            Backend::Sqlite(database) => migrations::sqlite::pending(&database.writer).await,
            #[cfg(feature = "cluster")]
            Backend::Postgres(database) => database.pending_migrations().await,
        }
    }

    /// Begins a unit of work. What it reads stays true until it commits.
    pub async fn begin(&self) -> Result<UnitOfWork, StoreError> {
        Ok(UnitOfWork::new(match &self.backend {
            Backend::Sqlite(database) => {
                let (transaction, soundness) = database.begin().await?;
                Open::Sqlite(transaction, soundness)
            }
            #[cfg(feature = "cluster")]
            Backend::Postgres(database) => Open::Postgres(database.begin().await?),
        }))
    }

    /// Proves that the database takes writes: something must reach the disk, for a full one lets an empty change pass.
    pub async fn check(&self) -> Result<(), StoreError> {
        let nobody = Scope { tenant_id: "".into(), environment_id: "".into() };
        let mut work = self.begin().await?;
        sequences::next(&mut work, &nobody, "readiness", 1).await?;
        work.commit().await
    }

    /// How full the pools of the embedded database are; nothing for PostgreSQL.
    pub fn embedded_pools(&self) -> Option<[crate::PoolUsage; 2]> {
        match &self.backend {
            Backend::Sqlite(database) => Some(database.usage()),
            #[cfg(feature = "cluster")]
            Backend::Postgres(_) => None,
        }
    }

    /// How full the pools of connections are, and where lists were answered; nothing for the embedded database.
    #[cfg(feature = "cluster")]
    pub fn usage(&self) -> Option<crate::PostgresUsage> {
        match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(database) => Some(database.usage()),
        }
    }

    /// Closes all connections after what runs has ended.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(database) => database.close().await,
            #[cfg(feature = "cluster")]
            Backend::Postgres(database) => database.close().await,
        }
    }
}

/// Reads outside a unit of work see the last committed state; lists may lag where nobody notices (ADR 0004).
impl Source for Database {
    async fn fetch(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        match &self.backend {
            Backend::Sqlite(database) => database.fetch(sql).await,
            #[cfg(feature = "cluster")]
            Backend::Postgres(database) => database.fetch(sql).await,
        }
    }

    async fn fetch_list(&mut self, scope: &Scope, page: Sql, count: Sql) -> Result<[Vec<Row>; 2], StoreError> {
        #[cfg(feature = "cluster")]
        if let Backend::Postgres(database) = &self.backend {
            return database.fetch_list(scope, page, count).await;
        }
        let _ = scope;
        Ok([self.fetch(page).await?, self.fetch(count).await?])
    }
}

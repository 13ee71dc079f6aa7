//! PostgreSQL: many processes write at once, and a reader may follow the writer (ADR 0004).

mod freshness;
mod options;
mod pool;
mod usage;
mod values;

pub use options::{PostgresOptions, SslMode};
pub use usage::PostgresUsage;

use std::collections::HashSet;
use std::sync::Arc;

use domain::scope::Scope;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};

use self::freshness::Freshness;
use self::pool::{Pool, Role};
use self::values::arguments;
use crate::sql::Keeps;
use crate::{PoolUsage, Row, Sql, StoreError, migrations};

/// A writer and, when there is one, its reader.
#[derive(Debug)]
pub(crate) struct PostgresDatabase {
    writer: Pool,
    reader: Option<Reader>,
}

/// The reader, and how fresh it is known to be.
#[derive(Debug)]
struct Reader {
    pool: Pool,
    freshness: Arc<Freshness>,
    watch: tokio::task::JoinHandle<()>,
}

impl Reader {
    async fn fetch_both(&self, page: Sql, count: Sql) -> Result<[Vec<Row>; 2], StoreError> {
        Ok([rows_of(self.pool.fetch(page).await?), rows_of(self.pool.fetch(count).await?)])
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl PostgresDatabase {
    /// The writer must answer; the reader may come later.
    pub(crate) async fn connect(options: &PostgresOptions) -> Result<Arc<Self>, StoreError> {
        greet(options).await?;
        let writer = Pool::new(Role::Writer, options.connect_writer(), options);
        let reader = options.connect_reader().map(|connect| {
            let pool = Pool::new(Role::Reader, connect, options);
            let freshness = Arc::new(Freshness::default());
            let watch = tokio::spawn(freshness::watch(Arc::clone(&freshness), writer.clone(), pool.clone()));
            Reader { pool, freshness, watch }
        });
        Ok(Arc::new(Self { writer, reader }))
    }

    pub(crate) async fn begin(&self) -> Result<PostgresWork, StoreError> {
        Ok(PostgresWork {
            transaction: self.writer.begin().await?,
            writer: self.writer.clone(),
            freshness: self.reader.as_ref().map(|reader| Arc::clone(&reader.freshness)),
            written: HashSet::new(),
        })
    }

    /// The writer answers.
    pub(crate) async fn fetch(&self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        Ok(rows_of(self.writer.fetch(sql).await?))
    }

    /// The reader answers where it is known to show all that this process wrote, both or neither.
    pub(crate) async fn fetch_list(&self, scope: &Scope, page: Sql, count: Sql) -> Result<[Vec<Row>; 2], StoreError> {
        if let Some(reader) = &self.reader {
            if reader.freshness.shows_writes_to(scope) {
                match reader.fetch_both(page.clone(), count.clone()).await {
                    Ok(rows) => {
                        reader.freshness.count_read();
                        return Ok(rows);
                    }
                    // The reader is gone, or had to cancel the query to catch up: the writer knows the answer, too.
                    Err(StoreError::Unavailable(cause)) => reader.freshness.lost(&cause),
                    Err(error) => return Err(error),
                }
            }
            reader.freshness.count_passed_on();
        }
        Ok([self.fetch(page).await?, self.fetch(count).await?])
    }

    /// Runs under a lock that belongs to the connection: a process that dies releases it.
    pub(crate) async fn migrate(&self) -> Result<usize, StoreError> {
        let mut connection = self.writer.connections.acquire().await?.detach();
        // A migration may take longer than a request, and so may the wait for another process that migrates.
        sqlx::query("SET statement_timeout = 0").execute(&mut connection).await?;
        let ran = migrations::postgres::run(&mut connection).await;
        // Closing releases the lock, also after an error.
        connection.close().await?;
        ran
    }

    pub(crate) async fn pending_migrations(&self) -> Result<usize, StoreError> {
        let mut connection = self.writer.connections.acquire().await?;
        migrations::postgres::pending(&mut connection).await
    }

    pub(crate) fn usage(&self) -> PostgresUsage {
        let reader = self.reader.as_ref();
        PostgresUsage {
            pools: [Some(("writer", &self.writer)), reader.map(|reader| ("reader", &reader.pool))]
                .into_iter()
                .flatten()
                .map(|(name, pool)| PoolUsage::of(name, &pool.connections))
                .collect(),
            lists_by_reader: reader.map_or(0, |reader| reader.freshness.reads()),
            lists_by_writer: reader.map_or(0, |reader| reader.freshness.passed_on()),
        }
    }

    pub(crate) async fn close(&self) {
        if let Some(reader) = &self.reader {
            reader.watch.abort();
            reader.pool.connections.close().await;
        }
        self.writer.connections.close().await;
    }
}

/// Connects once past the pool, which would tell of a timeout alone. Credentials and names that the server refuses are a defect of the
/// configuration here; later they may be about to change.
async fn greet(options: &PostgresOptions) -> Result<(), StoreError> {
    let writer = options.connect_writer();
    let connection = match tokio::time::timeout(options.acquire_timeout, PgConnection::connect_with(&writer)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(sqlx::Error::Database(refused))) if refused.code().is_some_and(|code| code.starts_with("28") || code == "3D000") => {
            return Err(StoreError::Corrupt(format!("the server refuses: {}", refused.message())));
        }
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => return Err(StoreError::Unavailable("the server does not answer in time".into())),
    };
    Ok(connection.close().await?)
}

fn rows_of(rows: Vec<PgRow>) -> Vec<Row> {
    rows.into_iter().map(Row::new).collect()
}

fn place_of(scope: &Scope, name: &str) -> String {
    format!("{}\n{}\n{name}", scope.tenant_id, scope.environment_id)
}

/// The text as PostgreSQL reads it. `locks`: in a unit of work, where reads may hold rows.
fn render(sql: &Sql, locks: bool) -> String {
    let mut text = String::with_capacity(sql.text.len() + 16 * sql.postgres.len());
    let mut taken = 0;
    for (range, postgres) in &sql.postgres {
        text.push_str(&sql.text[taken..range.start]);
        text.push_str(postgres);
        taken = range.end;
    }
    text.push_str(&sql.text[taken..]);
    text.push_str(match sql.keeps {
        Keeps::ForUpdate if locks => " FOR UPDATE",
        Keeps::ForShare if locks => " FOR SHARE",
        Keeps::Nothing | Keeps::ForUpdate | Keeps::ForShare => "",
    });
    text
}

/// An open transaction, READ COMMITTED: each statement sees what was committed before it, and rows it reads to keep are locked.
#[derive(Debug)]
pub(crate) struct PostgresWork {
    transaction: Transaction<'static, Postgres>,
    writer: Pool,
    freshness: Option<Arc<Freshness>>,
    /// Where it wrote what lists show; nothing without a reader.
    written: HashSet<Scope>,
}

impl PostgresWork {
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        let outcome = pool::execute(&mut self.transaction, sql).await?;
        self.writer.learn(outcome)
    }

    pub(crate) async fn fetch(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let outcome = pool::fetch(&mut self.transaction, sql).await?;
        Ok(rows_of(self.writer.learn(outcome)?))
    }

    /// An advisory lock until the transaction ends. Names are hashed to 64 bits: two that meet wait for each other, no more.
    pub(crate) async fn lock(&mut self, scope: &Scope, name: &str) -> Result<(), StoreError> {
        let sql = Sql::new("SELECT pg_advisory_xact_lock(hashtextextended(").bind(&place_of(scope, name));
        self.execute(sql.push(", 0))")).await.map(|_| ())
    }

    /// The same lock, if nobody holds it.
    pub(crate) async fn try_lock(&mut self, scope: &Scope, name: &str) -> Result<bool, StoreError> {
        let sql = Sql::new("SELECT pg_try_advisory_xact_lock(hashtextextended(").bind(&place_of(scope, name));
        self.fetch(sql.push(", 0)) AS is_taken")).await?.first().map_or(Ok(false), |row| row.get("is_taken"))
    }

    pub(crate) fn writes_to(&mut self, scope: &Scope) {
        if self.freshness.is_some() && !self.written.contains(scope) {
            self.written.insert(scope.clone());
        }
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let outcome = self.transaction.commit().await;
        // Also after an error, which leaves open whether the server has committed.
        if let Some(freshness) = &self.freshness {
            freshness.wrote_to(self.written);
        }
        self.writer.learn(outcome)
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        let outcome = self.transaction.rollback().await;
        self.writer.learn(outcome)
    }
}

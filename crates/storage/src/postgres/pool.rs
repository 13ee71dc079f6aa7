//! A pool of connections to one server, and what makes it forget connections that no longer serve.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};

use super::{PostgresOptions, arguments, render};
use crate::{Sql, StoreError};

/// Connections idle for longer than this are asked whether they live before they are used; between, a loss is noticed by its error.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// Connections beyond those that are kept close after this long without use.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a connection to the reader.
const READER_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
/// Statements with more values than this are not kept prepared: few are alike.
const PREPARED_VALUES_MAX: usize = 128;

/// What a pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
}

/// Connections to one server.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) connections: PgPool,
    /// When a connection was last found broken, or on a server that takes no writes: connections older than that are asked first.
    suspicion: Arc<Mutex<Option<Instant>>>,
}

impl Pool {
    /// Opens no connection yet.
    pub(super) fn new(role: Role, connect: PgConnectOptions, options: &PostgresOptions) -> Self {
        let suspicion: Arc<Mutex<Option<Instant>>> = Arc::default();
        let suspected = Arc::clone(&suspicion);
        let max = options.max_open_conns.max(1);
        let pool = PgPoolOptions::new()
            .max_connections(max)
            .min_connections(options.max_idle_conns.min(max))
            .idle_timeout(IDLE_TIMEOUT)
            .max_lifetime(options.conn_max_lifetime)
            .acquire_timeout(match role {
                Role::Writer => options.acquire_timeout,
                // The writer can answer in its place.
                Role::Reader => options.acquire_timeout.min(READER_ACQUIRE_TIMEOUT),
            })
            .test_before_acquire(false)
            .before_acquire(move |connection, met| {
                let doubt = read(&suspected).is_some_and(|since| since.elapsed() <= met.age);
                Box::pin(async move { Ok(!(doubt || met.idle_for > TRUSTED_IDLE) || serves(role, connection).await) })
            })
            .after_connect(move |connection, _| Box::pin(async move { prepare(role, connection).await }));
        Self { connections: pool.connect_lazy_with(connect), suspicion }
    }

    /// Runs a read. One that fails because its connection was lost is tried once more on another.
    pub(super) async fn fetch(&self, sql: Sql) -> Result<Vec<PgRow>, StoreError> {
        let (text, values) = (render(&sql, false), sql.values);
        let (arguments, persistent) = (arguments(values.clone())?, values.len() <= PREPARED_VALUES_MAX);
        match self.fetch_once(&text, arguments, persistent).await {
            Err(error) if is_loss(&error) => {
                self.suspect();
                Ok(self.fetch_once(&text, super::arguments(values)?, persistent).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    async fn fetch_once(&self, text: &str, arguments: PgArguments, persistent: bool) -> Result<Vec<PgRow>, sqlx::Error> {
        sqlx::query_with(AssertSqlSafe(text.to_owned()), arguments).persistent(persistent).fetch_all(&self.connections).await
    }

    /// Begins a transaction, on another connection when the first is found lost: nothing was done in it yet.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        match self.connections.begin().await {
            Err(error) if is_loss(&error) => {
                self.suspect();
                Ok(self.connections.begin().await?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Looks at an error: after a loss, or a write to a server that takes none, older connections are asked before they are used.
    pub(super) fn learn<T>(&self, outcome: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        outcome.map_err(|error| {
            if is_loss(&error) || code(&error).as_deref() == Some(READ_ONLY) {
                self.suspect();
            }
            error.into()
        })
    }

    fn suspect(&self) {
        *self.suspicion.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// SQLSTATE `read_only_sql_transaction`: the server became a standby.
const READ_ONLY: &str = "25006";

fn read(suspicion: &Mutex<Option<Instant>>) -> Option<Instant> {
    *suspicion.lock().unwrap_or_else(PoisonError::into_inner)
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}

/// The connection is gone: class 08, or the server ended it (57P01, 57P02).
fn is_loss(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        _ => code(error).is_some_and(|code| code.starts_with("08") || code == "57P01" || code == "57P02"),
    }
}

/// Whether a connection lives and, for the writer, its server takes writes.
async fn serves(role: Role, connection: &mut PgConnection) -> bool {
    let standby = sqlx::query_scalar::<_, bool>("SELECT pg_is_in_recovery()").fetch_one(connection).await;
    standby.is_ok_and(|standby| !standby || role == Role::Reader)
}

/// A commit is durable when it returns, whatever the server or the role is set to. Stronger settings stay.
async fn prepare(role: Role, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if role == Role::Writer {
        let durable = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
        sqlx::query(durable).execute(connection).await?;
    }
    Ok(())
}

/// Runs a statement inside a transaction.
pub(super) async fn execute(transaction: &mut Transaction<'static, Postgres>, sql: Sql) -> Result<Result<u64, sqlx::Error>, StoreError> {
    let text = render(&sql, true);
    let persistent = sql.values.len() <= PREPARED_VALUES_MAX;
    let query = sqlx::query_with(AssertSqlSafe(text), arguments(sql.values)?).persistent(persistent);
    Ok(query.execute(&mut **transaction).await.map(|done| done.rows_affected()))
}

/// Reads inside a transaction.
pub(super) async fn fetch(
    transaction: &mut Transaction<'static, Postgres>,
    sql: Sql,
) -> Result<Result<Vec<PgRow>, sqlx::Error>, StoreError> {
    let text = render(&sql, true);
    let persistent = sql.values.len() <= PREPARED_VALUES_MAX;
    let query = sqlx::query_with(AssertSqlSafe(text), arguments(sql.values)?).persistent(persistent);
    Ok(query.fetch_all(&mut **transaction).await)
}

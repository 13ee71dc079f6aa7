//! A unit of work: what commits together or not at all.

use std::sync::Arc;

use domain::scope::Scope;
use sqlx::{AssertSqlSafe, Sqlite, Transaction};

use crate::sql::Keeps;
use crate::sqlite::Soundness;
use crate::{Row, Source, Sql, StoreError};

/// An open transaction. Dropped without commit, it leaves no trace.
///
/// What it reads stays true until it commits (ADR 0004). SQLite has one writer at a time. On PostgreSQL the rows it reads are locked for
/// it; what it decides on the *absence* of rows, or on a set, must stand under the lock of an owner: read the owner's row first, or
/// take a [`lock`](Self::lock) that all writers of the set take.
#[derive(Debug)]
pub struct UnitOfWork {
    open: Open,
    /// Why a statement failed: the rest of the unit of work would stand on what is not there.
    spoiled: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Open {
    Sqlite(Transaction<'static, Sqlite>, Arc<Soundness>),
    #[cfg(feature = "cluster")]
    Postgres(crate::postgres::PostgresWork),
}

impl UnitOfWork {
    pub(crate) fn new(open: Open) -> Self {
        Self { open, spoiled: None }
    }

    /// Runs a statement and returns how many rows it touched. One that fails spoils the unit of work: what comes after it is refused.
    pub async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        self.check_sound()?;
        let outcome = match &mut self.open {
            Open::Sqlite(transaction, soundness) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), crate::sqlite::arguments(sql.values)?);
                let done = query.execute(&mut **transaction).await.map_err(StoreError::from);
                soundness.look_at(done.map(|done| done.rows_affected()))
            }
            #[cfg(feature = "cluster")]
            Open::Postgres(work) => work.execute(sql).await,
        };
        self.note(outcome)
    }

    /// Waits until no other unit of work holds this name in this scope, and holds it until it ends. For decisions on the absence of
    /// rows, or on a set of rows without an owner. SQLite, with its one writer, holds every name.
    pub async fn lock(&mut self, scope: &Scope, name: &str) -> Result<(), StoreError> {
        self.check_sound()?;
        let outcome = match &mut self.open {
            Open::Sqlite(..) => {
                let _ = (scope, name);
                Ok(())
            }
            #[cfg(feature = "cluster")]
            Open::Postgres(work) => work.lock(scope, name).await,
        };
        self.note(outcome)
    }

    /// Takes a name in this scope, as [`lock`](Self::lock) does, unless another unit of work holds it; tells whether it was taken.
    pub async fn try_lock(&mut self, scope: &Scope, name: &str) -> Result<bool, StoreError> {
        self.check_sound()?;
        let outcome = match &mut self.open {
            Open::Sqlite(..) => {
                let _ = (scope, name);
                Ok(true)
            }
            #[cfg(feature = "cluster")]
            Open::Postgres(work) => work.try_lock(scope, name).await,
        };
        self.note(outcome)
    }

    /// Reads that hold no rows: for what this unit of work only shows, or what the lock of an owner keeps true already.
    pub fn glance(&mut self) -> Reading<'_> {
        Reading { work: self, keeps: Keeps::Nothing }
    }

    /// Reads whose rows stay as they are, and which other units of work may read so as well: for what this one builds on and does not
    /// change. To change such a row later, read it as usual, lest two that hold it wait for each other.
    pub fn shared(&mut self) -> Reading<'_> {
        Reading { work: self, keeps: Keeps::ForShare }
    }

    /// Lists of this scope must show what this unit of work writes.
    pub(crate) fn writes_to(&mut self, scope: &Scope) {
        match &mut self.open {
            // Its readers see every commit.
            Open::Sqlite(..) => _ = scope,
            #[cfg(feature = "cluster")]
            Open::Postgres(work) => work.writes_to(scope),
        }
    }

    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.check_sound()?;
        match self.open {
            Open::Sqlite(transaction, soundness) => {
                // A file that was removed meanwhile would take the commit and lose it.
                soundness.require()?;
                soundness.look_at(transaction.commit().await.map_err(StoreError::from))
            }
            #[cfg(feature = "cluster")]
            Open::Postgres(work) => work.commit().await,
        }
    }

    /// Takes everything back.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.open {
            Open::Sqlite(transaction, _) => Ok(transaction.rollback().await?),
            #[cfg(feature = "cluster")]
            Open::Postgres(work) => work.rollback().await,
        }
    }

    /// PostgreSQL takes back a transaction in which a statement failed, and answers its COMMIT without an error. SQLite would go on.
    fn check_sound(&self) -> Result<(), StoreError> {
        match &self.spoiled {
            None => Ok(()),
            Some(cause) => Err(StoreError::Unavailable(format!("the unit of work failed before, begin it again: {cause}"))),
        }
    }

    fn note<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &outcome {
            self.spoiled = Some(error.to_string());
        }
        outcome
    }
}

/// Reads inside a unit of work see its own writes.
impl Source for UnitOfWork {
    async fn fetch(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        self.check_sound()?;
        let outcome = match &mut self.open {
            Open::Sqlite(transaction, soundness) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), crate::sqlite::arguments(sql.values)?);
                let rows = query.fetch_all(&mut **transaction).await.map_err(StoreError::from);
                soundness.look_at(rows).map(|rows| rows.into_iter().map(Row::new).collect())
            }
            #[cfg(feature = "cluster")]
            Open::Postgres(work) => work.fetch(sql).await,
        };
        self.note(outcome)
    }
}

/// Reads of a unit of work that hold their rows less than usual.
#[derive(Debug)]
pub struct Reading<'a> {
    work: &'a mut UnitOfWork,
    keeps: Keeps,
}

impl Source for Reading<'_> {
    async fn fetch(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let keeps = if sql.keeps == Keeps::Nothing { Keeps::Nothing } else { self.keeps };
        self.work.fetch(sql.keeping(keeps)).await
    }
}

//! A unit of work: what commits together or not at all.

use sqlx::{Sqlite, Transaction};

use crate::{Row, Source, Sql, StoreError};

/// An open transaction. Dropped without commit, it leaves no trace.
#[derive(Debug)]
pub struct UnitOfWork {
    transaction: Transaction<'static, Sqlite>,
}

impl UnitOfWork {
    pub(crate) fn new(transaction: Transaction<'static, Sqlite>) -> Self {
        Self { transaction }
    }

    /// Runs a statement and returns how many rows it touched.
    pub async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        let (text, arguments) = sql.into_query()?;
        Ok(sqlx::query_with(text, arguments).execute(&mut *self.transaction).await?.rows_affected())
    }

    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }

    /// Takes everything back.
    pub async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.transaction.rollback().await?)
    }
}

/// Reads inside a unit of work see its own writes.
impl Source for UnitOfWork {
    async fn fetch(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let (text, arguments) = sql.into_query()?;
        let rows = sqlx::query_with(text, arguments).fetch_all(&mut *self.transaction).await?;
        Ok(rows.into_iter().map(Row).collect())
    }
}

//! Rows: typed values out of an answer.

use domain::scope::{Audit, Scope};

use crate::{Cell, StoreError, Value};

/// One row of an answer.
#[derive(Debug)]
pub struct Row(Box<dyn Values>);

/// The values of a row, as a database gives them.
pub(crate) trait Values: std::fmt::Debug + Send + Sync {
    fn value(&self, column: &str) -> Result<Value, StoreError>;
}

impl Row {
    pub(crate) fn new(values: impl Values + 'static) -> Self {
        Self(Box::new(values))
    }

    /// The value of a column.
    pub fn get<T: Cell>(&self, column: &str) -> Result<T, StoreError> {
        T::from_value(self.0.value(column)?).map_err(|error| match error {
            StoreError::Corrupt(text) => StoreError::Corrupt(format!("column {column}: {text}")),
            other => other,
        })
    }

    /// The columns that every table has.
    pub fn audit(&self) -> Result<Audit, StoreError> {
        Ok(Audit {
            scope: Scope { tenant_id: self.get("tenant_id")?, environment_id: self.get("environment_id")? },
            status: self.get("status")?,
            created_at: self.get("created_at")?,
            updated_at: self.get("updated_at")?,
            created_by: self.get("created_by")?,
            updated_by: self.get("updated_by")?,
        })
    }
}

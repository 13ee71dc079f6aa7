//! Statements and rows: text with typed values in, typed values out.

use domain::scope::{Audit, Scope};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, Row as _, ValueRef as _};

use crate::{Cell, StoreError, Value};

/// A statement: text with numbered places, and the values in them. Text comes from the code alone, values from anywhere.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// A statement that begins with `text`.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// Appends text of the code's own.
    #[must_use]
    pub fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends a place and its value.
    #[must_use]
    pub fn bind(self, value: &impl Cell) -> Self {
        self.bind_value(value.to_value())
    }

    /// Appends a place and its value.
    #[must_use]
    pub fn bind_value(mut self, value: Value) -> Self {
        self.values.push(value);
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// Appends `($1, $2, …)`; an empty list matches nothing.
    #[must_use]
    pub fn bind_list(mut self, values: impl IntoIterator<Item = Value>) -> Self {
        self.text.push('(');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self = self.bind_value(value);
        }
        if self.text.ends_with('(') {
            self.text.push_str("NULL");
        }
        self.text.push(')');
        self
    }

    /// Appends the condition on tenant and environment that every statement carries.
    #[must_use]
    pub fn scoped(self, scope: &Scope) -> Self {
        self.push("tenant_id = ").bind(&scope.tenant_id).push(" AND environment_id = ").bind(&scope.environment_id)
    }

    pub(crate) fn into_query(self) -> Result<(AssertSqlSafe<String>, SqliteArguments), StoreError> {
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            match value {
                Value::Null => arguments.add(None::<String>),
                Value::Text(text) => arguments.add(text),
                Value::Int(number) => arguments.add(number),
                Value::Bool(flag) => arguments.add(i64::from(flag)),
                Value::Time(time) => arguments.add(time.micros()),
            }
            .map_err(|error| StoreError::Corrupt(error.to_string()))?;
        }
        Ok((AssertSqlSafe(self.text), arguments))
    }
}

/// One row of an answer.
#[derive(Debug)]
pub struct Row(pub(crate) SqliteRow);

impl Row {
    /// The value of a column.
    pub fn get<T: Cell>(&self, column: &str) -> Result<T, StoreError> {
        use sqlx::TypeInfo as _;
        let raw = self.0.try_get_raw(column)?;
        let value = if raw.is_null() {
            Value::Null
        } else if raw.type_info().name() == "INTEGER" {
            Value::Int(self.0.try_get::<i64, _>(column)?)
        } else {
            Value::Text(self.0.try_get::<String, _>(column)?)
        };
        T::from_value(value).map_err(|error| match error {
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

/// Something that runs statements: the database for reads, a unit of work for everything.
pub trait Source: Send {
    /// All rows of an answer. Every statement is bounded by a key or a limit.
    fn fetch(&mut self, sql: Sql) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;
}

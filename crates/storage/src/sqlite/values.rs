//! How SQLite keeps each kind of value: times as microseconds, decimals and JSON as text, yes and no as 1 and 0.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::row::Values;
use crate::{StoreError, Value};

pub(crate) fn arguments(values: Vec<Value>) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        value.check()?;
        match value {
            Value::Null => arguments.add(None::<String>),
            Value::Text(text) | Value::Decimal(text) | Value::Json(text) => arguments.add(text),
            Value::Int(number) => arguments.add(number),
            Value::Bool(flag) => arguments.add(i64::from(flag)),
            Value::Time(time) => arguments.add(time.micros()),
        }
        .map_err(|error| StoreError::Corrupt(error.to_string()))?;
    }
    Ok(arguments)
}

impl Values for SqliteRow {
    fn value(&self, column: &str) -> Result<Value, StoreError> {
        let raw = self.try_get_raw(column)?;
        if raw.is_null() {
            Ok(Value::Null)
        } else if raw.type_info().name() == "INTEGER" {
            Ok(Value::Int(self.try_get::<i64, _>(column)?))
        } else {
            Ok(Value::Text(self.try_get::<String, _>(column)?))
        }
    }
}

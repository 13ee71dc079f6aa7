//! How PostgreSQL keeps each kind of value: `text`, `bigint`, `boolean`, `timestamptz`, `numeric`, `jsonb`. Each place of a statement
//! says its type, so that a value of another kind is refused when the statement is prepared and never read as something else.

use bigdecimal::BigDecimal;
use domain::time::Timestamp;
use serde_json::value::RawValue;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo};
use sqlx::types::Json;
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{Arguments as _, Postgres, Row as _, Type, TypeInfo as _, ValueRef as _};

use crate::row::Values;
use crate::{StoreError, Value};

/// An absent value of whatever type its place has: the server infers it from the column.
struct Absent;

impl Type<Postgres> for Absent {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Absent {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

pub(crate) fn arguments(values: Vec<Value>) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    for value in values {
        value.check()?;
        match value {
            Value::Null => arguments.add(Absent),
            Value::Text(text) => arguments.add(text),
            Value::Int(number) => arguments.add(number),
            Value::Bool(flag) => arguments.add(flag),
            Value::Time(time) => arguments.add(time.to_datetime()),
            Value::Decimal(text) => text.parse::<BigDecimal>().map_err(Into::into).and_then(|decimal| arguments.add(decimal)),
            Value::Json(text) => RawValue::from_string(text).map_err(Into::into).and_then(|json| arguments.add(Json(json))),
        }
        .map_err(|error| StoreError::Corrupt(error.to_string()))?;
    }
    Ok(arguments)
}

impl Values for PgRow {
    fn value(&self, column: &str) -> Result<Value, StoreError> {
        let raw = self.try_get_raw(column)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        Ok(match raw.type_info().name() {
            "TEXT" => Value::Text(self.try_get(column)?),
            "INT8" => Value::Int(self.try_get(column)?),
            "BOOL" => Value::Bool(self.try_get(column)?),
            "TIMESTAMPTZ" => Value::Time(Timestamp::from_datetime(self.try_get::<DateTime<Utc>, _>(column)?)),
            "NUMERIC" => Value::Decimal(self.try_get::<BigDecimal, _>(column)?.to_plain_string()),
            "JSONB" => Value::Json(self.try_get::<Json<Box<RawValue>>, _>(column)?.0.get().to_owned()),
            other => return Err(StoreError::Corrupt(format!("column {column} has the type {other}, which nothing is kept in"))),
        })
    }
}

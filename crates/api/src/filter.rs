//! Conditions on columns as clients write them (spec 60 §4.3). Whatever cannot be applied is refused: a dropped condition would show
//! more than was asked for.

use app::{Cell, Condition, Error, Value};
use domain::money::Decimal;
use domain::time::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ApiResult};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A decimal.
    Decimal,
    /// An instant.
    Time,
    /// Yes or no.
    Bool,
}

/// The columns of a list that clients may name: their name, the database's, what they hold.
pub(crate) struct Columns(pub(crate) &'static [(&'static str, &'static str, ColumnKind)]);

/// Columns that every list has.
const COMMON: &[(&str, &str, ColumnKind)] = &[
    ("id", "id", ColumnKind::Text),
    ("status", "status", ColumnKind::Text),
    ("created_at", "created_at", ColumnKind::Time),
    ("updated_at", "updated_at", ColumnKind::Time),
    ("created_by", "created_by", ColumnKind::Text),
    ("updated_by", "updated_by", ColumnKind::Text),
];

impl Columns {
    /// The database's column of a client's name; unknown names are refused.
    pub(crate) fn find(&self, name: &str) -> ApiResult<(&'static str, ColumnKind)> {
        let found = self.0.iter().chain(COMMON).find(|(known, ..)| *known == name);
        found.map(|(_, column, kind)| (*column, *kind)).ok_or_else(|| {
            let known: Vec<_> = self.0.iter().chain(COMMON).map(|(known, ..)| *known).collect();
            refuse(format!("`{name}` is no field of this list: use one of {}", known.join(", ")))
        })
    }
}

/// One condition.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = types::FilterCondition)]
pub(crate) struct FilterCondition {
    /// The column.
    #[serde(default)]
    field: String,
    /// eq, contains, not_contains, gt, lt, gte, lte, in, not_in, before, after.
    #[serde(default)]
    operator: String,
    /// string, number, boolean, date, array.
    #[serde(default)]
    data_type: String,
    /// The value, in the member that the data type names.
    #[serde(default)]
    value: FilterValue,
}

/// The value of a condition.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(as = types::Value)]
pub(crate) struct FilterValue {
    string: Option<String>,
    number: Option<Decimal>,
    boolean: Option<bool>,
    date: Option<String>,
    array: Option<Vec<String>>,
}

impl FilterCondition {
    /// The column it names.
    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    /// The condition on the database's column. An empty `in` or `not_in` list is no condition.
    pub(crate) fn into_condition(self, columns: &Columns) -> ApiResult<Option<Condition>> {
        let (column, kind) = columns.find(&self.field)?;
        let misfit = || {
            refuse(format!(
                "operator `{}` with data_type `{}` and this value does not fit field `{}`",
                self.operator, self.data_type, self.field
            ))
        };
        let member_present = match self.data_type.as_str() {
            "string" => self.value.string.is_some(),
            "number" => self.value.number.is_some(),
            "boolean" => self.value.boolean.is_some(),
            "date" => self.value.date.is_some(),
            "array" => self.value.array.is_some(),
            _ => false,
        };
        if !member_present {
            return Err(misfit());
        }
        let one = || self.value.of_kind(kind).ok_or_else(misfit);
        let text = || self.value.string.clone().filter(|_| kind == ColumnKind::Text).ok_or_else(misfit);
        Ok(Some(match self.operator.as_str() {
            "eq" => Condition::Eq(column, one()?),
            "contains" => Condition::Contains(column, text()?),
            "not_contains" => Condition::NotContains(column, text()?),
            "gt" | "lt" | "gte" | "lte" if matches!(kind, ColumnKind::Int) => {
                let value = one()?;
                match self.operator.as_str() {
                    "gt" => Condition::Gt(column, value),
                    "lt" => Condition::Lt(column, value),
                    "gte" => Condition::Gte(column, value),
                    _ => Condition::Lte(column, value),
                }
            }
            "gt" if kind == ColumnKind::Decimal => Condition::DecimalGt(column, self.value.number.clone().ok_or_else(misfit)?),
            "before" if kind == ColumnKind::Time => Condition::Lt(column, one()?),
            "after" if kind == ColumnKind::Time => Condition::Gt(column, one()?),
            "in" | "not_in" => {
                let values = self.value.array.as_ref().ok_or_else(misfit)?;
                if values.is_empty() {
                    return Ok(None);
                }
                if kind != ColumnKind::Text {
                    return Err(misfit());
                }
                let values = values.iter().map(Cell::to_value).collect();
                if self.operator == "in" { Condition::In(column, values) } else { Condition::NotIn(column, values) }
            }
            _ => return Err(misfit()),
        }))
    }
}

impl FilterValue {
    /// The value for a column of this kind, from whichever member fits it.
    fn of_kind(&self, kind: ColumnKind) -> Option<Value> {
        match kind {
            ColumnKind::Text => self.string.as_ref().map(Cell::to_value),
            ColumnKind::Int => self.number.as_ref()?.to_string().parse::<i64>().ok().map(Value::Int),
            ColumnKind::Decimal => self.number.as_ref().map(Cell::to_value),
            ColumnKind::Time => self.date.as_ref()?.parse::<Timestamp>().ok().map(Value::Time),
            ColumnKind::Bool => self.boolean.map(Value::Bool),
        }
    }
}

fn refuse(message: String) -> ApiError {
    ApiError(Error::input(message))
}

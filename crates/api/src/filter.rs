//! Conditions on columns as clients write them (spec 60 §4.3). Whatever cannot be applied is refused: a dropped condition would show
//! more than was asked for.

use crate::body::{Metadata, Texts};
use app::{AUDIT_COLUMNS, Cell, Column, Condition, Error, Kind, Record, Value};
use domain::invalid::Invalid;
use domain::money::Decimal;
use domain::time::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ApiResult};

/// The columns of a record that clients may name in conditions and orders.
pub(crate) struct Columns {
    record: &'static [Column],
    /// Those whose name on the wire is the database's.
    own: &'static [&'static str],
    /// The others: the name on the wire, the database's.
    renamed: &'static [(&'static str, &'static str)],
}

/// Columns that every list has.
const COMMON: &[&str] = &["id", "status", "created_at", "updated_at", "created_by", "updated_by"];

impl Columns {
    /// Columns of a record by their names; one that it does not have, or that holds JSON, does not compile.
    pub(crate) const fn of<R: Record>(own: &'static [&'static str]) -> Self {
        let mut at = 0;
        while at < own.len() {
            assert!(has(R::COLUMNS, own[at]), "a list names no such column of its record");
            at += 1;
        }
        Self { record: R::COLUMNS, own, renamed: &[] }
    }

    /// Besides, columns that bear another name on the wire.
    pub(crate) const fn renaming(self, renamed: &'static [(&'static str, &'static str)]) -> Self {
        let mut at = 0;
        while at < renamed.len() {
            assert!(has(self.record, renamed[at].1), "a list names no such column of its record");
            at += 1;
        }
        Self { renamed, ..self }
    }

    /// Names on the wire with the database's.
    fn names(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let same = |name: &&'static str| (*name, *name);
        self.own.iter().map(same).chain(self.renamed.iter().copied()).chain(COMMON.iter().map(same))
    }

    /// The column of a client's name; unknown names are refused.
    pub(crate) fn find(&self, name: &str) -> ApiResult<Column> {
        let column = self.names().find(|(known, _)| *known == name).map(|(_, column)| column);
        let found = self.record.iter().chain(AUDIT_COLUMNS).find(|known| Some(known.name) == column);
        found.copied().ok_or_else(|| {
            let known: Vec<_> = self.names().map(|(known, _)| known).collect();
            let known = known.join(", ");
            let message = format!("`{name}` is no field of this list: use one of {known}");
            Invalid::field("field", message).with("value", name).with("allowed", known).into()
        })
    }
}

const fn has(record: &[Column], name: &str) -> bool {
    let mut at = 0;
    while at < record.len() {
        if same_text(record[at].name, name) {
            return !matches!(record[at].kind, Kind::Json);
        }
        at += 1;
    }
    false
}

/// `==` of texts is not constant yet.
const fn same_text(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    at == left.len() && at == right.len()
}

/// One condition.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = types::FilterCondition)]
pub(crate) struct FilterCondition {
    /// The column, such as `created_at`; a refusal names those of the list.
    #[serde(default)]
    #[schema(required = true)]
    field: String,
    /// eq, contains, not_contains, gt, lt, gte, lte, in, not_in, before or after, as the column's type allows.
    #[serde(default)]
    #[schema(required = true)]
    operator: String,
    /// string, number, boolean, date or array: which member of `value` counts.
    #[serde(default)]
    #[schema(required = true)]
    data_type: String,
    /// The value, in the member that `data_type` names.
    #[serde(default)]
    #[schema(required = true)]
    value: FilterValue,
}

/// The value of a condition.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(as = types::Value)]
pub(crate) struct FilterValue {
    /// For the data type string.
    string: Option<String>,
    /// For the data type number: a decimal, as a string or a number.
    number: Option<Decimal>,
    /// For the data type boolean.
    boolean: Option<bool>,
    /// For the data type date: RFC 3339 with a zone.
    date: Option<String>,
    /// For the data type array, with `in` and `not_in`: any of these texts; an empty list asks for nothing.
    #[schema(value_type = Option<Vec<String>>, max_items = 10000)]
    array: Option<Texts>,
}

impl FilterCondition {
    /// The column it names.
    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    /// The condition on the database's column. An empty `in` or `not_in` list is no condition.
    pub(crate) fn into_condition(self, columns: &Columns) -> ApiResult<Option<Condition>> {
        let Column { name: column, kind } = columns.find(&self.field)?;
        let misfit = || {
            let message = format!(
                "operator `{}` with data_type `{}` and this value does not fit field `{}`",
                self.operator, self.data_type, self.field
            );
            ApiError(Error::field("filters", message))
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
        let text = || self.value.string.clone().filter(|_| kind == Kind::Text).ok_or_else(misfit);
        Ok(Some(match self.operator.as_str() {
            "eq" => Condition::Eq(column, one()?),
            "contains" => Condition::Contains(column, text()?),
            "not_contains" => Condition::NotContains(column, text()?),
            "gt" | "lt" | "gte" | "lte" if matches!(kind, Kind::Int | Kind::Decimal) => {
                let value = one()?;
                match self.operator.as_str() {
                    "gt" => Condition::Gt(column, value),
                    "lt" => Condition::Lt(column, value),
                    "gte" => Condition::Gte(column, value),
                    _ => Condition::Lte(column, value),
                }
            }
            "before" if kind == Kind::Time => Condition::Lt(column, one()?),
            "after" if kind == Kind::Time => Condition::Gt(column, one()?),
            "in" | "not_in" => {
                let values = self.value.array.as_ref().ok_or_else(misfit)?;
                if values.is_empty() {
                    return Ok(None);
                }
                if kind != Kind::Text {
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
    fn of_kind(&self, kind: Kind) -> Option<Value> {
        match kind {
            Kind::Text => self.string.as_ref().map(Cell::to_value),
            Kind::Int => self.number.as_ref()?.to_string().parse::<i64>().ok().map(Value::Int),
            Kind::Decimal => self.number.as_ref().map(Cell::to_value),
            Kind::Time => self.date.as_ref()?.parse::<Timestamp>().ok().map(Value::Time),
            Kind::Bool => self.boolean.map(Value::Bool),
            // No list names such a column.
            Kind::Json => None,
        }
    }
}

/// One of the values that a filter asks for; an empty list asks for nothing.
pub(crate) fn any_of<T: Cell>(column: &'static str, asked: &[T]) -> Option<Condition> {
    (!asked.is_empty()).then(|| Condition::one_of(column, asked))
}

/// The text that a filter asks for; an empty one asks for nothing.
pub(crate) fn equals(column: &'static str, asked: Option<&String>) -> Option<Condition> {
    asked.filter(|text| !text.is_empty()).map(|text| Condition::eq(column, text))
}

/// A text that holds what a filter asks for; an empty one asks for nothing.
pub(crate) fn contains(column: &'static str, asked: Option<String>) -> Option<Condition> {
    asked.filter(|text| !text.is_empty()).map(|text| Condition::Contains(column, text))
}

/// All pairs of metadata that a filter asks for.
pub(crate) fn pairs(asked: Option<Metadata>) -> impl Iterator<Item = Condition> {
    asked.unwrap_or_default().into_inner().into_iter().map(|(key, value)| Condition::Pair("metadata", key, value))
}

//! Lists: conditions, order, pages. Columns are names of the code's own; the API checks what a client asks for against them.

use crate::{Cell, Sql, Value};

/// A condition on one column. All conditions of a query must hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Equal.
    Eq(&'static str, Value),
    /// Different; absent is different.
    NotEq(&'static str, Value),
    /// One of; an empty list matches nothing.
    In(&'static str, Vec<Value>),
    /// None of; absent is none of them.
    NotIn(&'static str, Vec<Value>),
    /// Above.
    Gt(&'static str, Value),
    /// Above or equal.
    Gte(&'static str, Value),
    /// Below.
    Lt(&'static str, Value),
    /// Below or equal.
    Lte(&'static str, Value),
    /// Absent, or above.
    NullOrGt(&'static str, Value),
    /// Absent.
    Null(&'static str),
    /// Holds the text, in any case of the letters A to Z.
    Contains(&'static str, String),
    /// Does not hold the text, in any case of the letters A to Z; absent does not.
    NotContains(&'static str, String),
    /// A JSON object that holds this pair of strings.
    Pair(&'static str, String, String),
}

impl Condition {
    /// Equal.
    pub fn eq(column: &'static str, value: &impl Cell) -> Self {
        Self::Eq(column, value.to_value())
    }

    /// One of; an empty list matches nothing.
    pub fn one_of<T: Cell>(column: &'static str, values: &[T]) -> Self {
        Self::In(column, values.iter().map(Cell::to_value).collect())
    }

    /// How many values it compares with.
    pub fn values(&self) -> usize {
        match self {
            Self::In(_, values) | Self::NotIn(_, values) => values.len(),
            _ => 1,
        }
    }

    pub(crate) fn append(&self, sql: Sql) -> Sql {
        let sql = sql.push(" AND ");
        let compare = |sql: Sql, column: &str, operator: &str, value: &Value| {
            ordered(sql, column, is_decimal(value)).push(operator).bind_value(value.clone())
        };
        match self {
            Self::Eq(column, value) => compare(sql, column, " = ", value),
            Self::NotEq(column, value) => compare(sql, column, " IS DISTINCT FROM ", value),
            Self::Gt(column, value) => compare(sql, column, " > ", value),
            Self::Gte(column, value) => compare(sql, column, " >= ", value),
            Self::Lt(column, value) => compare(sql, column, " < ", value),
            Self::Lte(column, value) => compare(sql, column, " <= ", value),
            Self::In(column, values) => ordered(sql, column, values.iter().any(is_decimal)).push(" IN ").bind_list(values.clone()),
            Self::NotIn(_, values) if values.is_empty() => sql.push("1 = 1"),
            Self::NotIn(column, values) => {
                let sql = sql.push("(").push(column).push(" IS NULL OR ");
                let sql = ordered(sql, column, values.iter().any(is_decimal)).push(" NOT IN ");
                sql.bind_list(values.clone()).push(")")
            }
            Self::NullOrGt(column, value) => compare(sql.push("(").push(column).push(" IS NULL OR "), column, " > ", value).push(")"),
            Self::Null(column) => sql.push(column).push(" IS NULL"),
            Self::Contains(column, text) => like(sql, column, " LIKE ", text),
            Self::NotContains(column, text) => like(sql.push("(").push(column).push(" IS NULL OR "), column, " NOT LIKE ", text).push(")"),
            Self::Pair(column, key, value) => sql
                .push_either("EXISTS (SELECT 1 FROM json_each(", "")
                .push(column)
                .push_either(") AS pair WHERE pair.key = ", " @> jsonb_build_object(")
                .bind(key)
                .push_either(" AND pair.value = ", ", ")
                .bind(value)
                .push(")"),
        }
    }
}

fn is_decimal(value: &Value) -> bool {
    matches!(value, Value::Decimal(_))
}

/// A column as it is compared and sorted. SQLite keeps decimals as text and compares them as numbers by a collation of ours.
pub(crate) fn ordered(sql: Sql, column: &str, is_decimal: bool) -> Sql {
    let sql = sql.push(column);
    if is_decimal { sql.push_either(BY_DECIMAL, "") } else { sql }
}

/// Compares text as exact decimals ([`crate::sqlite`]).
const BY_DECIMAL: &str = " COLLATE decimal";

/// Both sides are folded by the database, and both databases fold ASCII alone: SQLite knows no more, and text columns of PostgreSQL have
/// the collation "C".
fn like(sql: Sql, column: &str, operator: &str, text: &str) -> Sql {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let sql = sql.push("LOWER(").push(column).push(")").push(operator).push("LOWER(").bind_value(Value::Text(format!("%{escaped}%")));
    sql.push_either("", " COLLATE \"C\"").push(") ESCAPE '\\'")
}

/// Which way a column is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Direction {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Ascending => " ASC NULLS LAST",
            Self::Descending => " DESC NULLS LAST",
        }
    }
}

/// One column of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column.
    pub column: &'static str,
    /// Which way.
    pub direction: Direction,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// By these columns, then by id.
    pub sort: Vec<Sort>,
    /// Most rows of the page.
    pub limit: i64,
    /// Rows before the page.
    pub offset: i64,
}

/// Rows of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many match in all.
    pub total: i64,
}

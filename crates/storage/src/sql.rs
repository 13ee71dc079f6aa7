//! Statements: text with typed values, and the few words in which the databases differ.

use std::ops::Range;

use domain::scope::Scope;

use crate::{Cell, Row, StoreError, Value};

/// A statement: text with numbered places, and the values in them. Text comes from the code alone, values from anywhere.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    /// As SQLite reads it.
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
    /// What PostgreSQL reads in place of these parts of the text, in their order.
    pub(crate) postgres: Vec<(Range<usize>, &'static str)>,
    /// Rows that a unit of work reads stay as they are until it ends.
    pub(crate) keeps: Keeps,
}

/// How rows are held that a unit of work reads. SQLite has one writer at a time and holds them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Not at all: aggregates, joins, and what carries no decision.
    #[default]
    Nothing,
    /// No other unit of work changes or holds them: they may be changed by this one.
    ForUpdate,
    /// No other unit of work changes them; several may hold them so.
    ForShare,
}

impl Sql {
    /// A statement that begins with `text`.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// Appends text of the code's own.
    #[must_use]
    pub fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends text of the code's own in which the databases differ.
    #[must_use]
    pub(crate) fn push_either(mut self, sqlite: &str, postgres: &'static str) -> Self {
        let start = self.text.len();
        self.text.push_str(sqlite);
        self.postgres.push((start..self.text.len(), postgres));
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
        let kind = value.postgres_cast();
        self.values.push(value);
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self.push_either("", kind)
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

    /// In a unit of work, the rows read stay as they are until it ends. Fit for statements over the rows of one table alone.
    #[must_use]
    pub(crate) fn keeping(mut self, keeps: Keeps) -> Self {
        self.keeps = keeps;
        self
    }
}

/// Something that runs statements: the database for reads, a unit of work for everything.
pub trait Source: Send {
    /// All rows of an answer. Every statement is bounded by a key or a limit.
    fn fetch(&mut self, sql: Sql) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// The rows of a page of a scope's list, and those of its count. They decide nothing, so that both may come from a database that is
    /// a moment behind where this process has written nothing meanwhile.
    fn fetch_list(&mut self, scope: &Scope, page: Sql, count: Sql) -> impl Future<Output = Result<[Vec<Row>; 2], StoreError>> + Send {
        async move {
            let _ = scope;
            Ok([self.fetch(page).await?, self.fetch(count).await?])
        }
    }
}

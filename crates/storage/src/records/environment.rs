//! Environments of a tenant (spec 60 §6).

use domain::ids::EnvironmentId;
use domain::scope::Audit;

use crate::cell::{Cell, Kind, Value};
use crate::record::{all_columns, record, records};
use crate::{Source, Sql, StoreError};

/// What an environment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnvironmentType {
    /// A sandbox: it may have a clock of its own.
    Development,
    /// The real thing.
    Production,
}

impl EnvironmentType {
    /// The wire text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}

impl Cell for EnvironmentType {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Value {
        Value::Text(self.as_str().to_owned())
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match String::from_value(value)?.as_str() {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            other => Err(StoreError::Corrupt(format!("`{other}` is no kind of environment"))),
        }
    }
}

/// A sandbox or production space. Its own id is also the environment of its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Identity.
    pub id: EnvironmentId,
    /// Display name.
    pub name: String,
    /// What it is for.
    pub kind: EnvironmentType,
    /// Scope, status, dates.
    pub audit: Audit,
}

record!(Environment in "environments" { id, name, kind });

/// The published environments of all tenants.
pub async fn all_environments(source: &mut impl Source) -> Result<Vec<Environment>, StoreError> {
    let columns = all_columns::<Environment>();
    records(&source.fetch(Sql::new("SELECT ").push(&columns).push(" FROM environments WHERE status = 'published'")).await?)
}

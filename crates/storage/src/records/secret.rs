//! API keys, kept as hashes (spec 60 §6).

use domain::ids::{SecretId, UserId};
use domain::scope::Audit;
use domain::time::Timestamp;

use crate::cell::{Cell, Kind, Value};
use crate::record::{all_columns, record, records};
use crate::{Source, Sql, StoreError};

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretType {
    /// Authenticates requests.
    PrivateKey,
    /// Was made by earlier releases, and authenticates nothing.
    PublishableKey,
}

impl SecretType {
    /// The wire text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::PublishableKey => "publishable_key",
        }
    }
}

impl Cell for SecretType {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Value {
        Value::Text(self.as_str().to_owned())
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match String::from_value(value)?.as_str() {
            "private_key" => Ok(Self::PrivateKey),
            "publishable_key" => Ok(Self::PublishableKey),
            other => Err(StoreError::Corrupt(format!("`{other}` is no kind of secret"))),
        }
    }
}

/// A stored API key. The key itself is shown once and never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Identity.
    pub id: SecretId,
    /// Display name.
    pub name: String,
    /// What it is for.
    pub kind: SecretType,
    /// Lower-hex SHA-256 of the key.
    pub value_hash: String,
    /// First five characters, `***`, last two.
    pub display_id: String,
    /// Whose key it is.
    pub user_id: UserId,
    /// `user` or `service_account`, as it was when the key was made.
    pub user_type: String,
    /// What it may do, as it was when the key was made.
    pub roles: Vec<String>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// Scope, status, dates.
    pub audit: Audit,
}

record!(Secret in "secrets" { id, name, kind, value_hash, display_id, user_id, user_type, roles, expires_at });

/// The stored key of a hash, in whatever scope: the one read that comes before a scope is known.
pub async fn secret_by_hash(source: &mut impl Source, hash: &str) -> Result<Option<Secret>, StoreError> {
    let sql = Sql::new("SELECT ").push(&all_columns::<Secret>()).push(" FROM secrets WHERE value_hash = ");
    Ok(records(&source.fetch(sql.bind(&hash.to_owned())).await?)?.pop())
}

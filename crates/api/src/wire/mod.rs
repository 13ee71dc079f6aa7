//! Requests and responses as they stand on the wire. Field names are the published API's.

pub(crate) mod catalog;
pub(crate) mod customers;
pub(crate) mod embedding;
pub(crate) mod entitlements;
pub(crate) mod events;
pub(crate) mod invoices;
pub(crate) mod platform;
pub(crate) mod schedules;
pub(crate) mod subscriptions;
pub(crate) mod usage;

use std::collections::BTreeMap;

use domain::money::Decimal;
use domain::scope::{Audit, Status};
use domain::time::Timestamp;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::body::{Map, Texts};

/// What every thing shows besides its own facts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AuditBody {
    /// published, archived or deleted.
    pub(crate) status: Status,
    /// The organisation it belongs to.
    pub(crate) tenant_id: String,
    /// The environment it belongs to.
    pub(crate) environment_id: String,
    /// When it was made, by the environment's clock.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
    /// The user who made it; empty for the system itself.
    pub(crate) created_by: String,
    /// The user who last changed it; empty for the system itself.
    pub(crate) updated_by: String,
}

impl From<&Audit> for AuditBody {
    fn from(audit: &Audit) -> Self {
        Self {
            status: audit.status,
            tenant_id: audit.scope.tenant_id.to_string(),
            environment_id: audit.scope.environment_id.to_string(),
            created_at: audit.created_at,
            updated_at: audit.updated_at,
            created_by: audit.created_by.clone(),
            updated_by: audit.updated_by.clone(),
        }
    }
}

/// Done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SuccessResponse {
    /// For people: what was done.
    pub(crate) message: String,
}

impl SuccessResponse {
    /// Says what was done.
    pub(crate) fn new(message: &str) -> Self {
        Self { message: message.to_owned() }
    }
}

/// A text, unless it is empty.
pub(crate) fn some_text(text: &str) -> Option<String> {
    if text.is_empty() { None } else { Some(text.to_owned()) }
}

/// Reads a word of a list; clients send an empty one for none.
pub(crate) fn empty_is_none<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = <Option<String>>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| T::deserialize(text.into_deserializer())).transpose()
}

/// Values by property name.
pub(crate) type Filters = BTreeMap<String, Vec<String>>;

/// The same as it is asked for.
pub(crate) type PropertyFilters = Map<Texts, 100>;

/// Values by property name, as the use cases take them.
pub(crate) fn values_by_property(asked: Option<PropertyFilters>) -> Filters {
    asked.unwrap_or_default().into_inner().into_iter().map(|(name, values)| (name, values.into_vec())).collect()
}

/// A decimal that stands as a JSON number, with all its digits.
#[derive(Debug, Clone)]
pub(crate) struct Number(Box<RawValue>);

impl From<&Decimal> for Number {
    fn from(value: &Decimal) -> Self {
        // Plain digits are a JSON number, so this cannot fail.
        Self(RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Number).into()
    }
}

impl ToSchema for Number {}

/// The properties of an event as they were sent; null when there were none.
#[derive(Debug, Clone)]
pub(crate) struct RawProperties(Box<RawValue>);

impl RawProperties {
    /// From the stored JSON text.
    pub(crate) fn new(json: &str) -> Self {
        Self(RawValue::from_string(json.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl Serialize for RawProperties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialSchema for RawProperties {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Object).into()
    }
}

impl ToSchema for RawProperties {}

//! What a column holds, and how values of the domain become it.

use std::collections::BTreeMap;

use domain::catalog::{AlertSettings, FeatureType, GroupEntityType, ReportingUnit};
use domain::entitlement::{EntitlementEntityType, UsageResetPeriod};
use domain::event::{RawOutcome, ReprocessMode, ReprocessStatus};
use domain::ids;
use domain::invoice::{BillingReason, Explanation, InvoiceStatus, InvoiceType, PaymentStatus};
use domain::meter::{Aggregation, BackfillStatus, Filter, ResetUsage};
use domain::money::{Currency, Decimal};
use domain::platform::{ActivityAction, ActorKind, EntityType, SettingKey, SystemEventName};
use domain::rating::{BillingModel, InvoiceCadence, PriceEntityType, PriceType, PriceUnitType, Tier, TierMode, TransformQuantity};
use domain::scope::Status;
use domain::subscription::{
    BillingCycle, CollectionMethod, LineItemEntityType, PaymentBehavior, PaymentTerms, ProrationBehavior, ScheduleStatus, ScheduleType,
    Scheduled, SubscriptionStatus, SubscriptionType,
};
use domain::time::{BillingPeriod, Timestamp};

use crate::StoreError;

/// A value of a column. Each database keeps it in its own best type; SQLite keeps times as microseconds, decimals and JSON as text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Absent.
    Null,
    /// Text.
    Text(String),
    /// An exact decimal, in plain digits.
    Decimal(String),
    /// JSON.
    Json(String),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// An instant.
    Time(Timestamp),
}

impl Value {
    /// What stands behind a value's place on PostgreSQL. An absent value takes the type of its column.
    pub(crate) const fn postgres_cast(&self) -> &'static str {
        match self {
            Self::Null => "",
            Self::Text(_) => "::text",
            Self::Decimal(_) => "::numeric",
            Self::Json(_) => "::jsonb",
            Self::Int(_) => "::bigint",
            Self::Bool(_) => "::boolean",
            Self::Time(_) => "::timestamptz",
        }
    }

    /// As JSON: decimals and instants as text, so that no digit is lost.
    pub(crate) fn into_json(self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Text(text) | Self::Decimal(text) => text.into(),
            // The text was JSON when the value was made.
            Self::Json(text) => serde_json::from_str(&text).unwrap_or_default(),
            Self::Int(number) => number.into(),
            Self::Bool(flag) => flag.into(),
            Self::Time(time) => time.to_string().into(),
        }
    }

    /// Refuses what only one of the databases would keep, so that both answer alike.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let holds_zero = match self {
            Self::Text(text) => text.contains('\0'),
            Self::Json(text) => holds_escaped_zero(text),
            Self::Null | Self::Decimal(_) | Self::Int(_) | Self::Bool(_) | Self::Time(_) => false,
        };
        if holds_zero { Err(StoreError::Unfit("a text holds the character U+0000: take it out".into())) } else { Ok(()) }
    }
}

/// Whether JSON text holds `\u0000` as an escape, and not after an escaped backslash.
fn holds_escaped_zero(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        let before = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        before % 2 == 0
    })
}

/// What a column holds, whatever the database keeps it as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An exact decimal.
    Decimal,
    /// JSON.
    Json,
    /// A whole number.
    Int,
    /// Yes or no.
    Bool,
    /// An instant.
    Time,
}

/// A type that one column can hold.
pub trait Cell: Sized {
    /// What such a column holds.
    const KIND: Kind;

    /// As the column holds it.
    fn to_value(&self) -> Value;
    /// From what the column holds.
    fn from_value(value: Value) -> Result<Self, StoreError>;
}

fn wrong<T>(wanted: &str, value: &Value) -> Result<T, StoreError> {
    Err(StoreError::Corrupt(format!("expected {wanted}, found {value:?}")))
}

impl Cell for String {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Text(text) => Ok(text),
            Value::Null => Ok(Self::new()),
            other => wrong("text", &other),
        }
    }
}

impl Cell for i64 {
    const KIND: Kind = Kind::Int;

    fn to_value(&self) -> Value {
        Value::Int(*self)
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Int(number) => Ok(number),
            other => wrong("a whole number", &other),
        }
    }
}

impl Cell for u32 {
    const KIND: Kind = Kind::Int;

    fn to_value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Int(number) => Self::try_from(number).map_err(|_| StoreError::Corrupt(format!("{number} is out of range"))),
            other => wrong("a whole number", &other),
        }
    }
}

impl Cell for bool {
    const KIND: Kind = Kind::Bool;

    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Bool(flag) => Ok(flag),
            Value::Int(number) => Ok(number != 0),
            other => wrong("yes or no", &other),
        }
    }
}

impl Cell for Timestamp {
    const KIND: Kind = Kind::Time;

    fn to_value(&self) -> Value {
        Value::Time(*self)
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Time(time) => Ok(time),
            Value::Int(micros) => Ok(Self::from_micros(micros)),
            other => wrong("an instant", &other),
        }
    }
}

impl Cell for Decimal {
    const KIND: Kind = Kind::Decimal;

    fn to_value(&self) -> Value {
        Value::Decimal(self.to_string())
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Decimal(text) | Value::Text(text) => text.parse().map_err(|error| StoreError::Corrupt(format!("{error}"))),
            other => wrong("a decimal", &other),
        }
    }
}

impl Cell for Currency {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Value {
        Value::Text(self.as_str().to_owned())
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        Self::parse(&String::from_value(value)?).map_err(|error| StoreError::Corrupt(error.message))
    }
}

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Cell::to_value)
    }
    fn from_value(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Null => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

macro_rules! id_cells {
    ($($type:ident),+ $(,)?) => {$(
        impl Cell for ids::$type {
            const KIND: Kind = Kind::Text;

            fn to_value(&self) -> Value {
                Value::Text(self.as_str().to_owned())
            }
            fn from_value(value: Value) -> Result<Self, StoreError> {
                String::from_value(value).map(Self::from)
            }
        }
    )+};
}

id_cells!(
    TenantId,
    EnvironmentId,
    UserId,
    SecretId,
    CustomerId,
    MeterId,
    FeatureId,
    EntitlementId,
    GroupId,
    PlanId,
    CostsheetId,
    PriceId,
    SubscriptionId,
    SubscriptionLineItemId,
    SubscriptionScheduleId,
    BackfillId,
    ReprocessId,
    InvoiceId,
    InvoiceLineItemId,
    SystemEventId,
    ActivityId,
    SettingId,
);

macro_rules! enum_cells {
    ($($type:ident),+ $(,)?) => {$(
        impl Cell for $type {
            const KIND: Kind = Kind::Text;

            fn to_value(&self) -> Value {
                Value::Text(self.as_str().to_owned())
            }
            fn from_value(value: Value) -> Result<Self, StoreError> {
                let text = String::from_value(value)?;
                Self::parse(&text).ok_or_else(|| StoreError::Corrupt(format!("`{text}` is no {}", stringify!($type))))
            }
        }
    )+};
}

enum_cells!(
    Status,
    FeatureType,
    EntitlementEntityType,
    UsageResetPeriod,
    GroupEntityType,
    ResetUsage,
    BackfillStatus,
    RawOutcome,
    ReprocessMode,
    ReprocessStatus,
    BillingModel,
    InvoiceCadence,
    PriceEntityType,
    PriceType,
    PriceUnitType,
    TierMode,
    BillingPeriod,
    BillingCycle,
    CollectionMethod,
    LineItemEntityType,
    PaymentBehavior,
    PaymentTerms,
    ProrationBehavior,
    ScheduleStatus,
    ScheduleType,
    SubscriptionStatus,
    SubscriptionType,
    BillingReason,
    InvoiceStatus,
    InvoiceType,
    PaymentStatus,
    EntityType,
    ActivityAction,
    ActorKind,
    SystemEventName,
    SettingKey,
);

macro_rules! json_cells {
    ($($type:ty),+ $(,)?) => {$(
        impl Cell for $type {
            const KIND: Kind = Kind::Json;

            fn to_value(&self) -> Value {
                // Serialising these plain types cannot fail: string keys, no floats.
                Value::Json(serde_json::to_string(self).unwrap_or_default())
            }
            fn from_value(value: Value) -> Result<Self, StoreError> {
                let text = match value {
                    Value::Json(text) | Value::Text(text) => text,
                    other => return wrong("JSON", &other),
                };
                serde_json::from_str(&text).map_err(|error| StoreError::Corrupt(format!("{error} in {text}")))
            }
        }
    )+};
}

json_cells!(
    BTreeMap<String, String>,
    serde_json::Map<String, serde_json::Value>,
    Vec<String>,
    Vec<Filter>,
    Vec<Tier>,
    Aggregation,
    AlertSettings,
    ReportingUnit,
    TransformQuantity,
    Scheduled,
    Explanation,
);

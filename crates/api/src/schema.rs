//! How values of the domain stand in the OpenAPI document: markers for `#[schema(value_type = …)]`.

use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An instant, RFC 3339.
pub(crate) struct Time;

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
    }
}

impl ToSchema for Time {}

/// A decimal: a string in answers, a string or a number in requests.
pub(crate) struct Dec;

impl PartialSchema for Dec {
    fn schema() -> RefOr<Schema> {
        string().description(Some("a decimal number as a string, exact; requests may send a number")).into()
    }
}

impl ToSchema for Dec {}

fn string() -> ObjectBuilder {
    Object::builder().schema_type(Type::String)
}

macro_rules! enum_schemas {
    ($($name:ident = $type:path;)*) => {$(
        /// The wire texts of an enumeration of the domain.
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let values = <$type>::ALL.iter().map(|value| serde_json::Value::from(value.as_str()));
                string().enum_values(Some(values.collect::<Vec<_>>())).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

enum_schemas! {
    StatusSchema = domain::scope::Status;
    FeatureTypeSchema = domain::catalog::FeatureType;
    AlertConditionSchema = domain::catalog::AlertCondition;
    GroupEntityTypeSchema = domain::catalog::GroupEntityType;
    AggregationTypeSchema = domain::meter::AggregationType;
    WindowSizeSchema = domain::meter::WindowSize;
    BackfillStatusSchema = domain::meter::BackfillStatus;
    ResetUsageSchema = domain::meter::ResetUsage;
    PriceTypeSchema = domain::rating::PriceType;
    BillingModelSchema = domain::rating::BillingModel;
    TierModeSchema = domain::rating::TierMode;
    InvoiceCadenceSchema = domain::rating::InvoiceCadence;
    PriceEntityTypeSchema = domain::rating::PriceEntityType;
    PriceUnitTypeSchema = domain::rating::PriceUnitType;
    RoundTypeSchema = domain::rating::RoundType;
    BillingPeriodSchema = domain::time::BillingPeriod;
    SubscriptionStatusSchema = domain::subscription::SubscriptionStatus;
    SubscriptionTypeSchema = domain::subscription::SubscriptionType;
    BillingCycleSchema = domain::subscription::BillingCycle;
    CollectionMethodSchema = domain::subscription::CollectionMethod;
    PaymentBehaviorSchema = domain::subscription::PaymentBehavior;
    PaymentTermsSchema = domain::subscription::PaymentTerms;
    ProrationBehaviorSchema = domain::subscription::ProrationBehavior;
    CancellationTypeSchema = domain::subscription::CancellationType;
    InvoicePolicySchema = domain::subscription::InvoicePolicy;
    LineItemEntityTypeSchema = domain::subscription::LineItemEntityType;
    InvoiceTypeSchema = domain::invoice::InvoiceType;
    InvoiceStatusSchema = domain::invoice::InvoiceStatus;
    PaymentStatusSchema = domain::invoice::PaymentStatus;
    BillingReasonSchema = domain::invoice::BillingReason;
}

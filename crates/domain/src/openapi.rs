//! How values that cross the wire stand in the OpenAPI document. Said here, because a trait of another crate can only be given to a
//! type where the type is. Names of components are published: generated clients carry them.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::money::Decimal;
use crate::time::Timestamp;

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// One of these texts.
pub(crate) fn texts<const N: usize>(texts: [&str; N]) -> RefOr<Schema> {
    string().enum_values(Some(texts)).into()
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

impl PartialSchema for Decimal {
    fn schema() -> RefOr<Schema> {
        string().description(Some("a decimal number as a string, exact; requests may send a number")).into()
    }
}

impl ToSchema for Decimal {
    fn name() -> Cow<'static, str> {
        "Dec".into()
    }
}

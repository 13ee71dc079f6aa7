//! A request read into its type, and all that is wrong with it at once (ADR 0015). What a type takes is read from its schema, so that
//! what is documented is what is taken.

mod findings;
mod ignored;
mod query;
mod shape;
mod walk;

pub(crate) use ignored::{IGNORED_FIELDS, IgnoredFields};
pub(crate) use query::{json_of_query, parameters_of};
pub(crate) use shape::shape_of;

use app::Error;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::body::{Bounded, bounded};
use crate::error::ApiError;

/// What becomes of fields that a request should not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownFields {
    /// The request is refused: a misspelt field would be lost without a word.
    #[default]
    Refuse,
    /// They are ignored, and the answer names them.
    Ignore,
}

/// A request as its type, and the paths of fields that were ignored.
pub(crate) fn read<T: DeserializeOwned + ToSchema + 'static>(json: &[u8], unknown: UnknownFields) -> Result<(T, Vec<String>), ApiError> {
    let Bounded { json, cut } = bounded(json);
    let shape = shape_of::<T>();
    let found = walk::walk(&shape, json);
    if let Some(invalid) = found.too_many {
        return Err(ApiError(Error::Invalid(invalid)));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let refused = match T::deserialize(&mut deserializer) {
        Ok(value) if unknown == UnknownFields::Ignore || found.unknown.is_empty() => return Ok((value, found.into_unknown_paths())),
        Ok(_) => found.refusal(true, None),
        Err(error) if error.is_data() => found.refusal(unknown == UnknownFields::Refuse, Some(&error)),
        Err(error) => {
            Error::field("body", cut.filter(|_| error.is_eof()).map_or_else(|| format!("the body is no JSON: {error}"), str::to_owned))
        }
    };
    Err(ApiError(refused))
}

//! What handlers take from a request. Whatever does not fit is a validation error that says where.

use app::{Context, Error};
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use crate::ApiState;
use crate::body;
use crate::error::ApiError;
use crate::request::{IgnoredFields, json_of_query, parameters_of, read, shape_of};

/// The caller: tenant, environment, user, idempotency key.
pub(crate) struct Caller(pub(crate) Context);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let context = parts.extensions.get::<Context>().cloned();
        context.map(Caller).ok_or_else(|| ApiError(Error::Internal("a route without authentication asked for its caller".into())))
    }
}

/// A JSON body. An empty body reads as an empty object.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + ToSchema + Send + 'static> FromRequest<ApiState> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let ignored = IgnoredFields::of(request.extensions());
        let unknown = state.settings.unknown_fields;
        let (value, paths) = body::read(request, state, move |bytes| read(object_in(bytes)?, unknown)).await?;
        ignored.add(paths);
        Ok(Self(value))
    }
}

/// Reads the first JSON value of a body, borrowing from it.
pub(crate) fn parse_json_borrowed<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(object_in(bytes)?);
    T::deserialize(&mut deserializer).map_err(|error| ApiError(Error::field("body", format!("the JSON body does not fit: {error}"))))
}

/// A body that may be a JSON object; an empty one is an empty object.
fn object_in(bytes: &[u8]) -> Result<&[u8], ApiError> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Ok(b"{}"),
        // Derived readers would take an array for an object, its items by position.
        Some(b'[') => Err(ApiError(Error::field("body", "the body must be a JSON object"))),
        Some(_) => Ok(bytes),
    }
}

/// The parameters after the question mark.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: ToSchema + 'static> IntoParams for Query<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        parameters_of::<T>()
    }
}

impl<T: DeserializeOwned + ToSchema + 'static> FromRequestParts<ApiState> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| ApiError(Error::field("query", format!("the query does not fit: {}", error.body_text()))))?;
        let json = json_of_query(&shape_of::<T>(), pairs.0)?.to_string();
        let (value, paths) = read(json.as_bytes(), state.settings.unknown_fields)?;
        IgnoredFields::of(&parts.extensions).add(paths);
        Ok(Self(value))
    }
}

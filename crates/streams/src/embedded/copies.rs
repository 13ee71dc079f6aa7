//! Copies of events that were refused because their id was known: a ring of the newest per event.

use super::body::Body;
use super::codec::{Bytes, corrupt};
use super::key::{self, IdKey};
use crate::{COPIES_KEPT, EventStoreError, RefusedCopy};

/// Where the copy of a number lies, from 0 in the order of arrival: it takes the place of the one [`COPIES_KEPT`] before it.
pub(super) fn key(id: &IdKey, number: u64) -> [u8; 21] {
    let slot = u8::try_from(number % COPIES_KEPT as u64).unwrap_or(u8::MAX);
    key::copy(id, slot)
}

/// A copy with its number.
pub(super) fn encode(number: u64, body: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes(), body].concat()
}

pub(super) fn decode(value: &[u8]) -> Result<(u64, RefusedCopy), EventStoreError> {
    let mut bytes = Bytes(value);
    let number = u64::from_be_bytes(bytes.array()?);
    Ok((number, RefusedCopy { event: Body::decode(bytes.0)?.to_event() }))
}

/// How many copies of an event there were.
pub(super) fn encode_count(count: u64) -> [u8; 8] {
    count.to_be_bytes()
}

pub(super) fn decode_count(value: &[u8]) -> Result<u64, EventStoreError> {
    Ok(u64::from_be_bytes(value.try_into().map_err(|_| corrupt("a number of copies is malformed"))?))
}

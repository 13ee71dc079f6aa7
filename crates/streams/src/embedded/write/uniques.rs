//! Which unique values each month has seen, and on which of its days.

use std::hash::BuildHasher;

use super::hashing::KeyHashing;
use super::names::At;
use super::sieve::Sieve;
use crate::EventStoreError;
use crate::embedded::codec::corrupt;
use crate::embedded::engine::engine_error;
use crate::embedded::key::{UNIQUE_BYTES, UniqueKey};

/// Unique values kept in memory: 32 bytes each.
const CACHED_UNIQUES: usize = 1 << 18;
/// Places a value may take.
const WAYS: usize = 4;

/// What a sighting adds to the unique counts of its day and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sighting {
    /// Seen on that day before.
    Known,
    /// Seen in that month, but not on that day.
    NewInDay,
    /// Not seen in that month.
    NewInMonth,
}

/// The writer's view of the unique values: a table in which each value has a few places, whose oldest the next to come takes.
pub(super) struct Uniques {
    /// Newest first.
    places: Vec<[(UniqueKey, u32); WAYS]>,
    hashing: KeyHashing,
    sieve: Sieve<UNIQUE_BYTES>,
}

impl Uniques {
    pub(super) fn new(sieve: Sieve<UNIQUE_BYTES>) -> Self {
        // No days: an empty place, whatever its key.
        Self { places: vec![[([0; UNIQUE_BYTES], 0); WAYS]; CACHED_UNIQUES / WAYS], hashing: KeyHashing::default(), sieve }
    }

    /// Takes over what has been found out in the background.
    pub(super) fn look_after(&mut self) {
        self.sieve.look_after();
    }

    /// Notes a value on a day of its month, 0 to 30.
    pub(super) fn see(&mut self, at: &mut At<'_>, key: UniqueKey, day: u32) -> Result<Sighting, EventStoreError> {
        #[expect(clippy::cast_possible_truncation, reason = "the remainder is what is wanted")]
        let places = self.hashing.hash_one(key) as usize % (CACHED_UNIQUES / WAYS);
        let places = &mut self.places[places];
        let cached = places.iter().position(|place| place.0 == key && place.1 != 0);
        places[..=cached.unwrap_or(WAYS - 1)].rotate_right(1);
        let cached = cached.map(|_| places[0].1);
        let days = match cached {
            Some(days) => days,
            None if self.sieve.note(&key) => stored_days(at, &key)?,
            None => 0,
        };
        let seen = days | 1 << day;
        places[0] = (key, seen);
        if seen == days {
            return Ok(Sighting::Known);
        }
        at.pending.uniques.insert(key, seen);
        Ok(if days == 0 { Sighting::NewInMonth } else { Sighting::NewInDay })
    }
}

/// The days on which a value was seen, none if it is new.
fn stored_days(at: &At<'_>, key: &UniqueKey) -> Result<u32, EventStoreError> {
    match at.pending.uniques.get(key).copied().or_else(|| at.in_flight.unique(key)) {
        Some(days) => Ok(days),
        None => at.engine.uniques.get(key).map_err(engine_error)?.map_or(Ok(0), |stored| decode_days(&stored)),
    }
}

/// The days of a value of `uniques`, one bit each.
pub(in crate::embedded) fn decode_days(bytes: &[u8]) -> Result<u32, EventStoreError> {
    Ok(u32::from_be_bytes(bytes.try_into().map_err(|_| corrupt("the days of a unique value are malformed"))?))
}

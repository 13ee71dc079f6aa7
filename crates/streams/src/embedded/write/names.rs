//! Numbers for scopes, customers, meters and event names: given out by the writer, in the batch that first needs them.

use fjall::OwnedWriteBatch;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use super::pending::{InFlight, Pending};
use crate::EventStoreError;
use crate::embedded::codec::{Bytes, corrupt};
use crate::embedded::engine::{Engine, engine_error};
use crate::embedded::key::{self, Kind, Number};

/// Names kept in memory, bytes.
const CACHED_BYTES: u64 = 6 << 20;
/// Bytes of a name in memory beside its text, roughly.
const NAME_BYTES: u64 = 80;

/// A name's number, and for a meter the pack it belongs to (else 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::embedded) struct Numbered {
    pub(in crate::embedded) number: Number,
    pub(in crate::embedded) pack: Number,
}

impl Numbered {
    /// As a value of `names`, with the name if its key lacks it.
    fn to_bytes(self, name: &[u8]) -> Vec<u8> {
        let name = if key::is_long(name) { name } else { &[] };
        let mut bytes = Vec::with_capacity(8 + name.len());
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.pack.to_be_bytes());
        bytes.extend_from_slice(name);
        bytes
    }

    /// From a value of `names`.
    pub(in crate::embedded) fn from_bytes(bytes: &[u8]) -> Result<Self, EventStoreError> {
        Ok(Self::with_name(bytes)?.0)
    }

    /// From a value of `names`, with the name if its key lacks it.
    pub(in crate::embedded) fn with_name(bytes: &[u8]) -> Result<(Self, &[u8]), EventStoreError> {
        let mut bytes = Bytes(bytes);
        let (number, pack) = (Number::from_be_bytes(bytes.array()?), Number::from_be_bytes(bytes.array()?));
        Ok((Self { number, pack }, bytes.0))
    }
}

#[derive(Clone)]
struct HeldBytes;

impl Weighter<Box<[u8]>, Numbered> for HeldBytes {
    fn weight(&self, name: &Box<[u8]>, _: &Numbered) -> u64 {
        NAME_BYTES + name.len() as u64
    }
}

/// The writer's view of the names.
pub(super) struct Names {
    cache: Cache<Box<[u8]>, Numbered, HeldBytes>,
    next: Number,
    scratch: Vec<u8>,
}

impl Names {
    pub(super) fn open(engine: &Engine) -> Result<Self, EventStoreError> {
        let next = match engine.names.get(key::NEXT_NUMBER).map_err(engine_error)? {
            Some(next) => Number::from_be_bytes((*next).try_into().map_err(|_| corrupt("the next number is malformed"))?),
            None => 1,
        };
        let items = usize::try_from(CACHED_BYTES / (NAME_BYTES + 40)).unwrap_or(usize::MAX);
        Ok(Self { cache: Cache::with_weighter(items, CACHED_BYTES, HeldBytes), next, scratch: Vec::new() })
    }

    /// The number of a name; a new one is written with the batch. `pack` is used for a new meter only.
    pub(super) fn number(
        &mut self,
        at: &mut At<'_>,
        kind: Kind,
        scope: Number,
        name: &[u8],
        pack: Number,
    ) -> Result<Numbered, EventStoreError> {
        if let Some(known) = self.find(at, kind, scope, name)? {
            return Ok(known);
        }
        let key: Box<[u8]> = self.scratch.as_slice().into();
        let given = self.give(at, &key, name, pack)?;
        self.cache.insert(key, given);
        Ok(given)
    }

    /// The number of a name that has one.
    pub(super) fn find(&mut self, at: &At<'_>, kind: Kind, scope: Number, name: &[u8]) -> Result<Option<Numbered>, EventStoreError> {
        key::name(kind, scope, name, &mut self.scratch);
        let key = self.scratch.as_slice();
        if let Some(known) = self.cache.get(key) {
            return Ok(Some(*known));
        }
        let found = match at.in_flight.name(key).or_else(|| at.pending.names.get(key).copied()) {
            Some(known) => Some(known),
            None => at.engine.names.get(key).map_err(engine_error)?.map(|stored| Numbered::from_bytes(&stored)).transpose()?,
        };
        if let Some(known) = found {
            self.cache.insert(key.into(), known);
        }
        Ok(found)
    }

    fn give(&mut self, at: &mut At<'_>, key: &[u8], name: &[u8], pack: Number) -> Result<Numbered, EventStoreError> {
        let given = Numbered { number: self.next, pack };
        self.next = self.next.checked_add(1).ok_or_else(|| corrupt("the store is out of numbers for names"))?;
        at.batch.insert(&at.engine.names, key, given.to_bytes(name));
        at.batch.insert(&at.engine.names, key::NEXT_NUMBER, self.next.to_be_bytes());
        at.pending.names.insert(key.into(), given);
        Ok(given)
    }
}

/// What a group under preparation reads and writes.
pub(super) struct At<'a> {
    pub(super) engine: &'a Engine,
    pub(super) in_flight: &'a InFlight,
    pub(super) pending: &'a mut Pending,
    pub(super) batch: &'a mut OwnedWriteBatch,
}

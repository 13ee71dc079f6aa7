//! Keys of the store's keyspaces. Scopes, customers, meters and event names are interned: a number of four bytes stands for each.

use domain::scope::Scope;
use domain::time::Timestamp;
use sha2::{Digest, Sha256};

use super::codec::Bytes;
use super::span::{Span, Stretch};
use crate::EventStoreError;

/// An interned name; numbers are unique in the whole store.
pub(super) type Number = u32;

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Scope = b's',
    Customer = b'c',
    Meter = b'm',
    EventName = b'e',
}

/// Longest key that the engine takes.
pub(super) const BYTES_MAX: usize = u16::MAX as usize;
/// Where the next free number is kept.
pub(super) const NEXT_NUMBER: &[u8] = b"+";
/// Where the format version is kept.
pub(super) const FORMAT: &[u8] = b"!";
/// Where the number of the last commit is kept.
pub(super) const COMMIT: &[u8] = b"#";
/// What a readiness check writes.
pub(super) const CHECK: &[u8] = b"?";

/// Longest name that is a key by itself, bytes. The engine holds keys in memory, one for each block.
const NAME_BYTES_MAX: usize = 64;
/// Stands before the hash of a longer name: no text begins with it.
const HASHED_NAME: u8 = 0xff;

/// `names`: kind, scope (0 for a scope itself), name → number; or hash of a long name → number, name.
pub(super) fn name(kind: Kind, scope: Number, name: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.push(kind as u8);
    out.extend_from_slice(&scope.to_be_bytes());
    if is_long(name) {
        out.push(HASHED_NAME);
        out.extend_from_slice(&Sha256::digest(name));
    } else {
        out.extend_from_slice(name);
    }
}

/// Whether a name stands in its value, and only its hash in the key.
pub(super) fn is_long(name: &[u8]) -> bool {
    name.len() > NAME_BYTES_MAX
}

/// The name in a key of `names`; `None` if it is in the value.
pub(super) fn parse_name(key: &[u8]) -> Result<Option<&[u8]>, EventStoreError> {
    let mut bytes = Bytes(key);
    bytes.take(5)?;
    Ok((bytes.0.first() != Some(&HASHED_NAME)).then_some(bytes.0))
}

/// A scope as a name: the tenant's length tells where the environment begins.
pub(super) fn scope_name(scope: &Scope) -> Vec<u8> {
    let (tenant, environment) = (scope.tenant_id.as_str(), scope.environment_id.as_str());
    let mut name = Vec::with_capacity(8 + tenant.len() + environment.len());
    name.extend_from_slice(&(tenant.len() as u64).to_be_bytes());
    name.extend_from_slice(tenant.as_bytes());
    name.extend_from_slice(environment.as_bytes());
    name
}

/// The first 128 bits of the SHA-256 of an event id: nobody can make two ids that collide.
pub(super) type IdHash = [u8; 16];

pub(super) fn id_hash(event_id: &str) -> IdHash {
    half(Sha256::digest(event_id.as_bytes()).into())
}

/// The half of a hash that is kept.
pub(super) fn half(hash: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

/// An event in its scope.
pub(super) type IdKey = [u8; ID_BYTES];

/// Length of the key of an event.
pub(super) const ID_BYTES: usize = 20;

/// `ids`: scope, hash of the event id → place of the body. 20 bytes, which the engine keeps without a heap allocation.
pub(super) fn id(scope: Number, hash: &IdHash) -> IdKey {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&scope.to_be_bytes());
    key[4..].copy_from_slice(hash);
    key
}

/// `ids`, behind an event's own key: meter → the entry that it got later.
pub(super) fn late(id: &IdKey, meter: Number) -> [u8; 24] {
    let mut key = [0; 24];
    key[..20].copy_from_slice(id);
    key[20..].copy_from_slice(&meter.to_be_bytes());
    key
}

/// `copies`: event, place in the ring of its copies → number of the copy, body. Under the event alone: how many there were.
pub(super) fn copy(id: &IdKey, slot: u8) -> [u8; 21] {
    let mut key = [0; 21];
    key[..20].copy_from_slice(id);
    key[20] = slot;
    key
}

/// `times`: scope, length of the stretch, its start, group, number → rows of the group in that stretch, at most [`RUN_ROWS_MAX`].
pub(super) type TimeKey = [u8; 25];

/// Most rows of one value of `times`.
pub(super) const RUN_ROWS_MAX: usize = 256;

pub(super) fn time(scope: Number, stretch: Stretch, start: Timestamp, group: u64, number: u32) -> TimeKey {
    let mut key = [0; 25];
    key[..4].copy_from_slice(&scope.to_be_bytes());
    key[4] = stretch as u8;
    key[5..13].copy_from_slice(&(start.micros().cast_unsigned() ^ (1 << 63)).to_be_bytes());
    key[13..21].copy_from_slice(&group.to_be_bytes());
    key[21..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The start of the stretch of a key of `times`.
pub(super) fn parse_time(key: &[u8]) -> Result<Timestamp, EventStoreError> {
    let mut bytes = Bytes(key);
    bytes.take(5)?;
    Ok(Timestamp::from_micros((u64::from_be_bytes(bytes.array()?) ^ (1 << 63)).cast_signed()))
}

/// Whether the cell of the hour has the rows of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Summed {
    /// No: whoever wants the hour adds them up.
    No = 0,
    /// Yes.
    Yes = 1,
}

impl Summed {
    pub(super) const ALL: [Self; 2] = [Self::No, Self::Yes];
}

/// `ledger`: customer, whether summed up, hour, group → the rows the group added to that hour.
pub(super) fn ledger(customer: Number, summed: Summed, hour: Span, group: u64) -> [u8; 17] {
    let mut key = [0; 17];
    key[..4].copy_from_slice(&customer.to_be_bytes());
    key[4] = summed as u8;
    key[5..9].copy_from_slice(&hour.to_bytes());
    key[9..].copy_from_slice(&group.to_be_bytes());
    key
}

/// The hour of a key of `ledger`.
pub(super) fn parse_ledger(key: &[u8]) -> Result<Span, EventStoreError> {
    let mut bytes = Bytes(key);
    bytes.take(5)?;
    Ok(Span::from_bytes(bytes.array()?))
}

/// What a cell sums up. A pack is a set of meters that events have in common; it bears the number of an event name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CellId {
    pub(super) customer: Number,
    pub(super) pack: Number,
    pub(super) span: Span,
}

/// `cells`: customer, pack, span, slot → aggregates. The slots of one cell add up.
pub(super) fn cell(id: CellId, slot: u64) -> [u8; 20] {
    let mut key = [0; 20];
    key[..4].copy_from_slice(&id.customer.to_be_bytes());
    key[4..8].copy_from_slice(&id.pack.to_be_bytes());
    key[8..12].copy_from_slice(&id.span.to_bytes());
    key[12..].copy_from_slice(&slot.to_be_bytes());
    key
}

/// The span of a key of `cells`.
pub(super) fn parse_cell(key: &[u8]) -> Result<Span, EventStoreError> {
    let mut bytes = Bytes(key);
    bytes.take(8)?;
    Ok(Span::from_bytes(bytes.array()?))
}

/// `uniques`: customer, meter, month, hash → the days of the month on which the hash was seen.
pub(super) type UniqueKey = [u8; UNIQUE_BYTES];

/// Length of the key of a unique value.
pub(super) const UNIQUE_BYTES: usize = 28;

pub(super) fn unique(customer: Number, meter: Number, month: Span, hash: &[u8; 16]) -> UniqueKey {
    let mut key = [0; 28];
    key[..4].copy_from_slice(&customer.to_be_bytes());
    key[4..8].copy_from_slice(&meter.to_be_bytes());
    key[8..12].copy_from_slice(&month.to_bytes());
    key[12..].copy_from_slice(hash);
    key
}

/// The hash of a key of `uniques`.
pub(super) fn parse_unique(key: &[u8]) -> Result<[u8; 16], EventStoreError> {
    let mut bytes = Bytes(key);
    bytes.take(12)?;
    bytes.array()
}

//! Ledger rows: one per event, with the quantities of all its meters. The rows that one group adds to one hour of one customer are
//! one value, sorted by (event time, event id). An event that got entries later has a second row for them, marked as late.

use domain::ids::MeterId;
use domain::meter::{LedgerEntry, Moment};
use domain::money::Quantity;
use domain::time::Timestamp;

use super::body::Place;
use super::codec::{Bytes, corrupt, put_number, put_signed, put_text};
use super::key::{Number, half};
use crate::EventStoreError;

/// What an event adds to one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) meter: Number,
    pub(super) quantity: Quantity,
    /// The first half of the hash.
    pub(super) unique: Option<[u8; 16]>,
    pub(super) group: Option<&'a str>,
    pub(super) weighted: bool,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    /// What the event brought along; each event has exactly one.
    First,
    /// What it got later.
    Late,
}

/// Whose row it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) timestamp: Timestamp,
    pub(super) event_id: &'a str,
    pub(super) event_name: Number,
    pub(super) place: Place,
    pub(super) kind: RowKind,
}

/// One event's row. The entries are decoded when they are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) head: Head<'a>,
    count: u32,
    entries: Bytes<'a>,
}

/// Which optional parts of an entry follow: the lowest bits of its first number.
const UNIQUE: u64 = 1;
const WEIGHTED: u64 = 2;
const GROUPED: u64 = 4;
const FLAG_BITS: u32 = 3;

/// Appends a row.
pub(super) fn encode<'e>(out: &mut Vec<u8>, head: &Head<'_>, entries: impl ExactSizeIterator<Item = &'e Entry<'e>>) {
    put_signed(out, head.timestamp.micros());
    put_text(out, head.event_id);
    put_number(out, head.event_name);
    head.place.put(out);
    // The lowest bit tells a late row.
    put_number(out, (entries.len() as u128) << 1 | u128::from(head.kind == RowKind::Late));
    for entry in entries {
        entry.put(out);
    }
}

impl<'a> Entry<'a> {
    /// As the event says, with the meter's number.
    pub(super) fn of(meter: Number, entry: &'a LedgerEntry) -> Self {
        let unique = entry.unique_hash.map(half);
        Self { meter, quantity: entry.quantity, unique, group: entry.group.as_deref(), weighted: entry.weighted }
    }

    /// As it is told: of the hash only the half that was kept.
    pub(super) fn to_ledger(self, meter_id: MeterId) -> LedgerEntry {
        let unique_hash = self.unique.map(|half| {
            let mut hash = [0; 32];
            hash[..16].copy_from_slice(&half);
            hash
        });
        LedgerEntry { meter_id, quantity: self.quantity, unique_hash, group: self.group.map(Into::into), weighted: self.weighted }
    }

    /// Quantity × time of a weighted entry, 0 of others.
    pub(super) fn moment(&self, timestamp: Timestamp) -> Moment {
        if self.weighted { Moment::of(self.quantity, timestamp) } else { Moment::default() }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        let flags = flag(self.unique.is_some(), UNIQUE) | flag(self.weighted, WEIGHTED) | flag(self.group.is_some(), GROUPED);
        put_number(out, u64::from(self.meter) << FLAG_BITS | flags);
        put_signed(out, self.quantity.to_units());
        if let Some(hash) = &self.unique {
            out.extend_from_slice(hash);
        }
        if let Some(group) = self.group {
            put_text(out, group);
        }
    }

    pub(super) fn read(bytes: &mut Bytes<'a>) -> Result<Self, EventStoreError> {
        let tagged: u64 = bytes.number()?;
        let meter = Number::try_from(tagged >> FLAG_BITS).map_err(|_| corrupt("a meter number is out of range"))?;
        let quantity = Quantity::from_units(bytes.i128()?);
        let unique = if tagged & UNIQUE == 0 { None } else { Some(bytes.array()?) };
        let group = if tagged & GROUPED == 0 { None } else { Some(bytes.text()?) };
        Ok(Self { meter, quantity, unique, group, weighted: tagged & WEIGHTED != 0 })
    }

    /// Goes past an entry: the way to the next row.
    fn skip(bytes: &mut Bytes<'a>) -> Result<(), EventStoreError> {
        let tagged: u64 = bytes.number()?;
        bytes.skip_number()?;
        if tagged & UNIQUE != 0 {
            bytes.take(size_of::<[u8; 16]>())?;
        }
        if tagged & GROUPED != 0 {
            bytes.bytes()?;
        }
        Ok(())
    }
}

/// Reads the rows of one value.
pub(super) struct Rows<'a>(pub(super) Bytes<'a>);

impl<'a> Rows<'a> {
    /// The next row; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Row<'a>>, EventStoreError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let timestamp = Timestamp::from_micros(self.0.i64()?);
        let event_id = self.0.text()?;
        let event_name = self.0.number()?;
        let place = Place::read(&mut self.0)?;
        let tagged: u64 = self.0.number()?;
        let kind = if tagged & 1 == 0 { RowKind::First } else { RowKind::Late };
        let count = u32::try_from(tagged >> 1).map_err(|_| corrupt("a row has too many entries"))?;
        let row = Row { head: Head { timestamp, event_id, event_name, place, kind }, count, entries: self.0 };
        for _ in 0..count {
            Entry::skip(&mut self.0)?;
        }
        Ok(Some(row))
    }
}

impl<'a> Row<'a> {
    /// What the event adds to its meters.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<Entry<'a>, EventStoreError>> + use<'a> {
        let mut bytes = self.entries;
        (0..self.count).map(move |_| Entry::read(&mut bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive() {
        let entries = [
            Entry { meter: 7, quantity: Quantity::ONE, unique: None, group: Some("grün"), weighted: true },
            Entry { meter: u32::MAX, quantity: Quantity::from_units(-3), unique: Some([9; 16]), group: None, weighted: false },
            Entry { meter: 7, quantity: Quantity::ZERO, unique: Some([8; 16]), group: Some(""), weighted: false },
        ];
        let head = |micros, event_id, kind| Head {
            timestamp: Timestamp::from_micros(micros),
            event_id,
            event_name: 3,
            place: Place { chunk: 1 << 40, index: 3 },
            kind,
        };
        let mut bytes = Vec::new();
        encode(&mut bytes, &head(5, "a", RowKind::First), entries.iter());
        encode(&mut bytes, &head(6, "b", RowKind::Late), [].iter());
        let mut rows = Rows(Bytes(&bytes));
        let row = rows.next().unwrap().unwrap();
        let Head { timestamp, event_id, event_name, place, kind } = row.head;
        assert_eq!((timestamp.micros(), event_id, event_name, place.index, kind), (5, "a", 3, 3, RowKind::First));
        assert_eq!(row.entries().collect::<Result<Vec<_>, _>>().unwrap(), entries);
        let row = rows.next().unwrap().unwrap();
        assert_eq!((row.head.event_id, row.head.kind, row.entries().count()), ("b", RowKind::Late, 0));
        assert!(rows.next().unwrap().is_none());
        assert!(Rows(Bytes(&bytes[..bytes.len() - 1])).next().is_ok_and(|row| row.is_some()));
    }
}

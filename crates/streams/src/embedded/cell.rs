//! Cells: what the ledger rows of one customer, pack of meters and span add up to.
//!
//! A cell may be kept in several slots that add up: the writer keeps the slots it works on in memory and starts a new one instead of
//! reading an old one back. A cell also knows its first and last event time, so that a period that covers all its events may take it
//! as a whole even where it cuts the span.

use std::sync::Arc;

use domain::meter::{Aggregate, Latest, Moment};
use domain::money::Quantity;
use domain::time::Timestamp;

use super::codec::{Bytes, corrupt, put_bytes, put_number, put_signed, put_text};
use super::key::Number;
use super::ledger::Entry;
use crate::EventStoreError;

/// What the rows of one meter add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) events: u64,
    /// `None` once the sum has left 128 bits.
    pub(super) sum: Option<Quantity>,
    pub(super) max: Quantity,
    /// Time of the first event.
    pub(super) first: Timestamp,
    /// Time, id and quantity of the last event.
    pub(super) last: Timestamp,
    pub(super) last_id: Arc<str>,
    pub(super) last_quantity: Quantity,
    /// Whether any row has a unique hash.
    pub(super) hashed: bool,
    /// Different unique hashes. Cells of hours do not count them.
    pub(super) unique: u64,
    /// Of the rows that are weighted by time.
    pub(super) moment: Moment,
}

impl Cell {
    /// A single row.
    pub(super) fn of(entry: &Entry<'_>, timestamp: Timestamp, event_id: Arc<str>) -> Self {
        let quantity = entry.quantity;
        Self {
            events: 1,
            sum: Some(quantity),
            max: quantity,
            first: timestamp,
            last: timestamp,
            last_id: event_id,
            last_quantity: quantity,
            hashed: entry.unique.is_some(),
            unique: 0,
            moment: entry.moment(timestamp),
        }
    }

    /// Adds other rows of the same meter. Unique counts are additive between slots of one cell only: the caller sees to it.
    pub(super) fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.sum = self.sum.zip(other.sum).and_then(|(one, two)| one.checked_add(two).ok());
        self.max = self.max.max(other.max);
        self.first = self.first.min(other.first);
        if (self.last, &*self.last_id) < (other.last, &*other.last_id) {
            self.last = other.last;
            self.last_id = other.last_id.clone();
            self.last_quantity = other.last_quantity;
        }
        self.hashed |= other.hashed;
        self.unique += other.unique;
        self.moment += &other.moment;
    }

    /// Adds one row whose id is kept only if it is the last.
    pub(super) fn add(&mut self, entry: &Entry<'_>, timestamp: Timestamp, event_id: &Arc<str>) {
        let quantity = entry.quantity;
        self.events += 1;
        self.sum = self.sum.and_then(|sum| sum.checked_add(quantity).ok());
        self.max = self.max.max(quantity);
        self.first = self.first.min(timestamp);
        if (self.last, &*self.last_id) < (timestamp, event_id) {
            self.last = timestamp;
            self.last_id = event_id.clone();
            self.last_quantity = quantity;
        }
        self.hashed |= entry.unique.is_some();
        self.moment += &entry.moment(timestamp);
    }

    /// The aggregate without unique count.
    pub(super) fn aggregate(&self) -> Result<Aggregate, EventStoreError> {
        Ok(Aggregate {
            events: self.events,
            sum: self.sum.ok_or(EventStoreError::Overflow)?,
            max: Some(self.max),
            latest: Some(Latest { timestamp: self.last, event_id: self.last_id.to_string(), quantity: self.last_quantity }),
            unique: 0,
            moment: self.moment.clone(),
        })
    }
}

/// The sum left 128 bits and is not stored.
const OVERFLOWN: u8 = 1;
/// Some rows have a unique hash; a count follows.
const HASHED: u8 = 2;
/// The last event is that of the meter before.
const SAME_LAST: u8 = 4;
/// The largest quantity is also the last.
const MAX_IS_LAST: u8 = 8;
/// Some rows are weighted: their moment follows.
const WEIGHTED: u8 = 16;

/// One slot: the meters of a pack that have rows.
pub(super) type Meters = Vec<(Number, Cell)>;

/// Bytes of a slot.
pub(super) fn encode(meters: &[(Number, Cell)], out: &mut Vec<u8>) {
    let mut before: Option<&Cell> = None;
    for (meter, cell) in meters {
        let same_last = before.is_some_and(|before| before.last == cell.last && before.last_id == cell.last_id);
        let max_is_last = cell.max == cell.last_quantity;
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        put_number(out, *meter);
        out.push(
            flag(cell.sum.is_none(), OVERFLOWN)
                | flag(cell.hashed, HASHED)
                | flag(same_last, SAME_LAST)
                | flag(max_is_last, MAX_IS_LAST)
                | flag(!cell.moment.is_zero(), WEIGHTED),
        );
        put_number(out, cell.events);
        if let Some(sum) = cell.sum {
            put_signed(out, sum.to_units());
        }
        put_signed(out, cell.last_quantity.to_units());
        if !max_is_last {
            put_signed(out, cell.max.to_units());
        }
        if !same_last {
            put_signed(out, cell.last.micros());
            put_text(out, &cell.last_id);
        }
        put_signed(out, cell.last.micros() - cell.first.micros());
        if cell.hashed {
            put_number(out, cell.unique);
        }
        if !cell.moment.is_zero() {
            put_bytes(out, &cell.moment.to_bytes());
        }
        before = Some(cell);
    }
}

/// Hands out the cells of the wanted meters that have rows in a slot.
pub(super) fn decode(bytes: &[u8], wanted: impl Fn(Number) -> bool, mut each: impl FnMut(Number, Cell)) -> Result<(), EventStoreError> {
    let mut bytes = Bytes(bytes);
    let mut last = None;
    while !bytes.is_empty() {
        let meter: Number = bytes.number()?;
        let flags = bytes.byte()?;
        let events = bytes.number()?;
        let sum = if flags & OVERFLOWN == 0 { Some(Quantity::from_units(bytes.i128()?)) } else { None };
        let last_quantity = Quantity::from_units(bytes.i128()?);
        let max = if flags & MAX_IS_LAST == 0 { Quantity::from_units(bytes.i128()?) } else { last_quantity };
        if flags & SAME_LAST == 0 {
            last = Some((bytes.i64()?, bytes.text()?));
        }
        let (last_micros, last_id) = last.ok_or_else(|| corrupt("a cell refers to a last event before the first"))?;
        let first_micros = last_micros.wrapping_sub(bytes.i64()?);
        let hashed = flags & HASHED != 0;
        let unique = if hashed { bytes.number()? } else { 0 };
        let moment = if flags & WEIGHTED == 0 { &[][..] } else { bytes.bytes()? };
        if wanted(meter) {
            let cell = Cell {
                events,
                sum,
                max,
                first: Timestamp::from_micros(first_micros),
                last: Timestamp::from_micros(last_micros),
                last_id: last_id.into(),
                last_quantity,
                hashed,
                unique,
                moment: Moment::from_bytes(moment),
            };
            each(meter, cell);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(quantity: i128, micros: i64, id: &str) -> Cell {
        let unique = (quantity % 2 == 1).then_some([1; 16]);
        let entry = Entry { meter: 1, quantity: Quantity::from_units(quantity), unique, group: None, weighted: quantity % 3 == 0 };
        Cell::of(&entry, Timestamp::from_micros(micros), id.into())
    }

    #[test]
    fn slots_survive_and_merge() {
        let mut first = cell(3, 50, "b");
        first.merge(&cell(9, 50, "a"));
        first.merge(&cell(7, 10, "z"));
        first.unique = 2;
        assert_eq!((first.events, first.max, &*first.last_id, first.first.micros()), (3, Quantity::from_units(9), "b", 10));
        assert_eq!(first.moment, cell(12, 50, "").moment, "12 at 50, and 7 that is not weighted");
        let second = cell(4, 50, "b");
        let mut overflown = cell(i128::MAX, 60, "c");
        overflown.merge(&cell(1, 61, "d"));
        assert_eq!(overflown.sum, None);
        let mut bytes = Vec::new();
        encode(&[(1, first.clone()), (300, second.clone()), (7, overflown.clone())], &mut bytes);
        let decoded = |bytes: &[u8], wanted: &[Number]| {
            let mut found = Vec::new();
            decode(bytes, |meter| wanted.contains(&meter), |meter, cell| found.push((meter, cell))).map(|()| found)
        };
        assert_eq!(decoded(&bytes, &[7]).unwrap(), [(7, overflown.clone())]);
        assert_eq!(decoded(&bytes, &[7, 300, 1]).unwrap(), [(1, first), (300, second), (7, overflown)]);
        assert_eq!(decoded(&bytes, &[8]).unwrap(), []);
        assert!(decoded(&bytes[..bytes.len() - 1], &[8]).is_err());
    }
}

//! Ledger rows: one per event, with the quantities of all its meters. The rows that one group adds to one hour of one customer are
//! one value, sorted by (event time, event id).

use domain::money::Quantity;
use domain::time::Timestamp;

use super::body::Place;
use super::codec::{Bytes, corrupt, put_number, put_signed, put_text};
use super::key::Number;
use crate::EventStoreError;

/// What an event adds to one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) meter: Number,
    pub(super) quantity: Quantity,
    pub(super) unique: Option<[u8; 16]>,
}

/// One event's row. The entries are decoded when they are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) timestamp: Timestamp,
    pub(super) event_id: &'a str,
    pub(super) event_name: Number,
    pub(super) place: Place,
    count: u32,
    entries: Bytes<'a>,
}

/// Appends a row.
pub(super) fn encode(out: &mut Vec<u8>, timestamp: Timestamp, event_id: &str, event_name: Number, place: Place, entries: &[Entry]) {
    put_signed(out, timestamp.micros());
    put_text(out, event_id);
    put_number(out, event_name);
    place.put(out);
    put_number(out, entries.len() as u128);
    for entry in entries {
        // The lowest bit tells whether a hash follows.
        put_number(out, u64::from(entry.meter) << 1 | u64::from(entry.unique.is_some()));
        put_signed(out, entry.quantity.to_units());
        if let Some(hash) = &entry.unique {
            out.extend_from_slice(hash);
        }
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
        let count = self.0.number()?;
        let row = Row { timestamp, event_id, event_name, place, count, entries: self.0 };
        for _ in 0..count {
            next_entry(&mut self.0)?;
        }
        Ok(Some(row))
    }
}

impl Row<'_> {
    /// Hands out what the event adds to a meter: one entry, or what the caller of `append` gave.
    pub(super) fn each_entry(
        &self,
        meter: Number,
        mut each: impl FnMut(Entry) -> Result<(), EventStoreError>,
    ) -> Result<(), EventStoreError> {
        let mut bytes = self.entries;
        for _ in 0..self.count {
            let entry = next_entry(&mut bytes)?;
            if entry.meter == meter {
                each(entry)?;
            }
        }
        Ok(())
    }
}

fn next_entry(bytes: &mut Bytes<'_>) -> Result<Entry, EventStoreError> {
    let tagged: u64 = bytes.number()?;
    let meter = Number::try_from(tagged >> 1).map_err(|_| corrupt("a meter number is out of range"))?;
    let quantity = Quantity::from_units(bytes.i128()?);
    let unique = if tagged & 1 == 1 { Some(bytes.array()?) } else { None };
    Ok(Entry { meter, quantity, unique })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive() {
        let entries = [
            Entry { meter: 7, quantity: Quantity::ONE, unique: None },
            Entry { meter: u32::MAX, quantity: Quantity::from_units(-3), unique: Some([9; 16]) },
        ];
        let place = Place { chunk: 1 << 40, index: 3 };
        let mut bytes = Vec::new();
        encode(&mut bytes, Timestamp::from_micros(5), "a", 1, place, &entries);
        encode(&mut bytes, Timestamp::from_micros(6), "b", 2, place, &[]);
        let mut rows = Rows(Bytes(&bytes));
        let row = rows.next().unwrap().unwrap();
        assert_eq!((row.timestamp.micros(), row.event_id, row.event_name, row.place), (5, "a", 1, place));
        let entries_of = |row: &Row<'_>, meter| {
            let mut found = Vec::new();
            row.each_entry(meter, |entry| {
                found.push(entry);
                Ok(())
            })
            .unwrap();
            found
        };
        assert_eq!(entries_of(&row, 7), [entries[0]]);
        assert_eq!(entries_of(&row, u32::MAX), [entries[1]]);
        assert_eq!(entries_of(&row, 8), []);
        let row = rows.next().unwrap().unwrap();
        assert_eq!((row.event_id, entries_of(&row, 7)), ("b", Vec::new()));
        assert!(rows.next().unwrap().is_none());
    }
}

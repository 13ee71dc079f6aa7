//! The second pass over a group: per hour of a customer, one ledger value and what it adds to the cells of hour, day and month.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use domain::meter::LedgerEntry;
use domain::time::Timestamp;

use super::cells::Cells;
use super::hashing::KeyHashing;
use super::names::{At, Numbered};
use super::uniques::{Sighting, Uniques};
use crate::EventStoreError;
use crate::embedded::body::Place;
use crate::embedded::cell::Cell;
use crate::embedded::key::{self, CellId, Number, Summed};
use crate::embedded::ledger::{self, Entry, Head, RowKind};
use crate::embedded::span::{Level, Span, day_of_month};

/// An event that the store has not seen.
pub(super) struct NewEvent<'e> {
    pub(super) scope: Number,
    pub(super) customer: Number,
    pub(super) hour: Span,
    pub(super) timestamp: Timestamp,
    pub(super) id: &'e str,
    pub(super) name: Number,
    pub(super) place: Place,
    pub(super) kind: RowKind,
    /// In the group's entries.
    pub(super) entries: Range<usize>,
}

/// An entry with the pack of its meter.
pub(super) struct PackedEntry<'e> {
    pub(super) entry: Entry<'e>,
    pack: Number,
}

impl<'e> PackedEntry<'e> {
    pub(super) fn new(meter: Numbered, entry: &'e LedgerEntry) -> Self {
        Self { entry: Entry::of(meter.number, entry), pack: meter.pack }
    }
}

/// What one hour's rows add to one meter.
struct Added {
    pack: Number,
    meter: Number,
    cell: Cell,
    new_in_day: u64,
    new_in_month: u64,
}

/// Writes the ledger values and adds to the cells. Sorts the events.
pub(super) fn add_hours(
    at: &mut At<'_>,
    group: u64,
    events: &mut [NewEvent<'_>],
    entries: &[PackedEntry<'_>],
    cells: &mut Cells,
    uniques: &mut Uniques,
) -> Result<(), EventStoreError> {
    events
        .sort_unstable_by(|one, two| (one.customer, one.hour, one.timestamp, one.id).cmp(&(two.customer, two.hour, two.timestamp, two.id)));
    let mut value = Vec::new();
    // Of the hours of this group: many customers share them.
    let mut calendars: HashMap<Span, Calendar, KeyHashing> = HashMap::default();
    let mut added: Vec<Added> = Vec::new();
    for rows in events.chunk_by(|one, two| one.customer == two.customer && one.hour == two.hour) {
        let Some(NewEvent { customer, hour, .. }) = rows.first() else { continue };
        let calendar = *calendars.entry(*hour).or_insert_with(|| Calendar::of(*hour));
        value.clear();
        added.clear();
        for row in rows {
            let of_row = &entries[row.entries.clone()];
            let NewEvent { timestamp, id, name, place, kind, .. } = *row;
            let head = Head { timestamp, event_id: id, event_name: name, place, kind };
            ledger::encode(&mut value, &head, of_row.iter().map(|packed| &packed.entry));
            let id: Arc<str> = row.id.into();
            for packed in of_row {
                let sum = add_row(&mut added, packed, row.timestamp, &id);
                if let Some(hash) = &packed.entry.unique {
                    let sighting =
                        uniques.see(at, key::unique(*customer, packed.entry.meter, calendar.month, hash), calendar.day_of_month)?;
                    sum.new_in_day += u64::from(sighting != Sighting::Known);
                    sum.new_in_month += u64::from(sighting == Sighting::NewInMonth);
                }
            }
        }
        let summed = cells.sums_up(*customer, *hour, rows.len());
        at.batch.insert(&at.engine.ledger, key::ledger(*customer, summed, *hour, group), value.as_slice());
        let spans = [(Level::Hour, *hour), (Level::Day, calendar.day), (Level::Month, calendar.month)];
        let spans = if summed == Summed::Yes { &spans[..] } else { &spans[1..] };
        for of_pack in added.chunk_by_mut(|one, two| one.pack == two.pack) {
            for (level, span) in spans.iter().copied() {
                let pack = of_pack[0].pack;
                let sums = of_pack.iter_mut().map(|sum| {
                    sum.cell.unique = match level {
                        Level::Hour => 0,
                        Level::Day => sum.new_in_day,
                        Level::Month => sum.new_in_month,
                    };
                    (sum.meter, &sum.cell)
                });
                cells.add(CellId { customer: *customer, pack, span }, group, sums);
            }
        }
    }
    Ok(())
}

/// The day and month of an hour.
#[derive(Clone, Copy)]
struct Calendar {
    day: Span,
    month: Span,
    /// 0 to 30.
    day_of_month: u32,
}

impl Calendar {
    fn of(hour: Span) -> Self {
        let (month, day_of_month) = day_of_month(hour.start());
        Self { day: Span::around(Level::Day, hour.start()), month, day_of_month }
    }
}

fn add_row<'a>(added: &'a mut Vec<Added>, packed: &PackedEntry<'_>, timestamp: Timestamp, id: &Arc<str>) -> &'a mut Added {
    let meter = packed.entry.meter;
    let place = match added.iter().position(|sum| sum.meter == meter) {
        Some(place) => {
            added[place].cell.add(&packed.entry, timestamp, id);
            place
        }
        None => {
            let cell = Cell::of(&packed.entry, timestamp, id.clone());
            added.push(Added { pack: packed.pack, meter, cell, new_in_day: 0, new_in_month: 0 });
            added.len() - 1
        }
    };
    &mut added[place]
}

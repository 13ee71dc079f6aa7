//! The cells the writer works on. What is not in memory is not read back: a new slot is begun instead, and readers add the slots up.
//! So a write never waits for a read of a cell, and a cell that is written often has few slots.

use std::collections::HashMap;
use std::hash::BuildHasher;

use domain::time::Timestamp;
use hashlink::LinkedHashMap;

use super::hashing::KeyHashing;
use super::names::At;
use crate::embedded::cell::{self, Cell, Meters};
use crate::embedded::key::{self, CellId, Number, Summed};
use crate::embedded::span::{Level, Span};

/// Bytes of a cell in memory beside its last event id, roughly.
const CELL_BYTES: u64 = 176;
/// Bytes of a slot in memory, roughly.
const SLOT_BYTES: u64 = 96;

/// Hours of customers whose number of rows is remembered: 12 bytes each.
const HOURS_REMEMBERED: usize = 64 << 10;

/// A part of a cell: its number, and what it sums up so far.
struct Slot {
    number: u64,
    meters: Meters,
}

impl Slot {
    /// In memory, roughly.
    fn bytes(&self) -> u64 {
        SLOT_BYTES + self.meters.iter().map(|(_, cell)| CELL_BYTES + cell.last_id.len() as u64).sum::<u64>()
    }
}

/// The writer's cells: those of the group at work, and those it may need again.
pub(super) struct Cells {
    touched: HashMap<CellId, Slot, KeyHashing>,
    /// The one that was touched longest ago first, to be forgotten first. Whatever touches an hour or a day touches its month, so these stay.
    /// (A cache that learns which entries come again learns nothing from a replay, whose days pass one after the other.)
    kept: LinkedHashMap<CellId, Slot, KeyHashing>,
    kept_bytes: u64,
    kept_bytes_max: u64,
    /// Rows that hours of customers have got, as far as it is remembered: each has one place, which the last to come takes.
    rows: Vec<((Number, Span), u32)>,
    hashing: KeyHashing,
    loose_rows_max: u32,
    scratch: Vec<u8>,
}

impl Cells {
    pub(super) fn new(bytes: u64, loose_rows_max: u32) -> Self {
        Self {
            touched: HashMap::default(),
            kept: LinkedHashMap::default(),
            kept_bytes: 0,
            kept_bytes_max: bytes,
            // No rows: an empty place, whatever its key.
            rows: vec![((0, Span::around(Level::Hour, Timestamp::MIN)), 0); HOURS_REMEMBERED],
            hashing: KeyHashing::default(),
            loose_rows_max,
            scratch: Vec::new(),
        }
    }

    /// Whether rows are to be added to their hour's cell. The first few of an hour are not: most hours of a replay stay at those.
    pub(super) fn sums_up(&mut self, customer: Number, hour: Span, rows: usize) -> Summed {
        #[expect(clippy::cast_possible_truncation, reason = "the remainder is what is wanted")]
        let place = self.hashing.hash_one((customer, hour)) as usize % HOURS_REMEMBERED;
        let place = &mut self.rows[place];
        let before = if place.0 == (customer, hour) { place.1 } else { 0 };
        let rows = before.saturating_add(u32::try_from(rows).unwrap_or(u32::MAX));
        *place = ((customer, hour), rows);
        if rows > self.loose_rows_max { Summed::Yes } else { Summed::No }
    }

    /// Adds rows of meters of a pack to their cell. `group` numbers the slot if a new one is begun.
    pub(super) fn add<'c>(&mut self, id: CellId, group: u64, added: impl Iterator<Item = (Number, &'c Cell)>) {
        let slot = self.touched.entry(id).or_insert_with(|| match self.kept.remove(&id) {
            Some(slot) => {
                self.kept_bytes -= slot.bytes();
                slot
            }
            None => Slot { number: group, meters: Vec::new() },
        });
        for (meter, added) in added {
            match slot.meters.iter_mut().find(|(known, _)| *known == meter) {
                Some((_, cell)) => cell.merge(added),
                None => slot.meters.push((meter, added.clone())),
            }
        }
    }

    /// Writes what the group touched, in the order of keys: neighbours are quicker to insert.
    pub(super) fn write(&mut self, at: &mut At<'_>) {
        let mut touched: Vec<_> = self.touched.drain().map(|(id, slot)| (key::cell(id, slot.number), id, slot)).collect();
        touched.sort_unstable_by_key(|(key, ..)| *key);
        for (key, id, slot) in touched {
            self.scratch.clear();
            cell::encode(&slot.meters, &mut self.scratch);
            at.batch.insert(&at.engine.cells, key, self.scratch.as_slice());
            self.kept_bytes += slot.bytes();
            self.kept.insert(id, slot);
        }
        while self.kept_bytes > self.kept_bytes_max
            && let Some((_, slot)) = self.kept.pop_front()
        {
            self.kept_bytes -= slot.bytes();
        }
    }
}

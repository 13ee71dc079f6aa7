//! Counting different unique values: from one cell by its count, from several by the union of their values, in bounded memory.

use std::collections::HashSet;

use super::held::Held;
use super::view::View;
use super::walk::{Piece, UniqueSource, Walk};
use crate::EventStoreError;
use crate::embedded::key::Number;

/// The unique values that one window has come across.
#[derive(Default)]
pub(super) struct Distinct {
    /// The month at hand; its values are read once, for all of its days that were met one after the other.
    month: Option<Month>,
    union: Union,
}

/// Cells of one month.
struct Month {
    source: UniqueSource,
    /// Of a single cell, which knows its number of values.
    count: Option<u64>,
}

/// Values of cells and rows.
#[derive(Default)]
enum Union {
    #[default]
    None,
    Hashes(HashSet<[u8; 16]>),
    /// More than fit.
    TooMany,
}

impl Distinct {
    /// Adds what a piece has. `budget` is how many more values may be held; it shrinks and grows.
    pub(super) fn add(&mut self, view: &View, piece: &Piece<'_>, budget: &mut usize) -> Result<(), EventStoreError> {
        match piece {
            Piece::Cell(cell, Some(source)) => {
                if let Some(month) = &mut self.month
                    && month.source.joins(source)
                {
                    month.count = None;
                } else {
                    self.read_month(view, budget)?;
                    self.month = Some(Month { source: *source, count: Some(cell.unique) });
                }
            }
            Piece::Cell(_, None) => {}
            Piece::Row { entry, .. } => {
                if let Some(hash) = entry.unique {
                    self.union.insert(hash, budget);
                }
            }
        }
        Ok(())
    }

    /// The number of values; `None` if they were too many: they are counted in passes of their own.
    pub(super) fn count(mut self, view: &View, budget: &mut usize) -> Result<Option<u64>, EventStoreError> {
        if let (Union::None, Some(Month { count: Some(count), .. })) = (&self.union, &self.month) {
            return Ok(Some(*count));
        }
        self.read_month(view, budget)?;
        Ok(match self.union {
            Union::None => Some(0),
            Union::Hashes(hashes) => {
                *budget += hashes.len();
                Some(hashes.len() as u64)
            }
            Union::TooMany => None,
        })
    }

    fn read_month(&mut self, view: &View, budget: &mut usize) -> Result<(), EventStoreError> {
        let Some(Month { source, .. }) = self.month.take() else { return Ok(()) };
        if matches!(self.union, Union::TooMany) {
            return Ok(());
        }
        source.read(view, [0; 16], None, |hash| self.union.insert(hash, budget))
    }
}

impl Union {
    fn insert(&mut self, hash: [u8; 16], budget: &mut usize) {
        if matches!(self, Self::None) {
            *self = Self::Hashes(HashSet::new());
        }
        let Self::Hashes(hashes) = self else { return };
        if hashes.insert(hash) {
            if *budget == 0 {
                *budget += hashes.len() - 1;
                *self = Self::TooMany;
            } else {
                *budget -= 1;
            }
        }
    }
}

impl UniqueSource {
    /// Takes in another source if it is of the same month.
    fn joins(&mut self, other: &Self) -> bool {
        let same = (self.customer, self.meter, self.month) == (other.customer, other.meter, other.month);
        if same {
            self.days |= other.days;
        }
        same
    }

    /// Hands out the values from `low`, before `high` (no bound when absent).
    fn read(&self, view: &View, low: [u8; 16], high: Option<[u8; 16]>, mut each: impl FnMut([u8; 16])) -> Result<(), EventStoreError> {
        view.uniques((self.customer, self.meter, self.month), low, high, |hash, days| {
            if days & self.days != 0 {
                each(hash);
            }
        })
    }
}

/// Is called with one customer after the other.
pub(super) type EachCustomer<'e> = &'e mut dyn FnMut(Number) -> Result<(), EventStoreError>;

/// Counts the different values of a walk through one meter in passes, each over a part of the values that fits `held_max`.
pub(super) fn count_in_passes(
    walk: &Walk<'_>,
    customers: &dyn Fn(EachCustomer<'_>) -> Result<(), EventStoreError>,
    held_max: usize,
) -> Result<u64, EventStoreError> {
    let mut count = 0;
    let mut held = Held::new(held_max);
    loop {
        let mut pass = Pass { held: &mut held, month: None };
        customers(&mut |customer| walk.customer(customer, &mut |_, _, piece| pass.add(walk.view, &piece)))?;
        pass.read_month(walk.view)?;
        count += held.values().len() as u64;
        if !held.next_pass() {
            return Ok(count);
        }
    }
}

/// One pass.
struct Pass<'h> {
    held: &'h mut Held<[u8; 16]>,
    month: Option<UniqueSource>,
}

impl Pass<'_> {
    fn add(&mut self, view: &View, piece: &Piece<'_>) -> Result<(), EventStoreError> {
        match piece {
            Piece::Cell(_, Some(source)) => {
                if !self.month.as_mut().is_some_and(|month| month.joins(source)) {
                    self.read_month(view)?;
                    self.month = Some(*source);
                }
            }
            Piece::Cell(_, None) => {}
            Piece::Row { entry, .. } => {
                if let Some(hash) = entry.unique {
                    self.held.insert(hash);
                }
            }
        }
        Ok(())
    }

    fn read_month(&mut self, view: &View) -> Result<(), EventStoreError> {
        let Some(source) = self.month.take() else { return Ok(()) };
        let (low, high) = self.held.bounds();
        source.read(view, low.unwrap_or([0; 16]), high, |hash| self.held.insert(hash))
    }
}

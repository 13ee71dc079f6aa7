//! Which cells and rows make up a period: the longest cells whose events all lie in it, and in one window; rows where hours are cut.

use std::collections::BTreeMap;

use domain::meter::{Window, WindowSize};
use domain::time::{Period, Timestamp};

use super::view::View;
use crate::EventStoreError;
use crate::embedded::cell::Cell;
use crate::embedded::key::{Number, Summed};
use crate::embedded::ledger::{Entry, Head};
use crate::embedded::span::{Level, Span, day_of_month};
use crate::embedded::write::Numbered;

/// The unique values that a cell counted: a month's, on some of its days.
#[derive(Clone, Copy, Debug)]
pub(super) struct UniqueSource {
    pub(super) customer: Number,
    pub(super) meter: Number,
    pub(super) month: Span,
    /// One bit per day.
    pub(super) days: u32,
}

/// What a walk comes across. Together the pieces are exactly the rows of the period.
pub(super) enum Piece<'a> {
    /// All rows of a cell, and where its unique values are if it has any.
    Cell(&'a Cell, Option<UniqueSource>),
    /// One row.
    Row { timestamp: Timestamp, event_id: &'a str, entry: Entry<'a> },
}

/// A walk through the usage of meters in a period, divided into windows or not.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) view: &'a View,
    /// Ascending by their numbers, each once.
    pub(super) meters: &'a [Numbered],
    pub(super) period: Period,
    pub(super) window: Option<Window>,
}

/// Gets the place of a meter in the walk, and of its pieces the window; the whole period when there are none.
pub(super) type Receiver<'r> = &'r mut dyn FnMut(usize, Period, Piece<'_>) -> Result<(), EventStoreError>;

impl Walk<'_> {
    /// Hands out the pieces of one customer.
    pub(super) fn customer(&self, customer: Number, receive: Receiver<'_>) -> Result<(), EventStoreError> {
        let level = match self.window.map(|window| window.size) {
            None | Some(WindowSize::Month) => Level::Month,
            Some(WindowSize::Day | WindowSize::Week) => Level::Day,
            Some(_) => Level::Hour,
        };
        let mut windows = Windows::new(self.window, self.period);
        let all: Vec<usize> = (0..self.meters.len()).collect();
        self.level(customer, (level, self.period), &all, &mut windows, receive)
    }

    /// Hands out the pieces of some meters, by their places, in a part of the period: cells of a level as far as they go.
    fn level(
        &self,
        customer: Number,
        (level, part): (Level, Period),
        places: &[usize],
        windows: &mut Windows,
        receive: Receiver<'_>,
    ) -> Result<(), EventStoreError> {
        if part.is_empty() {
            return Ok(());
        }
        let (first, last) = (Span::around(level, part.start), Span::around(level, part.end.plus_micros(-1)));
        // Which meters' cells are cut, by span.
        let mut cut: BTreeMap<Span, Vec<usize>> = BTreeMap::new();
        let mut packs: Vec<Number> = places.iter().map(|place| self.meters[*place].pack).collect();
        packs.sort_unstable();
        packs.dedup();
        for pack in packs {
            let wanted = |meter| self.place(places, meter).is_some_and(|place| self.meters[place].pack == pack);
            self.view.cells((customer, pack), (first, last), wanted, |span, meter, cell| {
                let Some(place) = self.place(places, meter) else { return Ok(()) };
                if cell.last < self.period.start || cell.first >= self.period.end {
                    return Ok(());
                }
                let within = self.period.contains(cell.first) && self.period.contains(cell.last);
                if within && let Some(window) = windows.of_both(cell.first, cell.last) {
                    if !cell.hashed {
                        return receive(place, window, Piece::Cell(&cell, None));
                    }
                    // Hours do not keep their unique values: their rows do.
                    if let Some(source) = self.source(customer, place, level, span) {
                        return receive(place, window, Piece::Cell(&cell, Some(source)));
                    }
                }
                cut.entry(span).or_default().push(place);
                Ok(())
            })?;
        }
        for (span, mut places) in cut {
            places.sort_unstable();
            match level.shorter() {
                Some(shorter) => {
                    self.level(customer, (shorter, span.period().intersection(self.period)), &places, windows, receive)?;
                }
                None => self.rows(Summed::Yes, customer, (span, span), &places, windows, receive)?,
            }
        }
        // What the cells of hours lack.
        if level == Level::Hour { self.rows(Summed::No, customer, (first, last), places, windows, receive) } else { Ok(()) }
    }

    fn rows(
        &self,
        summed: Summed,
        customer: Number,
        hours: (Span, Span),
        places: &[usize],
        windows: &mut Windows,
        receive: Receiver<'_>,
    ) -> Result<(), EventStoreError> {
        self.view.rows_that_are(summed, customer, hours, |row| {
            let Head { timestamp, event_id, .. } = row.head;
            if !self.period.contains(timestamp) {
                return Ok(());
            }
            for entry in row.entries() {
                let entry = entry?;
                if let Some(place) = self.place(places, entry.meter)
                    && let Some(window) = windows.of_both(timestamp, timestamp)
                {
                    receive(place, window, Piece::Row { timestamp, event_id, entry })?;
                }
            }
            Ok(())
        })
    }

    /// The place of a meter if it is among these, which are ascending.
    fn place(&self, places: &[usize], meter: Number) -> Option<usize> {
        let found = places.binary_search_by_key(&meter, |place| self.meters[*place].number);
        found.ok().map(|found| places[found])
    }

    fn source(&self, customer: Number, place: usize, level: Level, span: Span) -> Option<UniqueSource> {
        let (month, days) = match level {
            Level::Hour => return None,
            Level::Day => {
                let (month, day) = day_of_month(span.start());
                (month, 1 << day)
            }
            Level::Month => (span, u32::MAX),
        };
        Some(UniqueSource { customer, meter: self.meters[place].number, month, days })
    }
}

/// Finds windows, the last one first: neighbours mostly share it.
pub(super) struct Windows {
    window: Option<Window>,
    last: Option<Period>,
    whole: Period,
}

impl Windows {
    pub(super) fn new(window: Option<Window>, whole: Period) -> Self {
        Self { window, last: None, whole }
    }

    /// The window that holds both instants, or the whole period when there are no windows.
    pub(super) fn of_both(&mut self, first: Timestamp, last: Timestamp) -> Option<Period> {
        let Some(window) = self.window else { return Some(self.whole) };
        let around = self.last.filter(|known| known.contains(first)).unwrap_or_else(|| window.around(first));
        self.last = Some(around);
        around.contains(last).then_some(around)
    }
}

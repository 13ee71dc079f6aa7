//! Which cells and rows make up a period: the longest cells whose events all lie in it, and in one window; rows where hours are cut.

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

/// A walk through one meter's usage in a period, divided into windows or not.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) view: &'a View,
    pub(super) meter: Numbered,
    pub(super) period: Period,
    pub(super) window: Option<Window>,
}

/// The window of a piece; the whole period when there are none.
pub(super) type Receiver<'r> = &'r mut dyn FnMut(Period, Piece<'_>) -> Result<(), EventStoreError>;

impl Walk<'_> {
    /// Hands out the pieces of one customer.
    pub(super) fn customer(&self, customer: Number, receive: Receiver<'_>) -> Result<(), EventStoreError> {
        let level = match self.window.map(|window| window.size) {
            None | Some(WindowSize::Month) => Level::Month,
            Some(WindowSize::Day | WindowSize::Week) => Level::Day,
            Some(_) => Level::Hour,
        };
        let mut windows = Windows::new(self.window, self.period);
        self.level(customer, level, self.period, &mut windows, receive)
    }

    fn level(
        &self,
        customer: Number,
        level: Level,
        part: Period,
        windows: &mut Windows,
        receive: Receiver<'_>,
    ) -> Result<(), EventStoreError> {
        if part.is_empty() {
            return Ok(());
        }
        let (first, last) = (Span::around(level, part.start), Span::around(level, part.end.plus_micros(-1)));
        self.view.cells(customer, self.meter, first, last, |span, cell| {
            if cell.last < self.period.start || cell.first >= self.period.end {
                return Ok(());
            }
            let within = self.period.contains(cell.first) && self.period.contains(cell.last);
            if within && let Some(window) = windows.of_both(cell.first, cell.last) {
                if !cell.hashed {
                    return receive(window, Piece::Cell(&cell, None));
                }
                // Hours do not keep their unique values: their rows do.
                if let Some(source) = self.source(customer, level, span) {
                    return receive(window, Piece::Cell(&cell, Some(source)));
                }
            }
            match level.shorter() {
                Some(shorter) => self.level(customer, shorter, span.period().intersection(self.period), windows, receive),
                None => self.rows(Summed::Yes, customer, (span, span), windows, receive),
            }
        })?;
        // What the cells of hours lack.
        if level == Level::Hour { self.rows(Summed::No, customer, (first, last), windows, receive) } else { Ok(()) }
    }

    fn rows(
        &self,
        summed: Summed,
        customer: Number,
        hours: (Span, Span),
        windows: &mut Windows,
        receive: Receiver<'_>,
    ) -> Result<(), EventStoreError> {
        self.view.rows_that_are(summed, customer, hours, |row| {
            let Head { timestamp, event_id, .. } = row.head;
            if !self.period.contains(timestamp) {
                return Ok(());
            }
            let Some(window) = windows.of_both(timestamp, timestamp) else { return Ok(()) };
            row.each_entry(self.meter.number, |entry| receive(window, Piece::Row { timestamp, event_id, entry }))
        })
    }

    fn source(&self, customer: Number, level: Level, span: Span) -> Option<UniqueSource> {
        let (month, days) = match level {
            Level::Hour => return None,
            Level::Day => {
                let (month, day) = day_of_month(span.start());
                (month, 1 << day)
            }
            Level::Month => (span, u32::MAX),
        };
        Some(UniqueSource { customer, meter: self.meter.number, month, days })
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

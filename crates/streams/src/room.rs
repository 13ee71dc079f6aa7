//! How many rows an answer may have.

use crate::EventStoreError;

/// The bound of an answer, and what it has.
pub(crate) struct Room {
    rows: usize,
    rows_max: usize,
}

impl Room {
    pub(crate) fn new(rows_max: usize) -> Self {
        Self { rows: 0, rows_max }
    }

    /// Takes in more rows, or refuses them.
    pub(crate) fn take(&mut self, rows: usize) -> Result<(), EventStoreError> {
        self.rows = self.rows.saturating_add(rows);
        if self.rows > self.rows_max { Err(self.refusal()) } else { Ok(()) }
    }

    /// How many more fit.
    #[cfg(feature = "cluster")]
    pub(crate) fn left(&self) -> usize {
        self.rows_max.saturating_sub(self.rows)
    }

    /// Why a row does not fit.
    pub(crate) fn refusal(&self) -> EventStoreError {
        EventStoreError::TooManyGroups(self.rows_max)
    }
}

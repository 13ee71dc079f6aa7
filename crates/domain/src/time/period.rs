//! Half-open periods `[start, end)`.

use super::Timestamp;

/// A stretch of time: its start belongs to it, its end does not. Ordered by start, then end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

impl Period {
    /// A period; empty when `end` is not after `start`.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// Whether no instant lies in it.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether the instant lies in it.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }

    /// What both have in common; empty when they do not meet.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Whether they have an instant in common.
    pub fn overlaps(self, other: Self) -> bool {
        !self.intersection(other).is_empty()
    }

    /// Length in microseconds; 0 when empty.
    pub fn micros(self) -> i64 {
        (self.end.micros() - self.start.micros()).max(0)
    }
}

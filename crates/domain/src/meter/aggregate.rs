//! Many quantities give one usage. Aggregates merge in any order to the same value, so that pre-aggregated cells, rows at the
//! edges and brute force over all rows agree (ADR 0003).

use super::{AggregationType, LedgerEntry, Moment};
use crate::money::{Decimal, Quantity, QuantityOverflow};
use crate::time::{Period, Timestamp};

/// The newest quantity. Of equal event times the greater event id counts, so that order of arrival does not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Latest {
    /// Event time.
    pub timestamp: Timestamp,
    /// Tie-break.
    pub event_id: String,
    /// The value.
    pub quantity: Quantity,
}

/// What a set of ledger rows of one meter adds up to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Aggregate {
    /// Number of events.
    pub events: u64,
    /// Sum of quantities.
    pub sum: Quantity,
    /// Largest quantity; `None` without events.
    pub max: Option<Quantity>,
    /// Newest quantity; `None` without events.
    pub latest: Option<Latest>,
    /// Number of different unique hashes. Not additive: whoever merges aggregates sets it from the union of the hashes.
    pub unique: u64,
    /// Of the rows that are weighted by time; 0 for other meters.
    pub moment: Moment,
}

impl Aggregate {
    /// Adds one row. Neither the unique count nor the moment is touched.
    pub fn add(&mut self, quantity: Quantity, timestamp: Timestamp, event_id: &str) -> Result<(), QuantityOverflow> {
        self.sum = self.sum.checked_add(quantity)?;
        self.events += 1;
        self.max = self.max.max(Some(quantity));
        if self.latest.as_ref().is_none_or(|latest| (latest.timestamp, latest.event_id.as_str()) < (timestamp, event_id)) {
            self.latest = Some(Latest { timestamp, event_id: event_id.to_owned(), quantity });
        }
        Ok(())
    }

    /// Adds an entry, with its weight. The unique count is not touched.
    pub fn add_entry(&mut self, entry: &LedgerEntry, timestamp: Timestamp, event_id: &str) -> Result<(), QuantityOverflow> {
        self.add(entry.quantity, timestamp, event_id)?;
        if entry.weighted {
            self.moment += &Moment::of(entry.quantity, timestamp);
        }
        Ok(())
    }

    /// Adds another set of rows, disjoint from this one. The unique count is not touched.
    pub fn merge(&mut self, other: &Self) -> Result<(), QuantityOverflow> {
        self.sum = self.sum.checked_add(other.sum)?;
        self.events += other.events;
        self.max = self.max.max(other.max);
        self.moment += &other.moment;
        if self.latest < other.latest {
            self.latest.clone_from(&other.latest);
        }
        Ok(())
    }

    /// The usage by a meter's aggregation over the period that the rows were read from; 0 without events. A mean and a weighted sum keep
    /// 16 fraction digits.
    ///
    /// WEIGHTED_SUM weighs each quantity by the part of the period that lies after its event (spec 10 §§8, 17).
    pub fn usage(&self, kind: AggregationType, period: Period) -> Decimal {
        match kind {
            AggregationType::Count => Decimal::from(self.events),
            AggregationType::Sum | AggregationType::SumWithMultiplier => self.sum.to_decimal(),
            AggregationType::Avg => self.sum.to_decimal().div(&Decimal::from(self.events)).unwrap_or_default(),
            AggregationType::CountUnique => Decimal::from(self.unique),
            AggregationType::Max => self.max.unwrap_or_default().to_decimal(),
            AggregationType::Latest => self.latest.as_ref().map(|latest| latest.quantity).unwrap_or_default().to_decimal(),
            AggregationType::WeightedSum => self.moment.weighted(self.sum, period),
        }
    }
}

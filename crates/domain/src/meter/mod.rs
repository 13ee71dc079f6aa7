//! What to measure in events, and how: one event and one meter give one quantity, many quantities one usage.

mod aggregate;
mod backfill;
mod expression;
mod measure;
mod moment;
mod window;

pub use aggregate::{Aggregate, Latest};
pub use backfill::{BackfillStatus, MeterBackfill};
pub use expression::{EvaluationError, Expression};
pub use measure::{LedgerEntry, UniqueHash, comparable, matches, measure, measure_signed};
pub use moment::Moment;
pub use window::{Window, WindowSize};

use std::collections::BTreeMap;

use crate::event::KEY_BYTES_MAX;
use crate::ids::MeterId;
use crate::invalid::{Faults, Invalid, require_field, require_text};
use crate::money::Decimal;
use crate::scope::Audit;

/// How quantities become usage (spec 10 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregationType {
    /// The number of events.
    Count,
    /// The sum of a property.
    Sum,
    /// The mean of a property over the events.
    Avg,
    /// The number of different values of a property.
    CountUnique,
    /// The value of the newest event.
    Latest,
    /// The sum of a property times a constant.
    SumWithMultiplier,
    /// The largest value of a property.
    Max,
    /// The sum of a property, each weighted by the rest of the period.
    WeightedSum,
}

text_enum!(AggregationType {
    Count = "COUNT",
    Sum = "SUM",
    Avg = "AVG",
    CountUnique = "COUNT_UNIQUE",
    Latest = "LATEST",
    SumWithMultiplier = "SUM_WITH_MULTIPLIER",
    Max = "MAX",
    WeightedSum = "WEIGHTED_SUM",
});

/// Whether usage starts anew each billing period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetUsage {
    /// Each period counts for itself.
    BillingPeriod,
    /// Usage runs on.
    Never,
}

text_enum!(ResetUsage { BillingPeriod = "BILLING_PERIOD", Never = "NEVER" });

/// What a meter takes from an event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Aggregation {
    /// How quantities become usage.
    pub kind: AggregationType,
    /// The first-level property; empty for COUNT.
    pub field: String,
    /// A formula over properties instead of a field.
    #[serde(with = "expression::optional")]
    pub expression: Option<Expression>,
    /// A factor: above zero for SUM_WITH_MULTIPLIER, else only with an expression.
    pub multiplier: Option<Decimal>,
    /// Only for MAX and SUM: usage per window.
    pub bucket_size: Option<WindowSize>,
    /// Only for MAX with a bucket: one property name; empty when unused.
    pub group_by: String,
}

/// A condition on one first-level property: any of the values.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Filter {
    /// The property's name.
    pub key: String,
    /// The values that match.
    pub values: Vec<String>,
}

/// What to measure in events of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Identity.
    pub id: MeterId,
    /// Display name.
    pub name: String,
    /// The events it reads: exactly this name, case-sensitive.
    pub event_name: String,
    /// What it takes from them.
    pub aggregation: Aggregation,
    /// Conditions, all of which must hold.
    pub filters: Vec<Filter>,
    /// Whether usage starts anew each period.
    pub reset_usage: ResetUsage,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl Aggregation {
    /// Refuses combinations that measure nothing (spec 20 §2.1).
    pub fn validate(&self) -> Result<(), Invalid> {
        use AggregationType::{Avg, Count, Latest, Max, Sum, SumWithMultiplier};
        let has_field = !self.field.is_empty();
        let has_expression = self.expression.is_some();
        let mut faults = Faults::default();
        let measures = self.kind == Count || has_field || has_expression;
        faults.require(measures, "aggregation.field", "aggregation needs a field or an expression");
        let is_plain = !(has_field && has_expression);
        faults.require(is_plain, "aggregation.expression", "aggregation takes a field or an expression, not both");
        faults.require(
            !has_expression || matches!(self.kind, Sum | Avg | Max | Latest),
            "aggregation.expression",
            "an expression is allowed for SUM, AVG, MAX and LATEST only",
        );
        let multiplies = self.kind != SumWithMultiplier || self.multiplier.as_ref().is_some_and(Decimal::is_positive);
        faults.require(multiplies, "aggregation.multiplier", "SUM_WITH_MULTIPLIER needs a multiplier above 0");
        let buckets = self.bucket_size.is_none() || matches!(self.kind, Max | Sum);
        faults.require(buckets, "aggregation.bucket_size", "bucket_size is allowed for MAX and SUM only");
        faults.require(
            self.group_by.is_empty() || (self.kind == Max && self.bucket_size.is_some()),
            "aggregation.group_by",
            "group_by is allowed for MAX with a bucket_size only",
        );
        faults.check()
    }
}

impl Meter {
    /// Refuses a meter without names, with an aggregation that measures nothing or with an empty filter.
    pub fn validate(&self) -> Result<(), Invalid> {
        let mut faults = Faults::default();
        faults.take(require_text(&self.name, "name"));
        faults.take(require_text(&self.event_name, "event_name"));
        if self.event_name.len() > KEY_BYTES_MAX {
            let message = format!("event_name is longer than that of any event, {KEY_BYTES_MAX} bytes");
            faults.take::<()>(Err(Invalid::field("event_name", message).with("limit", KEY_BYTES_MAX)));
        }
        faults.take(self.aggregation.validate());
        faults.take(validate_filters(&self.filters));
        faults.check()
    }

    /// Adds keys and values; nothing can be taken away (spec 20 §2.2).
    pub fn merge_filters(&mut self, added: &[Filter]) -> Result<(), Invalid> {
        require_field(!added.is_empty(), "filters", "filters must not be empty")?;
        validate_filters(added)?;
        let mut merged: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for filter in self.filters.iter().chain(added) {
            let values = merged.entry(filter.key.clone()).or_default();
            for value in &filter.values {
                if !values.contains(value) {
                    values.push(value.clone());
                }
            }
        }
        self.filters = merged.into_iter().map(|(key, values)| Filter { key, values }).collect();
        Ok(())
    }
}

fn validate_filters(filters: &[Filter]) -> Result<(), Invalid> {
    let mut faults = Faults::default();
    for (index, filter) in filters.iter().enumerate() {
        let is_complete = !filter.key.is_empty() && !filter.values.is_empty();
        faults.require(is_complete, &format!("filters[{index}]"), "each filter needs a key and at least one value");
    }
    faults.check()
}

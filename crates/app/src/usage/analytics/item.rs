//! The answer: items with their points.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::meter::WindowSize;
use domain::money::Decimal;
use domain::rating::Quantities;
use domain::time::Timestamp;

use super::rows::AnalyticsRow;

/// Usage and cost of a customer, or of a tenant.
#[derive(Clone, Debug)]
pub struct Analytics {
    /// One per line, meter and group.
    pub items: Vec<AnalyticsItem>,
    /// In what all of it is billed; empty when nothing is.
    pub currency: String,
}

/// Usage of one meter, by one line where a subscription bills it, of one group where groups were asked for.
#[derive(Clone, Debug)]
pub struct AnalyticsItem {
    /// What was measured, and by what it is billed.
    pub row: Arc<AnalyticsRow>,
    /// The events' source; only when it was asked to be told apart.
    pub source: Option<String>,
    /// The values of the properties that were asked to be told apart; those that the events lack are left out.
    pub properties: BTreeMap<String, String>,
    /// The usage: of a bucketed meter, the sum of its buckets.
    pub usage: Decimal,
    /// The same as it is priced: in whole, or each bucket apart.
    pub quantities: Quantities,
    /// The number of events.
    pub events: u64,
    /// What the usage costs at the line's price, not rounded; 0 without a line.
    pub exact_cost: Decimal,
    /// The same, rounded to the currency.
    pub cost: Decimal,
    /// The size of the points' windows; absent when no points were asked for.
    pub window_size: Option<WindowSize>,
    /// Per window that has events, ascending.
    pub points: Vec<AnalyticsPoint>,
    /// Where the events came from, sorted; only when it was asked for.
    pub sources: Vec<String>,
}

/// Usage of one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalyticsPoint {
    /// First instant of the window.
    pub start: Timestamp,
    /// The usage in it; of a bucketed MAX, its largest bucket.
    pub usage: Decimal,
    /// The number of events.
    pub events: u64,
    /// What it costs alone, not rounded: tiers begin anew, so points need not add up to the total. Those of a bucketed meter do.
    pub cost: Decimal,
}

impl AnalyticsItem {
    /// The feature's name; the meter's without a feature.
    pub fn name(&self) -> &str {
        self.row.feature.as_ref().map_or(&self.row.meter.name, |feature| &feature.name)
    }

    /// Where it stands among the others: by name, line, meter and group.
    pub(super) fn order(&self) -> (&str, Option<&str>, &str, Option<&str>, &BTreeMap<String, String>) {
        let Self { row, source, properties, .. } = self;
        let line = row.billed_by.as_ref().map(|billed| billed.line.id.as_str());
        (self.name(), line, row.meter.id.as_str(), source.as_deref(), properties)
    }
}

//! Where a deployment may choose how events are taken in and counted (spec 10 §§5.3, 17).

use domain::event::{EARLIEST, LATEST, Properties};
use domain::invalid::Invalid;
use domain::meter::{AggregationType, LedgerEntry, Meter, measure, measure_signed};
use domain::money::QuantityOverflow;
use domain::time::Timestamp;

use crate::App;

/// How events are taken in and counted. All processes of a deployment choose alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EventChoices {
    /// What becomes of negative quantities.
    pub negatives: Negatives,
    /// What WEIGHTED_SUM bills.
    pub weighted_sums: WeightedSums,
    /// Which event times are accepted, within 1970 to 2105.
    pub times: EventTimes,
}

/// What becomes of a negative quantity on its way into the ledger. A choice counts for events from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Negatives {
    /// It counts 0.
    #[default]
    Clamped,
    /// It stays, so that corrections lower the usage, also below 0.
    Kept,
}

/// What WEIGHTED_SUM gives where usage is billed. The ledger is the same for both, so a choice counts for all reads from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WeightedSums {
    /// Each quantity by the rest of the period after its event.
    #[default]
    Weighted,
    /// The plain sum, as the established service bills it.
    Plain,
}

/// The event times that are accepted, beside the bounds that hold for every event. What was accepted is counted, whatever is chosen later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTimes {
    /// The first.
    pub earliest: Timestamp,
    /// The first that is too late.
    pub end: Timestamp,
}

impl Default for EventTimes {
    fn default() -> Self {
        Self { earliest: EARLIEST, end: LATEST }
    }
}

impl EventTimes {
    /// Refuses a time outside.
    pub(super) fn check(&self, time: Timestamp) -> Result<(), Invalid> {
        if (self.earliest..self.end).contains(&time) {
            return Ok(());
        }
        let message = format!("timestamp must not lie before {} and must lie before {}", self.earliest, self.end);
        Err(Invalid::field("timestamp", message).with("value", time))
    }
}

impl App {
    /// What an event adds to a meter's ledger.
    pub(super) fn measure(
        &self,
        meter: &Meter,
        event_name: &str,
        properties: &Properties<'_>,
    ) -> Result<Option<LedgerEntry>, QuantityOverflow> {
        match self.shared.settings.events.negatives {
            Negatives::Clamped => measure(meter, event_name, properties),
            Negatives::Kept => measure_signed(meter, event_name, properties),
        }
    }

    /// By which formula a meter of this aggregation is billed.
    pub(crate) fn billed_as(&self, kind: AggregationType) -> AggregationType {
        match (kind, self.shared.settings.events.weighted_sums) {
            (AggregationType::WeightedSum, WeightedSums::Plain) => AggregationType::Sum,
            (kind, _) => kind,
        }
    }
}

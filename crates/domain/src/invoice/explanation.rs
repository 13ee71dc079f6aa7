//! How an amount came about: from the line back to the price version, the steps of the calculation and the events counted.

use super::allowance::Free;
use super::charges::DueCharge;
use crate::money::Decimal;
use crate::rating::{MeteredUsage, Quantities, Rated, Step};
use crate::time::Timestamp;

/// What a meter counted for a line, as far as an invoice keeps it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// The aggregated quantity: of buckets, the sum of their values.
    pub quantity: Decimal,
    /// The number of events behind it.
    pub events: u64,
    /// How they were aggregated.
    pub aggregation: String,
    /// What was priced bucket by bucket.
    #[serde(default)]
    pub buckets: Option<Buckets>,
}

/// How a bucketed meter's usage was told apart. Buckets begin in UTC.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Buckets {
    /// The size of a bucket.
    pub size: String,
    /// The property whose values were told apart in each bucket; empty without.
    pub group_by: String,
    /// How many values were priced, each on its own.
    pub values: u64,
}

impl From<&MeteredUsage> for Usage {
    fn from(usage: &MeteredUsage) -> Self {
        let MeteredUsage { aggregation, quantities, events } = usage;
        let buckets = match quantities {
            Quantities::Total(_) => None,
            Quantities::Apart(values) => Some(Buckets {
                size: aggregation.bucket_size.map(|size| size.to_string()).unwrap_or_default(),
                group_by: aggregation.group_by.clone(),
                values: values.len() as u64,
            }),
        };
        Self { quantity: quantities.total(), events: *events, aggregation: aggregation.kind.to_string(), buckets }
    }
}

/// The calculation of one line.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Explanation {
    /// The version of the rate.
    pub price_id: String,
    /// FLAT_FEE, PACKAGE or TIERED.
    pub billing_model: String,
    /// First instant of the service.
    pub service_start: Timestamp,
    /// First instant after it.
    pub service_end: Timestamp,
    /// First instant of the period that the full price stands for; only where the service is a part of it. Then `exact` is `rated`
    /// times the coefficient; without one, times the length of the service, divided by that of this period.
    #[serde(default)]
    pub full_start: Option<Timestamp>,
    /// First instant after it.
    #[serde(default)]
    pub full_end: Option<Timestamp>,
    /// What the meter counted; only usage lines.
    pub usage: Option<Usage>,
    /// What was free of it; only usage lines with an entitlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<Free>,
    /// The steps; their amounts add up to `rated`.
    pub steps: Vec<Step>,
    /// The price of the quantity, not rounded.
    pub rated: Decimal,
    /// The part of the full price that was charged under `create_prorations`; absent when the whole.
    pub coefficient: Option<Decimal>,
    /// After proration, before rounding.
    pub exact: Decimal,
    /// What rounding to the currency added or took. Of the parts of a period, so that they add up to its price.
    pub rounding: Decimal,
    /// What the line charges.
    pub amount: Decimal,
}

impl Explanation {
    /// How a charge was priced, not rounded yet: later stages add to it.
    pub(super) fn new(charge: &DueCharge<'_>, usage: Option<Usage>, rated: Rated) -> Self {
        let DueCharge { billable, share } = charge;
        let price = billable.price;
        let part = share.is_part();
        let exact = share.of(&rated.amount);
        Self {
            price_id: price.id.to_string(),
            billing_model: price.billing_model.to_string(),
            service_start: share.service.start,
            service_end: share.service.end,
            full_start: part.then_some(share.full.start),
            full_end: part.then_some(share.full.end),
            usage,
            free: None,
            steps: rated.steps,
            rated: rated.amount,
            coefficient: share.coefficient(),
            amount: exact.clone(),
            exact,
            rounding: Decimal::zero(),
        }
    }
}

//! What a meter counted, as it is priced: one total, or the values of its buckets each on its own (spec 20 §6.3).

use std::collections::HashMap;

use super::{Price, Rated, rate};
use crate::meter::Aggregation;
use crate::money::Decimal;

/// The quantities that a price applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quantities {
    /// One quantity over the whole period.
    Total(Decimal),
    /// The value of each bucket that has events; for a meter with `group_by`, of each group in each bucket.
    Apart(Vec<Decimal>),
}

/// What a meter counted over a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteredUsage {
    /// How it was counted.
    pub aggregation: Aggregation,
    /// What is priced.
    pub quantities: Quantities,
    /// The number of events behind it.
    pub events: u64,
}

impl Quantities {
    /// What is billed: the sum of the buckets, or the total itself.
    pub fn total(&self) -> Decimal {
        match self {
            Self::Total(total) => total.clone(),
            Self::Apart(values) => values.iter().sum(),
        }
    }
}

/// What metered quantities cost. Tiers and packages begin anew with each bucket, at every model with each group of a bucket; a bucket of
/// 0 costs nothing (spec 20 §§6.3, 15 no. 17). Nothing is rounded.
///
/// Steps of one label are added up, so that the price's tiers bound how many there are, whatever the number of buckets.
pub fn rate_all(price: &Price, quantities: &Quantities) -> Rated {
    match quantities {
        Quantities::Total(total) => rate(price, total),
        Quantities::Apart(values) => {
            let mut all = Rated::default();
            let mut places: HashMap<String, usize> = HashMap::new();
            for rated in values.iter().map(|value| rate(price, value)) {
                all.amount += &rated.amount;
                for step in rated.steps {
                    match places.get(&step.label) {
                        Some(place) => all.steps[*place].repeat(&step),
                        None => {
                            places.insert(step.label.clone(), all.steps.len());
                            all.steps.push(step);
                        }
                    }
                }
            }
            all
        }
    }
}

//! Free units of a feature: they come off the counted quantity before it is priced (spec 20 §6.5, 40 §4.1).

use std::collections::HashMap;

use super::charge::Counted;
use super::{Error, Inputs};
use crate::entitlement::{FeatureEntitlement, UsageResetPeriod, renewals};
use crate::ids::{EntitlementId, MeterId};
use crate::money::Decimal;
use crate::rating::Quantities;
use crate::time::Period;

/// Free units of what a meter counts: once for all lines of the meter, in their order (spec 25 §16 no. 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// What counts.
    pub meter_id: MeterId,
    /// How many units are free; all without.
    pub limit: Option<Decimal>,
    /// When they begin anew.
    pub reset: Option<UsageResetPeriod>,
    /// What gives them.
    pub entitlement_ids: Vec<EntitlementId>,
}

/// What a line had free: part of its explanation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Free {
    /// What gives it.
    pub entitlement_ids: Vec<EntitlementId>,
    /// How many units are free each time; all without.
    pub limit: Option<Decimal>,
    /// When they begin anew; with each billing period without.
    pub reset: Option<String>,
    /// The units that were not charged.
    pub quantity: Decimal,
}

impl Allowance {
    /// What is free of each meter, by what a subscription may use of the meters' features. Limits of features that share a meter add up.
    pub fn of_features<'a>(features: impl IntoIterator<Item = (&'a MeterId, &'a FeatureEntitlement)>) -> Vec<Self> {
        let mut allowances: Vec<Self> = Vec::new();
        for (meter_id, feature) in features {
            let limit = feature.usage_limit.map(Decimal::from);
            let entitlement_ids = feature.sources.iter().map(|source| source.entitlement.id.clone());
            match allowances.iter_mut().find(|known| known.meter_id == *meter_id) {
                Some(known) => {
                    known.limit = known.limit.take().zip(limit).map(|(one, other)| &one + &other);
                    known.reset = known.reset.or(feature.usage_reset_period);
                    known.entitlement_ids.extend(entitlement_ids);
                }
                None => allowances.push(Self {
                    meter_id: meter_id.clone(),
                    limit,
                    reset: feature.usage_reset_period,
                    entitlement_ids: entitlement_ids.collect(),
                }),
            }
        }
        allowances
    }

    /// The stretches of a line's service whose usage must be known, besides that of the whole.
    pub(super) fn stretches(&self, inputs: &Inputs, service: Period) -> Result<Vec<Period>, Error> {
        if self.limit.is_none() {
            return Ok(Vec::new());
        }
        let Some(renewals) = renewals(self.reset, &inputs.subscription, inputs.period)? else {
            let begin = inputs.subscription.start_date;
            return Ok(vec![Period::new(begin, service.start), Period::new(begin, service.end)]);
        };
        if renewals.len() == 1 {
            return Ok(Vec::new());
        }
        Ok(renewals.into_iter().map(|renewal| renewal.intersection(service)).filter(|stretch| !stretch.is_empty()).collect())
    }

    /// Takes what is free off the charges of the meter.
    pub(super) fn apply(&self, inputs: &Inputs, charges: &mut [Counted<'_>]) -> Result<(), Error> {
        let mut left = Left { limit: self.limit.clone(), of: HashMap::new() };
        for charge in charges.iter_mut().filter(|charge| charge.counts(&self.meter_id)) {
            let before = charge.quantities().total();
            let quantities = self.billable(inputs, charge, &mut left)?;
            let quantity = (&before - &quantities.total()).max(Decimal::zero());
            let Self { entitlement_ids, limit, reset, .. } = self.clone();
            charge.set_free(quantities, Free { entitlement_ids, limit, reset: reset.map(|reset| reset.to_string()), quantity });
        }
        Ok(())
    }

    fn billable(&self, inputs: &Inputs, charge: &Counted<'_>, left: &mut Left) -> Result<Quantities, Error> {
        let Some(limit) = &self.limit else { return Ok(Quantities::Total(Decimal::zero())) };
        let total = match charge.quantities() {
            // Buckets use the allowance up in the order of time, whenever it begins anew (spec 20 §15 no. 16).
            Quantities::Apart(values) => {
                return Ok(Quantities::Apart(values.iter().map(|value| left.take(inputs.period, value)).collect()));
            }
            Quantities::Total(total) => total,
        };
        let service = charge.service();
        let stretches = self.stretches(inputs, service)?;
        if stretches.is_empty() {
            return Ok(Quantities::Total(left.take(inputs.period, total)));
        }
        let line = charge.line_id();
        let missing = || Error::UsageMissing { line: line.clone() };
        let used = inputs.stretches.get(line).filter(|used| used.len() == stretches.len()).ok_or_else(missing)?;
        let Some(renewals) = renewals(self.reset, &inputs.subscription, inputs.period)? else {
            // What is free of a stretch: what it uses up of a limit that is there once (spec 40 §19 no. 9).
            let (before, after) = (&used[0], &used[1]);
            let free = &after.clone().min(limit.clone()) - &before.clone().min(limit.clone());
            left.of.entry(service).or_insert(free);
            return Ok(Quantities::Total(left.take(service, &(after - before))));
        };
        let touched = renewals.into_iter().filter(|renewal| renewal.overlaps(service));
        Ok(Quantities::Total(touched.zip(used).map(|(renewal, used)| left.take(renewal, used)).sum()))
    }
}

/// What earlier lines left of an allowance, by the stretch that has it whole.
struct Left {
    limit: Option<Decimal>,
    of: HashMap<Period, Decimal>,
}

impl Left {
    /// Takes what a quantity uses; tells what goes beyond. A negative quantity costs nothing and gives nothing back.
    fn take(&mut self, stretch: Period, quantity: &Decimal) -> Decimal {
        let left = self.of.entry(stretch).or_insert_with(|| self.limit.clone().unwrap_or_default());
        let beyond = (quantity - &*left).max(Decimal::zero());
        *left = &*left - &(quantity - &beyond).max(Decimal::zero());
        beyond
    }
}

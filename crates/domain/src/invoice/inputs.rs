//! Everything that an invoice is made from, and what must be read for it.

use std::collections::{BTreeMap, BTreeSet};

use super::adjustments::{Commitment, Credit, Discount, Tax};
use super::allowance::Allowance;
use super::charges::{BillableLine, BilledLine, ReferencePoint, due_charges};
use super::{BillingReason, Error};
use crate::entitlement::UsageResetPeriod;
use crate::ids::{MeterId, PriceId, SubscriptionLineItemId};
use crate::money::Decimal;
use crate::rating::{MeteredUsage, Price, PriceType};
use crate::subscription::{Subscription, SubscriptionLineItem};
use crate::time::{Period, Zone};

/// What an invoice is computed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be issued for a reason.
    Issue(BillingReason),
    /// To be shown: what was invoiced already is shown again.
    Preview,
    /// To tell what usage costs: of usage lines alone, what was invoiced already included.
    Usage,
}

impl Purpose {
    /// Which charges it carries.
    pub const fn reference_point(self) -> ReferencePoint {
        match self {
            Self::Issue(reason) => reason.reference_point(),
            Self::Preview => ReferencePoint::Preview,
            Self::Usage => ReferencePoint::Usage,
        }
    }
}

/// Everything that the lines and totals of a subscription's invoice are made from: the same inputs give the same invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// Whose charges.
    pub subscription: Subscription,
    /// The invoiced period.
    pub period: Period,
    /// What for.
    pub purpose: Purpose,
    /// The subscription's lines, oldest first: the order of the invoice's.
    pub lines: Vec<SubscriptionLineItem>,
    /// Their prices.
    pub prices: BTreeMap<PriceId, Price>,
    /// What other drafts and final invoices of the subscription carry.
    pub billed: Vec<BilledLine>,
    /// What meters counted, by subscription line: the answers to [`Inputs::usage_to_read`].
    pub usages: BTreeMap<SubscriptionLineItemId, MeteredUsage>,
    /// What they counted over the stretches of [`UsageToRead::stretches`], in that order.
    pub stretches: BTreeMap<SubscriptionLineItemId, Vec<Decimal>>,
    /// Free units, one for a meter.
    pub allowances: Vec<Allowance>,
    /// Promised minimums.
    pub commitments: Vec<Commitment>,
    /// Coupons.
    pub discounts: Vec<Discount>,
    /// Prepaid credit.
    pub credits: Vec<Credit>,
    /// Tax rates.
    pub taxes: Vec<Tax>,
}

/// What a usage line needs to have counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageToRead {
    /// The line.
    pub line_id: SubscriptionLineItemId,
    /// What counts.
    pub meter_id: MeterId,
    /// Over which time.
    pub period: Period,
    /// Over which other stretches, each for itself: those that an allowance is told apart by. A meter with buckets needs none.
    pub stretches: Vec<Period>,
    /// Where these are days of a zone, as far as they lie in the period: which.
    pub days_in: Option<Zone>,
}

impl Inputs {
    /// The inputs of an invoice for which nothing was read yet.
    pub fn new(subscription: Subscription, period: Period, purpose: Purpose) -> Self {
        Self {
            subscription,
            period,
            purpose,
            lines: Vec::new(),
            prices: BTreeMap::new(),
            billed: Vec::new(),
            usages: BTreeMap::new(),
            stretches: BTreeMap::new(),
            allowances: Vec::new(),
            commitments: Vec::new(),
            discounts: Vec::new(),
            credits: Vec::new(),
            taxes: Vec::new(),
        }
    }

    /// Which usage must be read before the invoice can be computed: of the usage lines that fall due.
    pub fn usage_to_read(&self) -> Result<Vec<UsageToRead>, Error> {
        let mut reads = Vec::new();
        for charge in due_charges(self)? {
            let line = charge.billable.line;
            if line.price_type == PriceType::Usage {
                let meter_id = line.meter_id.clone().ok_or_else(|| Error::MeterMissing { line: line.id.clone() })?;
                let period = charge.share.service;
                let allowance = self.allowances.iter().find(|allowance| allowance.meter_id == meter_id);
                let stretches = allowance.map_or(Ok(Vec::new()), |allowance| allowance.stretches(self, period))?;
                let by_day = !stretches.is_empty() && allowance.is_some_and(|allowance| allowance.reset == Some(UsageResetPeriod::Daily));
                let days_in = by_day.then(|| self.subscription.zone());
                reads.push(UsageToRead { line_id: line.id.clone(), meter_id, period, stretches, days_in });
            }
        }
        Ok(reads)
    }

    /// Whether other invoices still carry what they carried when the inputs were read, in whatever order.
    pub fn still_billed(&self, billed: &[BilledLine]) -> bool {
        self.billed.iter().collect::<BTreeSet<_>>() == billed.iter().collect()
    }

    /// The lines with their prices.
    pub(super) fn billable(&self) -> Result<Vec<BillableLine<'_>>, Error> {
        let mut billable = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let missing = || Error::PriceMissing { line: line.id.clone(), price: line.price_id.clone() };
            billable.push(BillableLine { line, price: self.prices.get(&line.price_id).ok_or_else(missing)? });
        }
        Ok(billable)
    }
}

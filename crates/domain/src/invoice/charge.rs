//! A charge on its way to a line: counted, then priced to an exact amount, then rounded once (spec 40 §§3.1, 4). Each step is a type, so that
//! nothing is priced before its free units came off, and nothing is added up before it was rounded.

use super::allowance::Free;
use super::charges::{DueCharge, due_charges};
use super::explanation::{Explanation, Usage};
use super::{Error, Inputs};
use crate::ids::{MeterId, SubscriptionLineItemId};
use crate::money::Decimal;
use crate::rating::{MeteredUsage, Price, PriceType, Quantities, rate_all};
use crate::subscription::SubscriptionLineItem;
use crate::time::Period;

/// What falls due, in units.
pub(super) struct Counted<'a> {
    due: DueCharge<'a>,
    /// As the meter counted it; only usage lines.
    usage: Option<&'a MeteredUsage>,
    /// What is to be priced.
    quantities: Quantities,
    /// What came off them.
    free: Option<Free>,
}

/// What falls due, in money that is not rounded yet.
pub(super) struct Priced<'a> {
    due: DueCharge<'a>,
    quantity: Decimal,
    /// Ends with the exact amount so far.
    explanation: Explanation,
}

/// A line of a computed invoice: all of it but its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComputedLine<'a> {
    /// The subscription's line.
    pub line: &'a SubscriptionLineItem,
    /// Its price.
    pub price: &'a Price,
    /// The stretch that is paid for.
    pub service: Period,
    /// Units that are charged.
    pub quantity: Decimal,
    /// Gross, rounded to the line's currency.
    pub amount: Decimal,
    /// How the amount came about.
    pub explanation: Explanation,
}

/// What falls due, with what was counted of it.
pub(super) fn count(inputs: &Inputs) -> Result<Vec<Counted<'_>>, Error> {
    due_charges(inputs)?.into_iter().map(|due| Counted::new(due, inputs)).collect()
}

impl<'a> Counted<'a> {
    fn new(due: DueCharge<'a>, inputs: &'a Inputs) -> Result<Self, Error> {
        let line = due.billable.line;
        match line.price_type {
            PriceType::Usage => {
                let usage = inputs.usages.get(&line.id).ok_or_else(|| Error::UsageMissing { line: line.id.clone() })?;
                Ok(Self { due, usage: Some(usage), quantities: usage.quantities.clone(), free: None })
            }
            PriceType::Fixed => Ok(Self { due, usage: None, quantities: Quantities::Total(line.quantity.clone()), free: None }),
        }
    }

    /// Whether it charges what this meter counts.
    pub(super) fn counts(&self, meter_id: &MeterId) -> bool {
        self.usage.is_some() && self.due.billable.line.meter_id.as_ref() == Some(meter_id)
    }

    /// What is to be priced so far.
    pub(super) fn quantities(&self) -> &Quantities {
        &self.quantities
    }

    /// The stretch that is paid for.
    pub(super) fn service(&self) -> Period {
        self.due.share.service
    }

    /// Whose charge it is.
    pub(super) fn line_id(&self) -> &'a SubscriptionLineItemId {
        &self.due.billable.line.id
    }

    /// Leaves what is not free.
    pub(super) fn set_free(&mut self, quantities: Quantities, free: Free) {
        self.quantities = quantities;
        self.free = Some(free);
    }

    /// Prices the quantities, and of a fixed price takes the part that the service is.
    pub(super) fn price(self) -> Priced<'a> {
        let Self { due, usage, quantities, free } = self;
        let rated = rate_all(due.billable.price, &quantities);
        let explanation = Explanation { free, ..Explanation::new(&due, usage.map(Usage::from), rated) };
        Priced { due, quantity: quantities.total(), explanation }
    }
}

impl<'a> Priced<'a> {
    /// Rounds the exact amount to the line's currency: the parts of a period so that they add up to its price.
    pub(super) fn round(self) -> ComputedLine<'a> {
        let Self { due, quantity, mut explanation } = self;
        let line = due.billable.line;
        let amount = if due.share.is_part() {
            due.share.rounded(&explanation.rated, &line.currency)
        } else {
            line.currency.round(&explanation.exact)
        };
        explanation.rounding = &amount - &explanation.exact;
        explanation.amount = amount.clone();
        ComputedLine { line, price: due.billable.price, service: due.share.service, quantity, amount, explanation }
    }
}

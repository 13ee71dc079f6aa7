//! What stands between an invoice's charges and its total (spec 40 §6): the inputs of the stages that are not built yet, and what each stage may
//! change. A type without a value has no rule to apply, and its stage changes nothing. Each gets a file of its own with its rule.

use super::charge::{ComputedLine, Priced};
use crate::money::Decimal;

/// A promised minimum, and what exceeds it: they change exact amounts before these are rounded (spec 40 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commitment {}

impl Commitment {
    pub(super) fn apply(self, _charges: &mut [Priced<'_>]) {
        match self {}
    }
}

/// A coupon: it comes off rounded lines, or off the whole invoice (spec 40 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discount {}

impl Discount {
    /// What it takes off.
    pub(super) fn apply(self, _lines: &mut [ComputedLine<'_>]) -> Decimal {
        match self {}
    }
}

/// Prepaid credit: it pays what discounts leave of usage lines (spec 40 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credit {}

impl Credit {
    /// What it pays.
    pub(super) fn apply(self, _lines: &mut [ComputedLine<'_>]) -> Decimal {
        match self {}
    }
}

/// A tax rate: it applies to what discounts leave; credits do not reduce it (spec 40 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tax {}

impl Tax {
    /// The tax on an amount.
    pub(super) fn on(self, _taxable: &Decimal) -> Decimal {
        match self {}
    }
}

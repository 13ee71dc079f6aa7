//! From inputs to lines and totals: the one way to an invoice, stage by stage in the order of spec 40 §6. Each stage finds what those before
//! it made, changes it by its own inputs, and adds to the explanation of what it changed.

use super::charge::{ComputedLine, Counted, Priced, count};
use super::{Error, Inputs, Totals};
use crate::money::Decimal;

/// The lines and totals of an invoice on which nothing was paid yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computed<'a> {
    /// In the order of the subscription's lines.
    pub lines: Vec<ComputedLine<'a>>,
    /// What they add up to.
    pub totals: Totals,
}

/// Computes an invoice: charges → allowance → commitment → discounts → credits → taxes → totals. A line whose price, meter or usage is
/// missing refuses the whole.
pub fn compute(inputs: &Inputs) -> Result<Computed<'_>, Error> {
    let mut counted: Vec<Counted<'_>> = count(inputs)?;
    for allowance in &inputs.allowances {
        allowance.apply(inputs, &mut counted)?;
    }
    let mut priced: Vec<Priced<'_>> = counted.into_iter().map(Counted::price).collect();
    inputs.commitments.iter().for_each(|commitment| commitment.apply(&mut priced));
    let mut lines: Vec<ComputedLine<'_>> = priced.into_iter().map(Priced::round).collect();
    let subtotal: Decimal = lines.iter().map(|line| &line.amount).sum();
    let total_discount: Decimal = inputs.discounts.iter().map(|discount| discount.apply(&mut lines)).sum();
    let total_prepaid_credits_applied = inputs.credits.iter().map(|credit| credit.apply(&mut lines)).sum();
    let taxable = (&subtotal - &total_discount).max(Decimal::zero());
    let total_tax = inputs.taxes.iter().map(|tax| tax.on(&taxable)).sum();
    let totals = Totals { subtotal, total_discount, total_prepaid_credits_applied, total_tax, ..Totals::default() }.summed();
    Ok(Computed { lines, totals })
}

//! What a bill adds up to (spec 40 §6). INV-1: the subtotal is the sum of the rounded lines. INV-2: paid and remaining add up to due.

use super::InvoiceLineItem;
use crate::money::Decimal;

/// The sums of a bill, all rounded to its currency because their parts are.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// Sum of the lines.
    pub subtotal: Decimal,
    /// Discounts of lines and of the bill.
    pub total_discount: Decimal,
    /// Prepaid credits used.
    pub total_prepaid_credits_applied: Decimal,
    /// Taxes.
    pub total_tax: Decimal,
    /// What the bill comes to; never below zero.
    pub total: Decimal,
    /// What credit notes took off.
    pub adjustment_amount: Decimal,
    /// What must be paid.
    pub amount_due: Decimal,
    /// What was paid.
    pub amount_paid: Decimal,
    /// What is still to pay.
    pub amount_remaining: Decimal,
    /// What was given back.
    pub refunded_amount: Decimal,
}

impl Totals {
    /// The totals of new lines; what was paid, adjusted and given back stays.
    pub fn of_lines(lines: &[InvoiceLineItem], before: &Self) -> Self {
        Self { subtotal: lines.iter().map(|line| &line.amount).sum(), ..before.clone() }.summed()
    }

    /// Recomputes total, due and remaining from the parts.
    #[must_use]
    pub fn summed(mut self) -> Self {
        let net = &(&(&self.subtotal - &self.total_prepaid_credits_applied) - &self.total_discount) + &self.total_tax;
        self.total = net.max(Decimal::zero());
        self.amount_due = &self.total - &self.adjustment_amount;
        self.amount_remaining = (&self.amount_due - &self.amount_paid).max(Decimal::zero());
        self
    }
}

//! What an invoice adds up to (spec 40 §6), and what holds of it whatever happens.

use super::InvoiceLineItem;
use crate::money::Decimal;

/// The sums of an invoice, all rounded to its currency because their parts are.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// Sum of the lines.
    pub subtotal: Decimal,
    /// Discounts of lines and of the whole invoice.
    pub total_discount: Decimal,
    /// Prepaid credits used.
    pub total_prepaid_credits_applied: Decimal,
    /// Taxes.
    pub total_tax: Decimal,
    /// What the invoice comes to; never below zero.
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
    /// Recomputes total, due and remaining from the parts.
    #[must_use]
    pub fn summed(mut self) -> Self {
        let net = &(&(&self.subtotal - &self.total_prepaid_credits_applied) - &self.total_discount) + &self.total_tax;
        self.total = net.max(Decimal::zero());
        self.amount_due = &self.total - &self.adjustment_amount;
        self.amount_remaining = (&self.amount_due - &self.amount_paid).max(Decimal::zero());
        self
    }

    /// These sums, of an invoice on which something was paid, adjusted and given back before.
    #[must_use]
    pub fn settled_as(self, before: &Self) -> Self {
        let Self { adjustment_amount, amount_paid, refunded_amount, .. } = before.clone();
        Self { adjustment_amount, amount_paid, refunded_amount, ..self }.summed()
    }

    /// Stops rather than let a wrong invoice out: the invariants of every invoice, by name.
    ///
    /// INV-1: the subtotal is the sum of the lines, each rounded to its currency.
    ///
    /// INV-2: paid and remaining add up to due; nothing remains when more was paid.
    pub fn assert_invariants(&self, lines: &[InvoiceLineItem]) {
        let rounded = lines.iter().all(|line| line.amount == line.currency.round(&line.amount));
        let sum: Decimal = lines.iter().map(|line| &line.amount).sum();
        assert!(rounded && self.subtotal == sum, "INV-1: the subtotal {} is not the sum {sum} of rounded lines", self.subtotal);
        let remaining = (&self.amount_due - &self.amount_paid).max(Decimal::zero());
        assert!(self.amount_remaining == remaining, "INV-2: {} remain instead of {remaining}", self.amount_remaining);
    }
}

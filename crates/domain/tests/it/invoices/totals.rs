//! INV-1 and INV-2.

use domain::invoice::{InvoiceLineItem, Totals};

use super::life::invoice_lines;
use crate::support::decimal;

fn totals(subtotal: &str, discount: &str, credits: &str, tax: &str) -> Totals {
    Totals {
        subtotal: decimal(subtotal),
        total_discount: decimal(discount),
        total_prepaid_credits_applied: decimal(credits),
        total_tax: decimal(tax),
        ..Totals::default()
    }
}

#[test]
fn totals_add_up_in_the_order_of_the_stages() {
    for (subtotal, discount, credits, tax, adjusted, paid, expected) in [
        ("465.68", "118.23", "80", "64.04", "0", "0", ["331.49", "331.49", "331.49"]),
        ("465.68", "118.23", "0", "0", "0", "0", ["347.45", "347.45", "347.45"]),
        ("20", "20", "0", "0", "0", "0", ["0", "0", "0"]),
        ("20", "25", "0", "0", "0", "0", ["0", "0", "0"]),
        ("20", "15", "10", "1.5", "0", "0", ["0", "0", "0"]),
        ("100", "0", "0", "0", "60", "40", ["100", "40", "0"]),
        ("100", "0", "0", "0", "0", "40", ["100", "100", "60"]),
        ("100", "0", "0", "0", "10", "115", ["100", "90", "0"]),
    ] {
        let totals =
            Totals { adjustment_amount: decimal(adjusted), amount_paid: decimal(paid), ..totals(subtotal, discount, credits, tax) };
        let Totals { total, amount_due, amount_remaining, .. } = totals.summed();
        let sums = [total, amount_due, amount_remaining].map(|sum| sum.to_string());
        assert_eq!(sums, expected, "{subtotal} - {discount} - {credits} + {tax}, {adjusted} adjusted, {paid} paid");
    }
}

#[test]
fn new_sums_keep_what_was_paid_adjusted_and_given_back() {
    let before =
        Totals { adjustment_amount: decimal("5"), amount_paid: decimal("30"), refunded_amount: decimal("3"), ..totals("1", "1", "1", "1") };
    let after = totals("100", "10", "20", "7").settled_as(&before);
    let expected = Totals {
        adjustment_amount: decimal("5"),
        amount_paid: decimal("30"),
        refunded_amount: decimal("3"),
        total: decimal("77"),
        amount_due: decimal("72"),
        amount_remaining: decimal("42"),
        ..totals("100", "10", "20", "7")
    };
    assert_eq!(after, expected);
}

/// Lines of 30 and 12.
fn lines() -> Vec<InvoiceLineItem> {
    invoice_lines()
}

#[test]
fn sound_invoices_pass_the_invariants() {
    let paid = Totals { amount_paid: decimal("12.5"), ..totals("42", "0", "0", "0") }.summed();
    let overpaid = Totals { amount_paid: decimal("50"), ..totals("42", "0", "0", "0") }.summed();
    for totals in [totals("42", "2", "1", "3").summed(), paid, overpaid] {
        totals.assert_invariants(&lines());
    }
}

#[test]
#[should_panic(expected = "INV-1")]
fn inv_1_a_subtotal_is_the_sum_of_the_lines() {
    totals("42.01", "0", "0", "0").summed().assert_invariants(&lines());
}

#[test]
#[should_panic(expected = "INV-1")]
fn inv_1_lines_are_rounded() {
    let mut lines = lines();
    lines[0].amount = decimal("30.004");
    totals("42.004", "0", "0", "0").summed().assert_invariants(&lines);
}

#[test]
#[should_panic(expected = "INV-2")]
fn inv_2_paid_and_remaining_add_up_to_due() {
    let totals = Totals { amount_paid: decimal("1"), ..totals("42", "0", "0", "0").summed() };
    totals.assert_invariants(&lines());
}

//! What part of a period a change leaves (spec 30 §10).

use super::{BillingCycle, ProrationBehavior, Subscription};
use crate::invalid::Invalid;
use crate::money::Decimal;
use crate::time::{Period, Timestamp, previous_boundary};

/// The part of a period from `at` on: seconds left over seconds in all, both counted to one second before the end, 16 digits.
/// A period of no length is refused.
pub fn coefficient(period: Period, at: Timestamp) -> Result<Decimal, Invalid> {
    let last = period.end.plus_seconds(-1);
    let whole = seconds_between(period.start, last);
    if !whole.is_positive() {
        return Err(Invalid::input("a period of no length cannot be prorated"));
    }
    let left = seconds_between(at, last).max(Decimal::zero());
    Ok(left.div(&whole).unwrap_or_default())
}

/// The part of the full price that the first invoice charges; `None` when it charges the whole. Only calendar billing with
/// `create_prorations` has a stub (spec 30 §10.3).
pub fn first_period_coefficient(subscription: &Subscription, line_start: Timestamp) -> Option<Decimal> {
    if subscription.proration_behavior != ProrationBehavior::CreateProrations || subscription.billing_cycle != BillingCycle::Calendar {
        return None;
    }
    let start =
        previous_boundary(subscription.billing_anchor, subscription.billing_period, subscription.billing_period_count, subscription.zone());
    coefficient(Period::new(start, subscription.billing_anchor), line_start).ok()
}

fn seconds_between(start: Timestamp, end: Timestamp) -> Decimal {
    Decimal::new(i128::from(end.micros()) - i128::from(start.micros()), 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Zone;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn coefficients_of_the_worked_cases() {
        for (start, end, change, expected) in [
            ("2025-04-01T00:00:00Z", "2025-05-01T00:00:00Z", "2025-04-15T08:30:00Z", "0.5215275931819418"),
            ("2025-04-01T00:00:00Z", "2025-05-01T00:00:00Z", "2025-04-01T00:00:00Z", "1"),
            ("2025-06-01T00:00:00Z", "2025-07-01T00:00:00Z", "2025-06-13T12:00:00Z", "0.5833331725822425"),
            ("2025-06-01T00:00:00Z", "2025-07-01T00:00:00Z", "2025-06-21T00:00:00Z", "0.333333076131588"),
            ("2025-06-01T00:00:00Z", "2025-07-01T00:00:00Z", "2025-06-30T23:59:59Z", "0"),
            ("2025-03-31T18:30:00Z", "2025-04-30T18:30:00Z", "2025-04-15T18:30:00Z", "0.499999807098691"),
            ("2025-03-01T05:00:00Z", "2025-04-01T04:00:00Z", "2025-03-16T04:00:00Z", "0.5168235071121232"),
        ] {
            assert_eq!(coefficient(Period::new(at(start), at(end)), at(change)).unwrap().to_string(), expected, "{start} {change}");
        }
        assert!(coefficient(Period::new(at("2025-06-01T00:00:00Z"), at("2025-06-01T00:00:01Z")), at("2025-06-01T00:00:00Z")).is_err());
    }

    #[test]
    fn the_full_calendar_period_is_read_in_the_zone() {
        let zone = Zone::parse("Asia/Kolkata").unwrap();
        let start = previous_boundary(at("2025-04-30T18:30:00Z"), crate::time::BillingPeriod::Monthly, 1, zone);
        assert_eq!(start, at("2025-03-31T18:30:00Z"));
    }
}

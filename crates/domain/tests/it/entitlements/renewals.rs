//! Spec 20 §6.5 and worked case 18, 30 §5.5.

use domain::entitlement::{UsageResetPeriod, next_reset, renewals, usage_window};
use domain::subscription::Subscription;
use domain::time::{BillingPeriod, Period};

use crate::support::contracts::{at, period, short, subscription};

fn contract(every: BillingPeriod, count: u32, first: &str, zone: &str) -> Subscription {
    Subscription { billing_period: every, billing_period_count: count, timezone: zone.to_owned(), ..subscription(period(first)) }
}

fn shown(stretches: &[Period]) -> Vec<String> {
    stretches.iter().map(|stretch| format!("{} {}", short(stretch.start), short(stretch.end))).collect()
}

#[test]
fn limits_begin_anew_with_days_and_months_else_with_the_billing_period() {
    use BillingPeriod::{Annual, Daily, Monthly, Quarterly, Weekly};
    let table: Vec<(&str, Subscription, Option<UsageResetPeriod>, Vec<&str>)> = vec![
        ("without", contract(Monthly, 1, "2026-01-01 2026-02-01", "UTC"), None, vec!["2026-01-01 2026-02-01"]),
        (
            "days",
            contract(Weekly, 1, "2026-01-30T12:00:00Z 2026-02-02T06:00:00Z", "UTC"),
            Some(UsageResetPeriod::Daily),
            vec!["2026-01-30T12:00:00Z 2026-01-31", "2026-01-31 2026-02-01", "2026-02-01 2026-02-02", "2026-02-02 2026-02-02T06:00:00Z"],
        ),
        (
            "days of the contract's zone, one of 23 hours",
            contract(Weekly, 1, "2025-03-08T05:00:00Z 2025-03-11T04:00:00Z", "America/New_York"),
            Some(UsageResetPeriod::Daily),
            vec![
                "2025-03-08T05:00:00Z 2025-03-09T05:00:00Z",
                "2025-03-09T05:00:00Z 2025-03-10T04:00:00Z",
                "2025-03-10T04:00:00Z 2025-03-11T04:00:00Z",
            ],
        ),
        (
            "a day of a daily contract",
            contract(Daily, 1, "2026-01-01T06:00:00Z 2026-01-02T06:00:00Z", "UTC"),
            Some(UsageResetPeriod::Daily),
            vec!["2026-01-01T06:00:00Z 2026-01-02T06:00:00Z"],
        ),
        (
            "months on the anchor's day",
            contract(Quarterly, 1, "2026-01-31 2026-04-30", "UTC"),
            Some(UsageResetPeriod::Monthly),
            vec!["2026-01-31 2026-02-28", "2026-02-28 2026-03-31", "2026-03-31 2026-04-30"],
        ),
        (
            "twelve months of a year that begins by day",
            contract(Annual, 1, "2026-01-15T10:00:00Z 2027-01-15T10:00:00Z", "UTC"),
            Some(UsageResetPeriod::Monthly),
            vec![],
        ),
        (
            "months of a monthly contract",
            contract(Monthly, 1, "2026-01-01 2026-02-01", "UTC"),
            Some(UsageResetPeriod::Monthly),
            vec!["2026-01-01 2026-02-01"],
        ),
        (
            "two months",
            contract(Monthly, 2, "2026-01-01 2026-03-01", "UTC"),
            Some(UsageResetPeriod::Monthly),
            vec!["2026-01-01 2026-02-01", "2026-02-01 2026-03-01"],
        ),
        (
            "longer than the billing period",
            contract(Monthly, 1, "2026-01-01 2026-02-01", "UTC"),
            Some(UsageResetPeriod::Annual),
            vec!["2026-01-01 2026-02-01"],
        ),
        (
            "weeks are not told apart",
            contract(Monthly, 1, "2026-01-01 2026-02-01", "UTC"),
            Some(UsageResetPeriod::Weekly),
            vec!["2026-01-01 2026-02-01"],
        ),
    ];
    for (rule, contract, reset, expected) in table {
        let whole = contract.current_period();
        let stretches = renewals(reset, &contract, whole).unwrap().unwrap();
        // They tile the period.
        assert_eq!((stretches[0].start, stretches[stretches.len() - 1].end), (whole.start, whole.end), "{rule}");
        assert!(stretches.windows(2).all(|pair| pair[0].end == pair[1].start), "{rule}");
        if expected.is_empty() {
            assert_eq!(stretches.len(), 12, "{rule}");
        } else {
            assert_eq!(shown(&stretches), expected, "{rule}");
        }
    }
    let monthly = contract(Monthly, 1, "2026-01-01 2026-02-01", "UTC");
    assert_eq!(renewals(Some(UsageResetPeriod::Never), &monthly, monthly.current_period()), Ok(None));
}

#[test]
fn no_period_has_stretches_without_bound() {
    let contract = contract(BillingPeriod::Annual, 1, "2026-01-01 2027-01-01", "UTC");
    for (reset, fits, too_long) in [
        (UsageResetPeriod::Daily, "2026-01-01 2126-01-01", "2026-01-01 2227-01-01"),
        (UsageResetPeriod::Monthly, "2026-01-01 2046-01-01", "2026-01-01 2046-01-02"),
    ] {
        assert!(renewals(Some(reset), &contract, period(fits)).is_ok(), "{reset}");
        assert!(renewals(Some(reset), &contract, period(too_long)).unwrap_err().message.contains("begins anew more than"), "{reset}");
    }
}

#[test]
fn the_next_reset_is_a_local_midnight_within_the_contract() {
    use UsageResetPeriod::{Annual, Daily, Monthly, Never};
    let york = contract(BillingPeriod::Monthly, 1, "2025-03-01T05:00:00Z 2025-04-01T04:00:00Z", "America/New_York");
    let year = contract(BillingPeriod::Annual, 1, "2025-01-15T10:00:00Z 2026-01-15T10:00:00Z", "UTC");
    let ending = Subscription { end_date: Some(at("2025-03-09T04:00:00Z")), ..york.clone() };
    let table = [
        (Some(Daily), &york, "2025-03-09T03:00:00Z", Some("2025-03-09T05:00:00Z")),
        (Some(Daily), &york, "2025-03-09T05:00:00Z", Some("2025-03-10T04:00:00Z")),
        (Some(Daily), &ending, "2025-03-09T03:00:00Z", Some("2025-03-09T04:00:00Z")),
        (Some(Monthly), &york, "2025-03-09", Some("2025-04-01T04:00:00Z")),
        (Some(Monthly), &year, "2025-03-20", Some("2025-04-15")),
        (Some(Monthly), &year, "2025-04-15T09:00:00Z", Some("2025-04-15")),
        (Some(Monthly), &year, "2025-04-15T10:00:00Z", Some("2025-05-15")),
        (Some(Annual), &york, "2025-03-09", None),
        (Some(Never), &york, "2025-03-09", None),
        (None, &york, "2025-03-09", None),
    ];
    for (reset, contract, now, expected) in table {
        assert_eq!(next_reset(reset, contract, at(now)).unwrap(), expected.map(at), "{reset:?} at {now}");
    }
}

#[test]
fn usage_is_summed_up_over_the_stretch_that_holds_now() {
    let year = contract(BillingPeriod::Annual, 1, "2025-01-15T10:00:00Z 2026-01-15T10:00:00Z", "UTC");
    let running = Subscription { current_period_start: at("2026-01-15T10:00:00Z"), current_period_end: at("2027-01-15T10:00:00Z"), ..year };
    let table = [
        (None, "2026-03-20", "2026-01-15T10:00:00Z 2027-01-15T10:00:00Z"),
        (Some(UsageResetPeriod::Daily), "2026-03-20T12:00:00Z", "2026-03-20 2026-03-21"),
        (Some(UsageResetPeriod::Monthly), "2026-03-20", "2026-03-15T10:00:00Z 2026-04-15T10:00:00Z"),
        (Some(UsageResetPeriod::Never), "2026-03-20", "2025-01-15T10:00:00Z 2027-01-15T10:00:00Z"),
        // Before and after the running period, whose turn comes a little late.
        (Some(UsageResetPeriod::Monthly), "2026-01-01", "2026-01-15T10:00:00Z 2026-02-15T10:00:00Z"),
        (Some(UsageResetPeriod::Monthly), "2027-02-01", "2026-12-15T10:00:00Z 2027-01-15T10:00:00Z"),
    ];
    for (reset, now, expected) in table {
        assert_eq!(usage_window(reset, &running, at(now)).unwrap(), period(expected), "{reset:?} at {now}");
    }
}

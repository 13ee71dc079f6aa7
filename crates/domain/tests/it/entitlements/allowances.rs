//! What comes off the counted quantity before it is priced: spec 20 §6.5 and worked cases 4 and 16, spec 40 §4.1 and worked cases 7 and 8.

use std::collections::BTreeMap;

use domain::entitlement::UsageResetPeriod::{self, Daily, Monthly, Never};
use domain::invoice::{Allowance, BillingReason, Error, Inputs, Purpose, compute};
use domain::money::Decimal;
use domain::rating::{BillingModel, InvoiceCadence, Price, PriceType, Quantities};
use domain::subscription::{Subscription, SubscriptionLineItem};
use domain::time::{BillingPeriod, Period, Timestamp};
use proptest::prelude::*;

use crate::support::contracts::{at, counted, line, period, subscription};
use crate::support::prices::price;
use crate::support::{cases, decimal};

/// Usage over time: so many units at an instant.
type Used = [(Timestamp, i64)];

fn contract(every: BillingPeriod, first: Period) -> Subscription {
    Subscription { billing_period: every, ..subscription(first) }
}

/// Units of days, the limit, when it begins anew; charged and free units.
type Row<'a> = (&'a [i64], i64, Option<UsageResetPeriod>, &'a str, &'a str);

/// The inputs of the invoice of a period, with lines of 1.00 a unit over the given stretches of one meter; what is asked for is read from
/// `used`.
fn inputs(
    subscription: Subscription,
    invoiced: Period,
    stretches: &[Period],
    limit: Option<i64>,
    reset: Option<UsageResetPeriod>,
) -> Inputs {
    let lines = stretches.iter().enumerate().map(|(place, stretch)| SubscriptionLineItem {
        price_type: PriceType::Usage,
        meter_id: Some("meter_1".into()),
        invoice_cadence: InvoiceCadence::Arrear,
        quantity: Decimal::zero(),
        start_date: stretch.start,
        end_date: Some(stretch.end),
        ..line(&subscription, &place.to_string())
    });
    let lines: Vec<_> = lines.collect();
    let rate = |line: &SubscriptionLineItem| Price {
        id: line.price_id.clone(),
        kind: PriceType::Usage,
        amount: decimal("1"),
        ..price(BillingModel::FlatFee)
    };
    let allowance = Allowance { meter_id: "meter_1".into(), limit: limit.map(Decimal::from), reset, entitlement_ids: vec!["ent_1".into()] };
    Inputs {
        prices: lines.iter().map(|line| (line.price_id.clone(), rate(line))).collect(),
        lines,
        allowances: vec![allowance],
        ..Inputs::new(subscription, invoiced, Purpose::Issue(BillingReason::SubscriptionCycle))
    }
}

fn read(mut inputs: Inputs, used: &Used) -> Inputs {
    let sum =
        |period: Period| -> Decimal { used.iter().filter(|(at, _)| period.contains(*at)).map(|(_, units)| Decimal::from(*units)).sum() };
    let asked = inputs.usage_to_read().unwrap();
    inputs.usages = asked.iter().map(|read| (read.line_id.clone(), counted(Quantities::Total(sum(read.period)), 1))).collect();
    let stretches = |read: &domain::invoice::UsageToRead| read.stretches.iter().copied().map(sum).collect::<Vec<_>>();
    inputs.stretches = asked.iter().map(|read| (read.line_id.clone(), stretches(read))).filter(|(_, read)| !read.is_empty()).collect();
    inputs
}

/// Charged and free units, line by line.
fn units(inputs: &Inputs) -> Vec<(String, String)> {
    let computed = compute(inputs).unwrap();
    let free = |line: &domain::invoice::ComputedLine<'_>| line.explanation.free.clone().unwrap().quantity.to_string();
    computed.lines.iter().map(|line| (line.quantity.to_string(), free(line))).collect()
}

fn on_days(units: &[i64]) -> Vec<(Timestamp, i64)> {
    units.iter().zip(0..).map(|(units, day)| (at("2026-01-01T12:00:00Z").plus_seconds(day * 86_400), *units)).collect()
}

#[test]
fn a_limit_that_begins_anew_takes_off_each_stretch_what_it_uses() {
    let january = period("2026-01-01 2026-02-01");
    let table: [Row<'_>; 8] = [
        // Spec 20 §16 no. 16.
        (&[120, 80, 100, 260], 100, Some(Daily), "180", "380"),
        (&[120, 80, 100, 260], 100, None, "460", "100"),
        // Spec 40 §20 no. 7.
        (&[80, 150, 100, 260], 100, Some(Daily), "210", "380"),
        (&[80, 150, 100, 260], 400, Some(Monthly), "190", "400"),
        // Spec 20 §16 no. 4: what was taken back costs nothing and frees nothing.
        (&[-40], 10, None, "0", "0"),
        (&[-40, 50], 10, Some(Daily), "40", "0"),
        (&[5], 0, None, "5", "0"),
        (&[5], 100, Some(UsageResetPeriod::Weekly), "0", "5"),
    ];
    for (days, limit, reset, charged, free) in table {
        let inputs = inputs(contract(BillingPeriod::Monthly, january), january, &[january], Some(limit), reset);
        assert_eq!(units(&read(inputs, &on_days(days))), [(charged.to_owned(), free.to_owned())], "{days:?}, {limit} {reset:?}");
    }
}

#[test]
fn without_a_limit_all_is_free_and_without_an_allowance_nothing_is_said() {
    let january = period("2026-01-01 2026-02-01");
    let unlimited = read(inputs(contract(BillingPeriod::Monthly, january), january, &[january], None, None), &on_days(&[7]));
    assert_eq!(units(&unlimited), [("0".to_owned(), "7".to_owned())]);
    assert_eq!(compute(&unlimited).unwrap().totals.subtotal, decimal("0"));
    let plain = Inputs { allowances: Vec::new(), ..unlimited };
    let computed = compute(&plain).unwrap();
    assert_eq!((computed.lines[0].explanation.free.clone(), computed.totals.subtotal), (None, decimal("7")));
}

/// Spec 40 §20 no. 8: 700 in the first month, 600 in the second, of 1000 that are there once.
#[test]
fn a_limit_that_is_there_once_is_used_up_over_periods() {
    let (first, second) = (period("2026-01-01 2026-02-01"), period("2026-02-01 2026-03-01"));
    let used = [(at("2026-01-10"), 700), (at("2026-02-10"), 600)];
    for (invoiced, charged, free) in [(first, "0", "700"), (second, "300", "300")] {
        let contract = Subscription { start_date: first.start, ..contract(BillingPeriod::Monthly, invoiced) };
        let inputs = inputs(contract, invoiced, &[invoiced], Some(1000), Some(Never));
        assert_eq!(units(&read(inputs, &used)), [(charged.to_owned(), free.to_owned())]);
    }
}

/// A price that was replaced in the period has two lines on one meter.
#[test]
fn lines_of_one_meter_use_one_allowance_up_in_their_order() {
    let january = period("2026-01-01 2026-02-01");
    let parts = [period("2026-01-01 2026-01-02T06:00:00Z"), period("2026-01-02T06:00:00Z 2026-02-01")];
    let used = [(at("2026-01-01T03:00:00Z"), 60), (at("2026-01-02T03:00:00Z"), 70), (at("2026-01-02T09:00:00Z"), 50)];
    for (reset, expected) in [
        (None, [("30", "100"), ("50", "0")]),
        // The second day is shared: 70 before the change, 30 left for after it.
        (Some(Daily), [("0", "130"), ("20", "30")]),
        (Some(Never), [("30", "100"), ("50", "0")]),
    ] {
        let inputs = inputs(contract(BillingPeriod::Monthly, january), january, &parts, Some(100), reset);
        let expected = expected.map(|(charged, free)| (charged.to_owned(), free.to_owned()));
        assert_eq!(units(&read(inputs, &used)), expected, "{reset:?}");
    }
}

/// Spec 20 §15 no. 16: in the order of time, the rest priced bucket by bucket.
#[test]
fn buckets_use_an_allowance_up_in_the_order_of_time() {
    let january = period("2026-01-01 2026-02-01");
    let mut inputs = inputs(contract(BillingPeriod::Monthly, january), january, &[january], Some(10), Some(Daily));
    let buckets = ["4", "0", "8", "5"].map(decimal).to_vec();
    inputs.usages = [(inputs.lines[0].id.clone(), counted(Quantities::Apart(buckets), 4))].into_iter().collect();
    // Packages of 5 units at 1.00, begun anew with each bucket: 2 of 8 are left, then 5 of 5.
    for price in inputs.prices.values_mut() {
        price.billing_model = BillingModel::Package;
        price.transform_quantity.divide_by = 5;
    }
    assert_eq!(units(&inputs), [("7".to_owned(), "10".to_owned())]);
    assert_eq!(compute(&inputs).unwrap().totals.subtotal, decimal("2"));
}

#[test]
fn usage_that_was_not_read_refuses_the_invoice() {
    let january = period("2026-01-01 2026-02-01");
    let known = read(inputs(contract(BillingPeriod::Monthly, january), january, &[january], Some(1), Some(Daily)), &on_days(&[5]));
    let missing = Inputs { stretches: BTreeMap::new(), ..known };
    assert!(matches!(compute(&missing), Err(Error::UsageMissing { .. })));
}

fn any_reset() -> impl Strategy<Value = Option<UsageResetPeriod>> {
    prop_oneof![Just(None), Just(Some(Daily)), Just(Some(Monthly)), Just(Some(Never))]
}

/// The stretches of a quarter from 15 January, cut at random hours.
fn any_cuts() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::btree_set(1..90_i64 * 24, 0..4).prop_map(|cuts| cuts.into_iter().collect())
}

proptest! {
    #![proptest_config(cases(400))]

    /// However a quarter is cut into lines, and whenever the limit begins anew: what is charged is, unit by unit in the order of time, what no
    /// longer fits into the limit of its stretch.
    #[test]
    fn what_is_charged_is_what_goes_beyond_unit_by_unit(
        cuts in any_cuts(),
        reset in any_reset(),
        limit in 0..30_i64,
        earlier in 0..20_i64,
        hours in proptest::collection::vec((0..90_i64 * 24, 1..8_i64), 0..40),
    ) {
        let quarter = period("2026-01-15 2026-04-15");
        let before = quarter.start.plus_seconds(-86_400);
        let hour = |hour: i64| quarter.start.plus_seconds(hour * 3_600);
        let mut bounds = vec![quarter.start];
        bounds.extend(cuts.iter().copied().map(hour));
        bounds.push(quarter.end);
        let lines: Vec<Period> = bounds.windows(2).map(|pair| Period::new(pair[0], pair[1])).collect();
        let mut used: Vec<(Timestamp, i64)> = hours.iter().map(|(at, units)| (hour(*at), *units)).collect();
        used.push((before, earlier));
        used.sort_unstable();
        let contract = Subscription {
            start_date: before,
            billing_anchor: quarter.start,
            ..contract(BillingPeriod::Quarterly, quarter)
        };
        let invoice = read(inputs(contract, quarter, &lines, Some(limit), reset), &used);
        // The stretch of a unit, counted by hand: no code of the product.
        let months = [at("2026-01-15"), at("2026-02-15"), at("2026-03-15"), at("2026-04-15")];
        let stretch = |at: Timestamp| match reset {
            Some(Daily) => at.micros().div_euclid(86_400_000_000),
            Some(Monthly) => months.iter().filter(|month| **month <= at).count() as i64,
            Some(Never) => 0,
            _ => i64::from(at >= quarter.start),
        };
        let mut left: BTreeMap<i64, i64> = BTreeMap::new();
        let mut charged = vec![0_i64; lines.len()];
        for (at, units) in &used {
            for _ in 0..*units {
                let left = left.entry(stretch(*at)).or_insert(limit);
                if *left > 0 {
                    *left -= 1;
                } else if let Some(line) = lines.iter().position(|line| line.contains(*at)) {
                    charged[line] += 1;
                }
            }
        }
        let computed = compute(&invoice).unwrap();
        let found: Vec<String> = computed.lines.iter().map(|line| line.quantity.to_string()).collect();
        prop_assert_eq!(found, charged.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
}

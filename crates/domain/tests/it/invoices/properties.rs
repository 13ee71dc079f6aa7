//! What holds for every invoice: services tile a line's life, parts add up, order changes nothing.

use std::collections::BTreeMap;

use domain::invoice::{BilledLine, BillingReason, Inputs, Purpose, compute};
use domain::money::Decimal;
use domain::rating::{BillingModel, InvoiceCadence, Price, PriceType, Quantities};
use domain::subscription::{BillingCycle, ProrationBehavior, Subscription, SubscriptionLineItem};
use domain::time::{Period, Timestamp};
use proptest::prelude::*;

use crate::support::contracts::{at, counted, line, period, subscription};
use crate::support::prices::price;
use crate::support::{cases, decimal};

const HOUR_SECONDS: i64 = 3_600;

fn first_instant() -> Timestamp {
    at("2026-01-01")
}

/// A contract that begins on one of 60 days, and the end of its first period.
fn any_subscription() -> impl Strategy<Value = Subscription> {
    (0..60_i64).prop_map(|day| {
        let start = first_instant().plus_seconds(day * 24 * HOUR_SECONDS);
        let contract = subscription(Period::new(start, start));
        let first = contract.period_after(start).unwrap();
        Subscription { current_period_end: first.end, ..contract }
    })
}

/// A line of the kind, from some hour after the contract's start until some hour later, or open.
fn any_line() -> impl Strategy<Value = (PriceType, InvoiceCadence, i64, Option<i64>)> {
    let kind = prop_oneof![
        Just((PriceType::Fixed, InvoiceCadence::Advance)),
        Just((PriceType::Fixed, InvoiceCadence::Arrear)),
        Just((PriceType::Usage, InvoiceCadence::Arrear)),
    ];
    let start = prop_oneof![Just(0), 0..3_000_i64];
    (kind, start, proptest::option::of(1..4_000_i64)).prop_map(|((kind, cadence), start, length)| (kind, cadence, start, length))
}

fn inputs(
    subscription: &Subscription,
    lines: &[SubscriptionLineItem],
    invoiced: Period,
    reason: BillingReason,
    billed: &[BilledLine],
) -> Inputs {
    let rate = |line: &SubscriptionLineItem| Price {
        id: line.price_id.clone(),
        kind: line.price_type,
        amount: decimal("17.77"),
        ..price(BillingModel::FlatFee)
    };
    Inputs {
        lines: lines.to_vec(),
        prices: lines.iter().map(|line| (line.price_id.clone(), rate(line))).collect(),
        usages: lines.iter().map(|line| (line.id.clone(), counted(Quantities::Total(decimal("3.3")), 3))).collect(),
        billed: billed.to_vec(),
        ..Inputs::new(subscription.clone(), invoiced, Purpose::Issue(reason))
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// The opening invoice and seven cycles charge each line for its whole life within them: no stretch twice, none left out.
    #[test]
    fn services_tile_the_life_of_a_line(subscription in any_subscription(), rows in proptest::collection::vec(any_line(), 1..5)) {
        let lines: Vec<SubscriptionLineItem> = rows.iter().enumerate().map(|(index, (kind, cadence, start, length))| {
            let start_date = subscription.start_date.plus_seconds(start * HOUR_SECONDS);
            SubscriptionLineItem {
                price_type: *kind,
                invoice_cadence: *cadence,
                meter_id: Some("meter".into()),
                start_date,
                end_date: length.map(|hours| start_date.plus_seconds(hours * HOUR_SECONDS)),
                ..line(&subscription, &index.to_string())
            }
        }).collect();
        let mut billed = Vec::new();
        let mut services: BTreeMap<String, Vec<Period>> = BTreeMap::new();
        let mut current = subscription.current_period();
        let mut invoices = vec![(current, BillingReason::SubscriptionCreate)];
        for _ in 0..7 {
            invoices.push((current, BillingReason::SubscriptionCycle));
            current = subscription.period_after(current.end).unwrap();
        }
        for (invoiced, reason) in invoices {
            let inputs = inputs(&subscription, &lines, invoiced, reason, &billed);
            let computed = compute(&inputs).unwrap();
            for line in &computed.lines {
                services.entry(line.line.id.to_string()).or_default().push(line.service);
                billed.push(BilledLine { price_id: line.price.id.clone(), period: line.service, invoice_period: invoiced });
            }
        }
        for line in &lines {
            // The last cycle's own period is `current`'s predecessor: arrears reach to its end, advance charges one period further.
            let until = match line.invoice_cadence {
                InvoiceCadence::Arrear => current.start,
                InvoiceCadence::Advance => current.end,
            };
            let expected = line.clip(Period::new(subscription.start_date, until));
            let charged = services.get(line.id.as_str()).cloned().unwrap_or_default();
            let mut reached = expected.start;
            for service in charged {
                prop_assert_eq!(service.start, reached, "a gap or an overlap of {}", line.id);
                reached = service.end;
            }
            prop_assert!(reached == expected.end || expected.is_empty(), "{} is charged until {} of {:?}", line.id, reached, expected);
        }
    }

    /// Wherever a fixed line is cut, and into however many parts, the rounded amounts add up to those of the whole, prorated or not. So they do
    /// where the period itself is cut: at its start by calendar billing, at its end by the contract's.
    #[test]
    fn parts_of_a_period_add_up_to_it(
        mut cuts in proptest::collection::vec(1..2_678_400_i64, 1..6),
        cents in 1..1_000_000_i64,
        prorated in any::<bool>(),
        seconds in (0..2_000_000_i64, 0..600_000_i64),
    ) {
        let month = period("2026-03-01 2026-04-01");
        let (before, after) = if prorated { seconds } else { (0, 0) };
        let billed = Period::new(month.start.plus_seconds(before), month.end.plus_seconds(-after));
        let contract = Subscription {
            proration_behavior: if prorated { ProrationBehavior::CreateProrations } else { ProrationBehavior::None },
            billing_cycle: BillingCycle::Calendar,
            billing_anchor: month.end,
            end_date: Some(billed.end),
            ..subscription(billed)
        };
        cuts.sort_unstable();
        let bounds: Vec<Timestamp> = cuts.iter().map(|cut| month.start.plus_seconds(*cut).max(billed.start).min(billed.end)).collect();
        let bounds: Vec<Timestamp> = [billed.start].into_iter().chain(bounds).chain([billed.end]).collect();
        let arrear = SubscriptionLineItem { invoice_cadence: InvoiceCadence::Arrear, ..line(&contract, "a") };
        let part = |(index, bounds): (usize, &[Timestamp])| SubscriptionLineItem {
            id: format!("line {index}").into(),
            start_date: bounds[0],
            end_date: Some(bounds[1]),
            ..arrear.clone()
        };
        let parts: Vec<_> = bounds.windows(2).enumerate().map(part).collect();
        let cost = |lines: &[SubscriptionLineItem], invoiced: Period| {
            let mut inputs = inputs(&contract, lines, invoiced, BillingReason::SubscriptionCycle, &[]);
            for price in inputs.prices.values_mut() {
                price.amount = Decimal::new(i128::from(cents), 2);
            }
            compute(&inputs).unwrap().totals.subtotal
        };
        let whole = cost(&[SubscriptionLineItem { start_date: billed.start, ..arrear.clone() }], billed);
        prop_assert_eq!(cost(&parts, billed), whole.clone());
        if before == 0 && after == 0 {
            prop_assert_eq!(whole, Decimal::new(i128::from(cents), 2));
        }
    }

    /// The order of lines changes no amount and no total, and the same inputs give the same invoice.
    #[test]
    fn the_order_of_lines_changes_nothing(counts in proptest::collection::vec(0..100_000_i64, 1..6)) {
        let whole = period("2026-03-01 2026-04-01");
        let contract = subscription(whole);
        let lines: Vec<SubscriptionLineItem> = counts.iter().enumerate().map(|(index, count)| SubscriptionLineItem {
            invoice_cadence: InvoiceCadence::Arrear,
            quantity: Decimal::new(i128::from(*count), 3),
            ..line(&contract, &index.to_string())
        }).collect();
        let forward = inputs(&contract, &lines, whole, BillingReason::SubscriptionCycle, &[]);
        let mut backward = forward.clone();
        backward.lines.reverse();
        let computed = compute(&forward).unwrap();
        prop_assert_eq!(&computed, &compute(&forward).unwrap());
        let mut turned = compute(&backward).unwrap();
        turned.lines.reverse();
        prop_assert_eq!(computed, turned);
    }
}

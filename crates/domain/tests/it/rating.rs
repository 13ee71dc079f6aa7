//! What a quantity costs (spec 20 §6): the finance people's table, and rationals as the oracle.

use std::collections::BTreeMap;

use domain::money::{Currency, Decimal};
use domain::rating::{BillingModel, Price, Quantities, RoundType, Tier, TierMode, TransformQuantity, rate, rate_all};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use proptest::prelude::*;

use crate::support::prices::{PriceRow, price};
use crate::support::rational::{exact, ratio, sum, whole};
use crate::support::{cases, table};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    prices: BTreeMap<String, PriceRow>,
    case: Vec<Case>,
    invalid: Vec<Refused>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rule: String,
    price: String,
    quantity: Option<Decimal>,
    #[serde(default)]
    rows: Vec<Decimal>,
    amount: String,
    steps: Option<usize>,
    currency: Option<Currency>,
    rounded: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    rule: String,
    price: PriceRow,
    message: String,
}

#[test]
fn quantities_cost_what_the_table_says() {
    let table: Table = table(include_str!("../golden/rating.toml"));
    for case in table.case {
        let price = table.prices.get(&case.price).unwrap_or_else(|| panic!("{}: no price `{}`", case.rule, case.price)).build();
        assert!(case.quantity.is_some() == case.rows.is_empty(), "{}: a quantity or rows", case.rule);
        let rated: Vec<_> = case.quantity.iter().chain(&case.rows).map(|quantity| rate(&price, quantity)).collect();
        let amount: Decimal = rated.iter().map(|rated| &rated.amount).sum();
        assert_eq!(amount.to_string(), case.amount, "{}: {} at {:?}{:?}", case.rule, case.price, case.quantity, case.rows);
        if !case.rows.is_empty() {
            let apart = rate_all(&price, &Quantities::Apart(case.rows.clone())).amount;
            assert_eq!(apart, amount, "{}: {} at {:?}, as one line", case.rule, case.price, case.rows);
        }
        if let Some(steps) = case.steps {
            assert_eq!(rated.iter().map(|rated| rated.steps.len()).sum::<usize>(), steps, "{}: steps", case.rule);
        }
        assert_eq!(case.currency.map(|currency| currency.round(&amount).to_string()), case.rounded, "{}: rounded", case.rule);
    }
}

#[test]
fn prices_that_cannot_be_billed_are_refused() {
    let table: Table = table(include_str!("../golden/rating.toml"));
    for row in table.invalid {
        let refusal = row.price.build().validate().expect_err(&row.rule);
        assert!(refusal.message.contains(&row.message), "{}: {}", row.rule, refusal.message);
    }
}

#[test]
fn prices_of_the_table_that_close_properly_are_accepted() {
    let table: Table = table(include_str!("../golden/rating.toml"));
    for name in ["table T, volume", "table T, slab", "7.5 per 500, up", "1 per 3, down", "0.05 a unit", "free", "fifteen places"] {
        assert_eq!(table.prices[name].build().validate(), Ok(()), "{name}");
    }
}

/// Amounts of up to 10 digits before and 15 after the point, plain ones among them.
fn amount() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        Just(Decimal::zero()),
        (0..10_000_i128).prop_map(|cents| Decimal::new(cents, 2)),
        (0..10_000_000_000_000_000_000_000_000_i128).prop_map(|units| Decimal::new(units, 15)),
    ]
}

/// One to six tiers with rising bounds, the last one open.
fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    let tier = (1..2000_u64, amount(), prop::option::of(amount()));
    prop::collection::vec(tier, 1..=6).prop_map(|tiers| {
        let last = tiers.len() - 1;
        let mut bound = 0;
        let tier = |(index, (width, unit_amount, flat_amount))| {
            bound += width;
            Tier { up_to: (index != last).then_some(bound), unit_amount, flat_amount }
        };
        tiers.into_iter().enumerate().map(tier).collect()
    })
}

fn tiered(mode: TierMode, tiers: Vec<Tier>) -> Price {
    Price { tier_mode: Some(mode), tiers, ..price(BillingModel::Tiered) }
}

fn package(amount: Decimal, divide_by: i64, round: RoundType) -> Price {
    Price { amount, transform_quantity: TransformQuantity { divide_by, round }, ..price(BillingModel::Package) }
}

fn any_price() -> impl Strategy<Value = Price> {
    prop_oneof![
        amount().prop_map(|amount| Price { amount, ..price(BillingModel::FlatFee) }),
        (amount(), prop_oneof![1..2000_i64, 1..i64::MAX], proptest::sample::select(RoundType::ALL))
            .prop_map(|(amount, size, round)| package(amount, size, round)),
        (tiers(), proptest::sample::select(TierMode::ALL)).prop_map(|(tiers, mode)| tiered(mode, tiers)),
    ]
}

/// A quantity in units of 10^-15: on a whole number, a breath beside it, or anywhere, of either sign.
fn units() -> impl Strategy<Value = i128> {
    let one = 1_000_000_000_000_000_i128;
    prop_oneof![
        4 => (-100..12_000_i128, -1..=1_i128).prop_map(move |(units, near)| units * one + near),
        2 => 0..12_000 * one,
        1 => -one * one..=one * one,
    ]
}

/// A random price, and a quantity that often lies at one of its bounds.
fn price_and_units() -> impl Strategy<Value = (Price, i128)> {
    (any_price(), units(), any::<prop::sample::Index>(), 0..3_u8, -1..=1_i128).prop_map(|(price, units, tier, choice, near)| {
        let one = 1_000_000_000_000_000_i128;
        let bounds: Vec<u64> = price.tiers.iter().filter_map(|tier| tier.up_to).collect();
        let units = if choice == 0 && !bounds.is_empty() { i128::from(*tier.get(&bounds)) * one + near } else { units };
        (price, units)
    })
}

/// The cost straight from spec 20 §6.1, in rationals. SLAB is written as what each tier covers of `[0, q]`, not as a walk.
fn cost(price: &Price, quantity: &BigRational) -> BigRational {
    if quantity.is_zero() {
        return BigRational::zero();
    }
    let amount = exact(&price.amount);
    let bound = |tier: &Tier| tier.up_to.map(whole);
    let lower = |index: usize| if index == 0 { BigRational::zero() } else { bound(&price.tiers[index - 1]).unwrap() };
    let flat = |tier: &Tier| tier.flat_amount.as_ref().map_or_else(BigRational::zero, exact);
    match (price.billing_model, price.tier_mode) {
        (BillingModel::FlatFee, _) => quantity * amount,
        (BillingModel::Package, _) => {
            let packages = quantity / whole(price.transform_quantity.divide_by);
            amount * if price.transform_quantity.round == RoundType::Down { packages.floor() } else { packages.ceil() }
        }
        (BillingModel::Tiered, Some(TierMode::Volume)) => {
            let tier = price.tiers.iter().find(|tier| bound(tier).is_none_or(|bound| *quantity <= bound)).unwrap();
            quantity * exact(&tier.unit_amount) + flat(tier)
        }
        (BillingModel::Tiered, Some(TierMode::Slab)) if quantity.is_negative() => {
            quantity * exact(&price.tiers[0].unit_amount) + flat(&price.tiers[0])
        }
        (BillingModel::Tiered, Some(TierMode::Slab)) => sum(price.tiers.iter().enumerate().map(|(index, tier)| {
            let covered = bound(tier).map_or_else(|| quantity.clone(), |bound| quantity.clone().min(bound)) - lower(index);
            if covered.is_positive() { covered * exact(&tier.unit_amount) + flat(tier) } else { BigRational::zero() }
        })),
        (BillingModel::Tiered, None) => BigRational::zero(),
    }
}

fn decimal_of(units: i128) -> Decimal {
    Decimal::new(units, 15)
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn every_model_costs_exactly_what_rationals_say((price, units) in price_and_units()) {
        prop_assert_eq!(price.validate(), Ok(()));
        prop_assert_eq!(exact(&rate(&price, &decimal_of(units)).amount), cost(&price, &ratio(units, 15)));
    }

    #[test]
    fn steps_add_up_to_the_amount_and_each_proves_itself((price, units) in price_and_units()) {
        let rated = rate(&price, &decimal_of(units));
        let mut total = BigRational::zero();
        for step in &rated.steps {
            prop_assert_eq!(exact(&step.quantity) * exact(&step.unit_amount) + exact(&step.flat_amount), exact(&step.amount));
            total += exact(&step.amount);
        }
        prop_assert_eq!(total, exact(&rated.amount));
        if price.billing_model != BillingModel::Package {
            prop_assert_eq!(sum(rated.steps.iter().map(|step| exact(&step.quantity))), ratio(units, 15), "every unit is in one step");
        }
    }

    #[test]
    fn buckets_are_priced_each_on_its_own_and_explained_by_a_bounded_number_of_steps(
        (price, first) in price_and_units(),
        rest in prop::collection::vec(units(), 0..40),
    ) {
        let units: Vec<i128> = std::iter::once(first).chain(rest).collect();
        let rated = rate_all(&price, &Quantities::Apart(units.iter().map(|units| decimal_of(*units)).collect()));
        prop_assert_eq!(exact(&rated.amount), sum(units.iter().map(|units| cost(&price, &ratio(*units, 15)))));
        prop_assert!(rated.steps.len() <= price.tiers.len().max(1));
        let mut total = BigRational::zero();
        for step in &rated.steps {
            prop_assert_eq!(exact(&step.quantity) * exact(&step.unit_amount) + exact(&step.flat_amount), exact(&step.amount));
            total += exact(&step.amount);
        }
        prop_assert_eq!(total, exact(&rated.amount));
        let taken: usize = units.iter().map(|units| rate(&price, &decimal_of(*units)).steps.len()).sum();
        prop_assert_eq!(rated.steps.iter().map(|step| step.times).sum::<u64>(), taken as u64);
    }

    #[test]
    fn more_never_costs_less_but_for_volume((price, a) in price_and_units(), b in units()) {
        // A flat amount jumps in at the first unit above zero and counts for negative quantities as well, so only usage is compared.
        let (less, more) = (a.min(b).max(0), a.max(b).max(0));
        if price.tier_mode != Some(TierMode::Volume) {
            prop_assert!(rate(&price, &decimal_of(less)).amount <= rate(&price, &decimal_of(more)).amount);
        }
    }

    #[test]
    fn volume_never_costs_less_within_one_tier(tiers in tiers(), which in any::<prop::sample::Index>(), a in 1..=2000_u64, b in 1..=2000_u64) {
        let index = which.index(tiers.len());
        let lower = if index == 0 { 0 } else { tiers[index - 1].up_to.unwrap() };
        let inside = |distance: u64| tiers[index].up_to.map_or(lower + distance, |bound| bound.min(lower + distance));
        let (less, more) = (inside(a.min(b)), inside(a.max(b)));
        let price = tiered(TierMode::Volume, tiers.clone());
        let (less_cost, more_cost) = (rate(&price, &Decimal::from(less)).amount, rate(&price, &Decimal::from(more)).amount);
        prop_assert!(less_cost <= more_cost);
        // And the difference is that of the units alone: the flat amount is paid once.
        prop_assert_eq!(more_cost - less_cost, &Decimal::from(more - less) * &tiers[index].unit_amount);
    }

    #[test]
    fn one_open_tier_without_flat_amount_is_a_flat_fee(amount in amount(), units in units()) {
        let tiers = vec![Tier { up_to: None, unit_amount: amount.clone(), flat_amount: None }];
        let expected = rate(&Price { amount, ..price(BillingModel::FlatFee) }, &decimal_of(units)).amount;
        for mode in TierMode::ALL {
            prop_assert_eq!(&rate(&tiered(*mode, tiers.clone()), &decimal_of(units)).amount, &expected);
        }
    }

    #[test]
    fn the_order_in_which_tiers_are_stored_does_not_matter(
        (tiers, shuffled) in tiers().prop_flat_map(|tiers| (Just(tiers.clone()), Just(tiers).prop_shuffle())),
        mode in proptest::sample::select(TierMode::ALL),
        units in units(),
    ) {
        prop_assert_eq!(rate(&tiered(mode, tiers), &decimal_of(units)), rate(&tiered(mode, shuffled), &decimal_of(units)));
    }

    #[test]
    fn packages_are_counted_as_integers_are(units in units(), size in prop_oneof![1..2000_i64, 1..=170_000_000_000_000_000_i64]) {
        let size_units = i128::from(size) * 1_000_000_000_000_000;
        let down = units.div_euclid(size_units);
        let up = if units.rem_euclid(size_units) == 0 { down } else { down + 1 };
        for (round, expected) in [(RoundType::Up, up), (RoundType::Down, down)] {
            let rated = rate(&package(Decimal::from(1_i64), size, round), &decimal_of(units));
            prop_assert_eq!(&rated.amount, &Decimal::new(expected, 0), "{}", round);
            if units != 0 {
                prop_assert_eq!(&rated.steps[0].quantity, &Decimal::new(expected, 0));
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn slab_is_the_sum_over_every_single_unit(tiers in tiers(), quantity in 1..3000_u64) {
        // In whole 10^-15, so that adding thousands of units takes no fractions.
        let places = whole(1_000_000_000_000_000_i64);
        let in_places = |amount: &Decimal| (exact(amount) * &places).to_integer();
        let rates: Vec<BigInt> = tiers.iter().map(|tier| in_places(&tier.unit_amount)).collect();
        let flats: Vec<BigInt> = tiers.iter().map(|tier| in_places(&tier.flat_amount())).collect();
        let (mut total, mut tier) = (flats[0].clone(), 0);
        for unit in 1..=quantity {
            if tiers[tier].up_to.is_some_and(|bound| unit > bound) {
                tier += 1;
                total += &flats[tier];
            }
            total += &rates[tier];
        }
        prop_assert_eq!(exact(&rate(&tiered(TierMode::Slab, tiers), &Decimal::from(quantity)).amount), whole(total) / places);
    }
}

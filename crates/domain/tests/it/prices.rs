//! Which prices can be billed, and when they are in force (spec 20 §§5.1, 5.2).

use domain::invalid::Invalid;
use domain::money::Decimal;
use domain::rating::{BillingModel, InvoiceCadence, Price, PriceType, RoundType, Tier, TierMode, TransformQuantity};
use domain::time::BillingPeriod;

use crate::support::contracts::at;
use crate::support::prices::price;

fn fee() -> Price {
    price(BillingModel::FlatFee)
}

fn usage() -> Price {
    Price { kind: PriceType::Usage, meter_id: Some("meter_1".into()), invoice_cadence: InvoiceCadence::Arrear, ..fee() }
}

fn package(divide_by: i64) -> Price {
    Price { transform_quantity: TransformQuantity { divide_by, round: RoundType::Up }, ..price(BillingModel::Package) }
}

fn tiered(tiers: Vec<Tier>) -> Price {
    Price { tier_mode: Some(TierMode::Slab), tiers, ..price(BillingModel::Tiered) }
}

fn tier(up_to: Option<u64>) -> Tier {
    Tier { up_to, unit_amount: Decimal::from(1_i64), flat_amount: None }
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// The fields that a refusal names, in order.
fn fields(outcome: Result<(), Invalid>) -> Vec<String> {
    let Err(refusal) = outcome else { return Vec::new() };
    let faults = if refusal.faults.is_empty() { vec![refusal] } else { refusal.faults };
    faults.into_iter().map(|fault| fault.details["field"].clone()).collect()
}

#[test]
fn each_rule_of_a_price_refuses_by_its_field() {
    let once = |with: Price| Price { billing_period: BillingPeriod::Onetime, ..with };
    let advance = InvoiceCadence::Advance;
    for (rule, price, refused) in [
        ("a fee", fee(), vec![]),
        ("usage", usage(), vec![]),
        ("free", Price { amount: Decimal::zero(), ..fee() }, vec![]),
        ("of nothing", Price { entity_id: String::new(), ..fee() }, vec!["entity_id"]),
        ("no count", Price { billing_period_count: 0, ..fee() }, vec!["billing_period_count"]),
        ("negative", Price { amount: decimal("-0.01"), ..fee() }, vec!["amount"]),
        ("15 digits after the point", Price { amount: decimal("0.123456789012345"), ..fee() }, vec![]),
        ("16 digits after the point", Price { amount: decimal("0.1234567890123456"), ..fee() }, vec!["amount"]),
        ("10 digits before the point", Price { amount: decimal("9999999999"), ..fee() }, vec![]),
        ("11 digits before the point", Price { amount: decimal("10000000000"), ..fee() }, vec!["amount"]),
        ("a quantity", Price { min_quantity: Some(decimal("3")), ..fee() }, vec![]),
        ("no quantity", Price { min_quantity: Some(Decimal::zero()), ..fee() }, vec![]),
        ("a negative quantity", Price { min_quantity: Some(decimal("-1")), ..fee() }, vec!["min_quantity"]),
        ("half a quantity", Price { min_quantity: Some(decimal("0.5")), ..fee() }, vec!["min_quantity"]),
        ("a quantity of usage", Price { min_quantity: Some(decimal("1")), ..usage() }, vec!["min_quantity"]),
        ("usage of no meter", Price { meter_id: None, ..usage() }, vec!["meter_id"]),
        ("usage in advance", Price { invoice_cadence: advance, ..usage() }, vec!["invoice_cadence"]),
        ("usage once", once(usage()), vec!["billing_period"]),
        ("once in advance", once(Price { invoice_cadence: advance, ..fee() }), vec![]),
        ("once in arrear", once(Price { invoice_cadence: InvoiceCadence::Arrear, ..fee() }), vec!["invoice_cadence"]),
        ("a trial", Price { trial_period_days: 14, ..fee() }, vec![]),
        ("a trial of usage", Price { trial_period_days: 14, ..usage() }, vec!["trial_period_days"]),
        ("a trial of what is once", once(Price { trial_period_days: 1, invoice_cadence: advance, ..fee() }), vec!["trial_period_days"]),
        ("a package", package(500), vec![]),
        ("a package of one", package(1), vec![]),
        ("a package of nothing", package(0), vec!["transform_quantity.divide_by"]),
        ("a fee in packages", Price { billing_model: BillingModel::FlatFee, ..package(500) }, vec!["transform_quantity"]),
        ("tiers", tiered(vec![tier(Some(1)), tier(Some(2)), tier(None)]), vec![]),
        ("no tiers", tiered(vec![]), vec!["tiers"]),
        ("no mode", Price { tier_mode: None, ..tiered(vec![tier(None)]) }, vec!["tier_mode"]),
        ("equal bounds", tiered(vec![tier(Some(2)), tier(Some(2)), tier(None)]), vec!["tiers[1].up_to"]),
        ("a bound of 0", tiered(vec![tier(Some(0)), tier(None)]), vec!["tiers[0].up_to"]),
        ("a closed last tier", tiered(vec![tier(Some(1)), tier(Some(2))]), vec!["tiers[1].up_to"]),
        ("an open first tier", tiered(vec![tier(None), tier(None)]), vec!["tiers[0].up_to"]),
        (
            "negative amounts",
            tiered(vec![Tier { up_to: None, unit_amount: decimal("-1"), flat_amount: Some(decimal("-2")) }]),
            vec!["tiers[0].unit_amount", "tiers[0].flat_amount"],
        ),
        (
            "several faults",
            Price { entity_id: String::new(), amount: decimal("-1"), meter_id: None, ..usage() },
            vec!["entity_id", "amount", "meter_id"],
        ),
    ] {
        assert_eq!(fields(price.validate()), refused, "{rule}");
    }
}

#[test]
fn a_price_has_at_most_a_hundred_tiers() {
    let tiers = |count: u64| (1..count).map(|bound| tier(Some(bound))).chain([tier(None)]).collect();
    assert_eq!(tiered(tiers(100)).validate(), Ok(()));
    assert_eq!(tiered(tiers(101)).validate().unwrap_err().details["limit"], "100");
}

/// Active from its start to its end, both included (spec 20 §5.2).
#[test]
fn a_price_is_active_from_its_start_to_its_end() {
    let open = Price { start_date: at("2025-03-01"), ..fee() };
    let ended = Price { end_date: Some(at("2025-04-01")), ..open.clone() };
    let at_once = Price { end_date: Some(at("2025-03-01")), ..open.clone() };
    for (instant, expected) in [
        ("2025-02-28T23:59:59.999999Z", [false, false, false]),
        ("2025-03-01", [true, true, true]),
        ("2025-03-01T00:00:00.000001Z", [true, true, false]),
        ("2025-04-01", [true, true, false]),
        ("2025-04-01T00:00:00.000001Z", [true, false, false]),
    ] {
        assert_eq!([&open, &ended, &at_once].map(|price| price.is_active_at(at(instant))), expected, "{instant}");
    }
    assert_eq!(at_once.validate(), Ok(()), "it may end where it begins");
    let backwards = Price { end_date: Some(at("2025-02-28")), ..open };
    assert_eq!(fields(backwards.validate()), ["end_date"]);
}

#[test]
fn a_price_is_shown_with_its_symbol_and_unrounded() {
    for (amount, shown) in [("0.0004", "$0.0004"), ("12.50", "$12.5"), ("0", "$0")] {
        assert_eq!(Price { amount: decimal(amount), ..fee() }.display_amount(), shown);
    }
}

/// The steps of tiers say between which bounds they are, and how often they were taken; what was written before counts once.
#[test]
fn steps_name_the_bounds_of_their_tiers() {
    let price = tiered(vec![tier(Some(10)), tier(Some(25)), tier(None)]);
    let labels = |quantity: i64| -> Vec<(String, String)> {
        let rated = domain::rating::rate(&price, &Decimal::from(quantity));
        rated.steps.into_iter().map(|step| (step.label, step.quantity.to_string())).collect()
    };
    let owned = |steps: &[(&str, &str)]| steps.iter().map(|(label, units)| ((*label).to_owned(), (*units).to_owned())).collect::<Vec<_>>();
    let (first, second, third) = ("tier 1 (above 0 up to 10)", "tier 2 (above 10 up to 25)", "tier 3 (above 25)");
    assert_eq!(labels(10), owned(&[(first, "10")]));
    assert_eq!(labels(25), owned(&[(first, "10"), (second, "15")]));
    assert_eq!(labels(26), owned(&[(first, "10"), (second, "15"), (third, "1")]));
    let kept = r#"{"label":"units","quantity":"2","unit_amount":"3","flat_amount":"0","amount":"6"}"#;
    assert_eq!(serde_json::from_str::<domain::rating::Step>(kept).unwrap().times, 1);
}

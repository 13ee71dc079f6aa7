//! Rounding to a currency's minor unit (spec 20 §§1, 6.4).

use domain::money::{Currency, Decimal};
use num_rational::BigRational;
use proptest::prelude::*;

use crate::support::rational::{any_decimal, exact, rounded};
use crate::support::{cases, table};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
    invalid: Vec<Refused>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rule: String,
    currency: String,
    amount: Decimal,
    rounded: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    rule: String,
    code: String,
}

#[test]
fn amounts_round_as_the_table_says() {
    let table: Table = table(include_str!("../golden/rounding.toml"));
    for case in table.case {
        let currency = Currency::parse(&case.currency).unwrap();
        assert_eq!(currency.round(&case.amount).to_string(), case.rounded, "{}: {} {}", case.rule, case.amount, case.currency);
    }
    for refused in table.invalid {
        assert!(Currency::parse(&refused.code).is_err(), "{}: {}", refused.rule, refused.code);
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn rounding_moves_an_amount_by_at_most_half_a_minor_unit((amount, amount_exact) in any_decimal(), code in "[a-z]{3}") {
        let currency = Currency::parse(&code).unwrap();
        let result = currency.round(&amount);
        prop_assert_eq!(exact(&result), rounded(&amount_exact, currency.precision()));
        prop_assert!(result.fraction_digits() <= i64::from(currency.precision()));
        prop_assert_eq!(currency.round(&result), result.clone(), "rounding twice is rounding once");
        let moved = exact(&result) - amount_exact;
        let half = BigRational::new(1.into(), (2 * 10_i64.pow(currency.precision())).into());
        prop_assert!(-half.clone() <= moved && moved <= half);
    }
}

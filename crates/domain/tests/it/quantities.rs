//! Metered quantities: 15 fraction digits cut toward zero, at most 10^15 units, sums that do not depend on order.

use domain::money::{Decimal, Quantity, QuantityOverflow};
use num_bigint::BigInt;
use num_traits::Signed;
use proptest::prelude::*;

use crate::support::cases;
use crate::support::rational::{any_decimal, exact, ratio, sum, truncated, whole};

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_quantity_is_the_decimal_cut_to_fifteen_digits((value, value_exact) in any_decimal()) {
        let cut = truncated(&value_exact, 15);
        match Quantity::from_decimal(&value) {
            Ok(quantity) => prop_assert_eq!(exact(&quantity.to_decimal()), cut),
            Err(QuantityOverflow) => prop_assert!(cut.abs() > whole(BigInt::from(10).pow(15))),
        }
    }

    #[test]
    fn sums_do_not_depend_on_order(
        (units, shuffled) in prop::collection::vec(-1_000_000_000_000_000_000_000_000_000_000..=1_000_000_000_000_000_000_000_000_000_000_i128, 0..50)
            .prop_flat_map(|units| (Just(units.clone()), Just(units).prop_shuffle())),
    ) {
        let add = |units: &[i128]| units.iter().try_fold(Quantity::ZERO, |total, unit| total.checked_add(Quantity::from_units(*unit)));
        let total = add(&units).unwrap();
        prop_assert_eq!(add(&shuffled).unwrap(), total);
        prop_assert_eq!(exact(&total.to_decimal()), sum(units.into_iter().map(|unit| ratio(unit, 15))));
    }

    #[test]
    fn text_shows_the_exact_value(units in any::<i128>()) {
        let quantity = Quantity::from_units(units);
        prop_assert_eq!(exact(&quantity.to_string().parse::<Decimal>().unwrap()), ratio(units, 15));
        prop_assert_eq!(quantity.to_units(), units);
    }
}

#[test]
fn the_largest_quantity_is_ten_to_the_fifteenth_either_way() {
    for (value, holds) in [
        ("1000000000000000", true),
        ("-1000000000000000", true),
        ("1000000000000000.000000000000001", false),
        ("-1000000000000000.000000000000001", false),
        // What is cut away does not count.
        ("1000000000000000.0000000000000009", true),
        ("1e60", false),
    ] {
        assert_eq!(Quantity::from_decimal(&value.parse().unwrap()).is_ok(), holds, "{value}");
    }
}

#[test]
fn a_sum_beyond_128_bits_is_refused() {
    let largest = Quantity::from_units(i128::MAX);
    assert_eq!(largest.checked_add(Quantity::from_units(1)), Err(QuantityOverflow));
    assert_eq!(Quantity::from_units(i128::MIN).checked_add(Quantity::from_units(-1)), Err(QuantityOverflow));
    assert_eq!(largest.checked_add(Quantity::ZERO), Ok(largest));
}

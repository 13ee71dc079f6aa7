//! Exact decimals against rationals (ADR 0001): addition and multiplication never round, division keeps 16 digits, rounding goes half
//! away from zero.

use domain::money::Decimal;
use num_traits::{Signed, ToPrimitive, Zero};
use proptest::prelude::*;

use crate::support::cases;
use crate::support::rational::{any_decimal, exact, rounded, sum, truncated, whole};

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn sums_differences_and_products_are_exact((a, a_exact) in any_decimal(), (b, b_exact) in any_decimal()) {
        prop_assert_eq!(exact(&(&a + &b)), &a_exact + &b_exact);
        prop_assert_eq!(exact(&(&a - &b)), &a_exact - &b_exact);
        prop_assert_eq!(exact(&(&a * &b)), &a_exact * &b_exact);
        prop_assert_eq!(exact(&-a.clone()), -a_exact);
        let mut grown = a.clone();
        grown += &b;
        prop_assert_eq!(&grown, &(&a + &b));
        grown -= &b;
        prop_assert_eq!(grown, a);
    }

    #[test]
    fn many_factors_lose_no_digit(values in prop::collection::vec(any_decimal(), 0..5)) {
        let product = values.iter().fold(Decimal::from(1_i64), |product, (value, _)| product * value);
        prop_assert_eq!(exact(&product), values.iter().fold(whole(1), |product, (_, value)| product * value));
        prop_assert_eq!(exact(&values.iter().map(|(value, _)| value).sum()), sum(values.into_iter().map(|(_, value)| value)));
    }

    #[test]
    fn quotients_keep_sixteen_digits_half_away_from_zero((a, a_exact) in any_decimal(), (b, b_exact) in any_decimal()) {
        match a.div(&b) {
            Some(quotient) => prop_assert_eq!(exact(&quotient), rounded(&(a_exact / b_exact), 16)),
            None => prop_assert!(b_exact.is_zero()),
        }
    }

    #[test]
    fn quotients_that_end_on_a_half_go_away_from_zero(half in -1_000_000..1_000_000_i128, power in 0..20_u32) {
        // An odd number of halves of the seventeenth place, through a divisor that shifts it there.
        let (dividend, divisor) = (Decimal::new(10 * half + 5, 17), Decimal::new(10_i128.pow(power), power));
        let up = if 10 * half + 5 < 0 { half } else { half + 1 };
        prop_assert_eq!(dividend.div(&divisor).unwrap(), Decimal::new(up, 16));
    }

    #[test]
    fn rounding_goes_half_away_from_zero((value, value_exact) in any_decimal(), digits in 0..32_u32) {
        prop_assert_eq!(exact(&value.round(digits)), rounded(&value_exact, digits));
        prop_assert_eq!(exact(&value.truncate(digits)), truncated(&value_exact, digits));
        prop_assert_eq!(exact(&value.floor()), value_exact.floor());
        prop_assert_eq!(exact(&value.ceil()), value_exact.ceil());
    }

    #[test]
    fn halves_round_away_from_zero(whole_part in -1_000_000_000..1_000_000_000_i128, digits in 0..20_u32) {
        let half = Decimal::new(10 * whole_part + if whole_part < 0 { -5 } else { 5 }, digits + 1);
        prop_assert_eq!(half.round(digits), Decimal::new(whole_part + if whole_part < 0 { -1 } else { 1 }, digits));
    }

    #[test]
    fn order_and_sign_are_those_of_the_value((a, a_exact) in any_decimal(), (b, b_exact) in any_decimal(), zeros in 0..10_u32) {
        prop_assert_eq!(a.cmp(&b), a_exact.cmp(&b_exact));
        prop_assert_eq!(a == b, a_exact == b_exact);
        prop_assert_eq!(a.is_negative(), a_exact.is_negative());
        prop_assert_eq!(a.is_positive(), a_exact.is_positive());
        prop_assert_eq!(a.is_zero(), a_exact.is_zero());
        prop_assert_eq!(&a.clone().max(b.clone()), if a_exact >= b_exact { &a } else { &b });
        prop_assert_eq!(&a.clone().min(b.clone()), if a_exact <= b_exact { &a } else { &b });
        // Trailing zeros make another representation, not another number.
        let same = &a * &Decimal::new(10_i128.pow(zeros), zeros);
        prop_assert_eq!(&same, &a);
        prop_assert_eq!(same.to_string(), a.to_string());
    }

    #[test]
    fn text_and_json_give_the_value_back((value, _) in any_decimal()) {
        let text = value.to_string();
        prop_assert_eq!(text.parse::<Decimal>().unwrap(), value.clone());
        prop_assert!(!text.contains(['e', 'E', '+']), "{} is not plain", text);
        prop_assert!(!text.contains('.') || !text.ends_with(['0', '.']), "{} has needless zeros", text);
        prop_assert_ne!(&text, "-0");
        let json = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(&json, &format!("\"{text}\""));
        prop_assert_eq!(serde_json::from_str::<Decimal>(&json).unwrap(), value.clone());
        prop_assert_eq!(serde_json::from_str::<Decimal>(&text).unwrap(), value);
    }

    #[test]
    fn digits_are_counted_as_they_are_written((value, _) in any_decimal()) {
        let text = value.to_string();
        let (whole, fraction) = text.trim_start_matches('-').split_once('.').unwrap_or((text.trim_start_matches('-'), ""));
        prop_assert_eq!(value.fraction_digits().to_usize(), Some(fraction.len()));
        prop_assert_eq!(value.integer_digits().to_usize(), Some(whole.trim_start_matches('0').len()));
    }

    #[test]
    fn literals_with_exponents_have_their_value(unscaled in -1_000_000_000..1_000_000_000_i128, exponent in -40..=40_i32) {
        let literal = format!("{unscaled}e{exponent}");
        let shifted = if exponent < 0 {
            num_rational::BigRational::new(unscaled.into(), num_bigint::BigInt::from(10).pow(exponent.unsigned_abs()))
        } else {
            whole(num_bigint::BigInt::from(unscaled) * num_bigint::BigInt::from(10).pow(exponent.unsigned_abs()))
        };
        prop_assert_eq!(exact(&literal.parse().unwrap()), shifted);
    }

    #[test]
    fn no_text_upsets_the_parser(text in "[-+.eE0-9x _]{0,90}") {
        // Whatever is accepted is within the bounds and comes back from its own text.
        if let Ok(value) = text.parse::<Decimal>() {
            prop_assert_eq!(exact(&value), exact(&Decimal::from_literal_clamped(&text).unwrap()));
            prop_assert!(value.integer_digits() <= 140 && value.fraction_digits() <= 60);
        } else if let Some(value) = Decimal::from_literal_clamped(&text) {
            prop_assert!(value.integer_digits() <= 61 && value.fraction_digits() <= 60);
        }
    }
}

//! The oracle of exact arithmetic: rationals of unbounded integers, which cannot round.

use domain::money::Decimal;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use proptest::prelude::*;

/// `unscaled × 10^-scale`.
pub(crate) fn ratio(unscaled: i128, scale: u32) -> BigRational {
    BigRational::new(unscaled.into(), BigInt::from(10).pow(scale))
}

pub(crate) fn whole(value: impl Into<BigInt>) -> BigRational {
    BigRational::from_integer(value.into())
}

/// The value of a decimal, read from its text, so that no arithmetic of the implementation takes part.
pub(crate) fn exact(value: &Decimal) -> BigRational {
    let text = value.to_string();
    let (integer, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits: BigInt = format!("{integer}{fraction}").parse().unwrap_or_else(|error| panic!("{error}: {text}"));
    BigRational::new(digits, BigInt::from(10).pow(u32::try_from(fraction.len()).unwrap()))
}

/// The nearest number of `digits` fraction digits, half away from zero.
pub(crate) fn rounded(value: &BigRational, digits: u32) -> BigRational {
    let scale = whole(BigInt::from(10).pow(digits));
    let half = BigRational::new(1.into(), 2.into());
    let away = (value.abs() * &scale + half).floor() / scale;
    if value.is_negative() { -away } else { away }
}

/// The number of `digits` fraction digits that comes next toward zero.
pub(crate) fn truncated(value: &BigRational, digits: u32) -> BigRational {
    let scale = whole(BigInt::from(10).pow(digits));
    (value * &scale).trunc() / scale
}

pub(crate) fn sum(values: impl IntoIterator<Item = BigRational>) -> BigRational {
    values.into_iter().fold(BigRational::zero(), |total, value| total + value)
}

/// Decimals of every size and scale that occurs, with many small and short ones, so that halves and equal values come up.
pub(crate) fn any_decimal() -> impl Strategy<Value = (Decimal, BigRational)> {
    let unscaled = prop_oneof![
        -1000..=1000_i128,
        -1_000_000_000_000_000..=1_000_000_000_000_000_i128,
        any::<i128>(),
        // Long runs of nines and of zeros, where carries go far.
        (0..38_u32, -2..=2_i128).prop_map(|(power, near)| 10_i128.pow(power) + near),
    ];
    (unscaled, 0..=30_u32).prop_map(|(unscaled, scale)| (Decimal::new(unscaled, scale), ratio(unscaled, scale)))
}

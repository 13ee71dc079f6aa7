//! An exact decimal of arbitrary precision (ADR 0001).
//!
//! Addition, subtraction and multiplication never round. Division keeps 16 fraction digits (spec 20 §0) and rounding
//! happens only where it is called by name; both go half away from zero.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};
use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode, Signed, ToPrimitive, Zero};
use num_bigint::BigInt;

/// Fraction digits that a division keeps.
const DIVISION_DIGITS: u32 = 16;
/// Longest literal that is read, in characters: beyond it a number is a mistake or an attack.
const LITERAL_CHARS_MAX: usize = 80;
/// Largest decimal exponent, either way, of a literal.
const EXPONENT_MAX: i64 = 60;

/// An exact decimal number.
#[derive(Clone, Debug, Default)]
pub struct Decimal(BigDecimal);

/// A text that is no decimal literal, or one beyond 80 characters or 10^±60.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal number")]
pub struct ParseDecimalError(String);

impl Decimal {
    /// Zero.
    pub fn zero() -> Self {
        Self(BigDecimal::zero())
    }

    /// `unscaled × 10^-scale`.
    pub fn new(unscaled: i128, scale: u32) -> Self {
        Self(BigDecimal::new(BigInt::from(unscaled), i64::from(scale)))
    }

    /// The same of any size.
    pub(crate) fn from_units(unscaled: BigInt, scale: u32) -> Self {
        Self(BigDecimal::new(unscaled, i64::from(scale)))
    }

    /// Reads a literal of any length and exponent, as events carry them: digits beyond the 60th fraction place are cut, and a size of
    /// 10^60 or more is read as 10^60, which no [`Quantity`](super::Quantity) holds. `None` when the text is no decimal literal.
    pub fn from_literal_clamped(text: &str) -> Option<Self> {
        if let Ok(value) = text.parse() {
            return Some(value);
        }
        if !is_literal(text) {
            return None;
        }
        let unsigned = text.trim_start_matches(['+', '-']);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        // An exponent beyond 64 bits is as good as the largest.
        let exponent = exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.bytes().chain(fraction.bytes());
        let Some(leading_zeros) = digits.clone().position(|digit| digit != b'0') else { return Some(Self::zero()) };
        // The value is 0.d1d2d3… × 10^magnitude, d1 its first digit above 0.
        let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let magnitude = (count(whole.len()) - count(leading_zeros)).saturating_add(exponent);
        let size = if magnitude > EXPONENT_MAX {
            BigDecimal::new(BigInt::from(1), -EXPONENT_MAX)
        } else {
            let kept: Vec<u8> =
                digits.skip(leading_zeros).take(usize::try_from(magnitude.saturating_add(EXPONENT_MAX)).unwrap_or(0)).collect();
            let scale = count(kept.len()).saturating_sub(magnitude);
            BigInt::parse_bytes(&kept, 10).map_or_else(BigDecimal::zero, |digits| BigDecimal::new(digits, scale))
        };
        Some(Self(if text.starts_with('-') { -size } else { size }))
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether this is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// Whether this is above zero.
    pub fn is_positive(&self) -> bool {
        self.0.is_positive()
    }

    /// The quotient with 16 fraction digits, half away from zero; `None` when dividing by zero.
    pub fn div(&self, divisor: &Self) -> Option<Self> {
        self.div_to(divisor, DIVISION_DIGITS)
    }

    /// The quotient with so many fraction digits, half away from zero; `None` when dividing by zero.
    pub(crate) fn div_to(&self, divisor: &Self, digits: u32) -> Option<Self> {
        if divisor.is_zero() {
            return None;
        }
        // Scale the dividend so that the integer quotient carries exactly the wanted fraction digits, then round by the remainder.
        let (dividend, dividend_scale) = self.0.as_bigint_and_exponent();
        let (divisor, divisor_scale) = divisor.0.as_bigint_and_exponent();
        let shift = i64::from(digits) - dividend_scale + divisor_scale;
        let (numerator, denominator) =
            if shift >= 0 { (dividend * power_of_ten(shift), divisor) } else { (dividend, divisor * power_of_ten(-shift)) };
        let quotient = &numerator / &denominator;
        let remainder = (&numerator - &quotient * &denominator).abs();
        let negative = numerator.is_negative() != denominator.is_negative();
        let away = if remainder * 2 >= denominator.abs() { BigInt::from(if negative { -1 } else { 1 }) } else { BigInt::zero() };
        Some(Self(BigDecimal::new(quotient + away, i64::from(digits))))
    }

    /// The square root, cut after so many fraction digits; `None` of a number below zero.
    pub(crate) fn sqrt(&self, digits: u32) -> Option<Self> {
        if self.is_negative() {
            return None;
        }
        let (unscaled, _) = self.truncate(2 * digits).0.with_scale(i64::from(2 * digits)).into_bigint_and_exponent();
        Some(Self(BigDecimal::new(unscaled.sqrt(), i64::from(digits))))
    }

    /// The nearest double, for functions that no decimal is exact for.
    pub(crate) fn to_double(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// Rounds half away from zero to `digits` fraction digits.
    #[must_use]
    pub fn round(&self, digits: u32) -> Self {
        Self(self.0.with_scale_round(i64::from(digits), RoundingMode::HalfUp))
    }

    /// Cuts toward zero to `digits` fraction digits.
    #[must_use]
    pub fn truncate(&self, digits: u32) -> Self {
        Self(self.0.with_scale_round(i64::from(digits), RoundingMode::Down))
    }

    /// The largest whole number not above this.
    #[must_use]
    pub fn floor(&self) -> Self {
        Self(self.0.with_scale_round(0, RoundingMode::Floor))
    }

    /// The smallest whole number not below this.
    #[must_use]
    pub fn ceil(&self) -> Self {
        Self(self.0.with_scale_round(0, RoundingMode::Ceiling))
    }

    /// The fraction digits that are needed to write this.
    pub fn fraction_digits(&self) -> i64 {
        self.0.normalized().fractional_digit_count().max(0)
    }

    /// The digits before the point that are needed to write this.
    pub fn integer_digits(&self) -> i64 {
        let whole = self.truncate(0);
        if whole.is_zero() { 0 } else { i64::try_from(whole.0.digits()).unwrap_or(i64::MAX) }
    }

    /// Unscaled value at `digits` fraction digits, cut toward zero; `None` beyond 128 bits.
    pub fn unscaled(&self, digits: u32) -> Option<i128> {
        let (unscaled, _) = self.truncate(digits).0.with_scale(i64::from(digits)).into_bigint_and_exponent();
        i128::try_from(unscaled).ok()
    }

    /// As a whole number; none where it has a fraction or does not fit.
    pub fn to_i64(&self) -> Option<i64> {
        if self.0.is_integer() { self.0.to_i64() } else { None }
    }

    /// The value as a double, for display only: never feed it back.
    pub fn to_f64_for_display(&self) -> f64 {
        self.to_double()
    }

    /// The smaller of two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// The larger of two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

fn power_of_ten(exponent: i64) -> BigInt {
    // Literals reach 10^±60 and arithmetic multiplies a handful of them: ten thousand is out of reach, and a wrong power is a wrong invoice.
    assert!((0..=10_000).contains(&exponent), "the scale of a decimal left its bounds: 10^{exponent}");
    BigInt::from(10u8).pow(u32::try_from(exponent).unwrap_or(0))
}

/// Whether `text` is `[+-]digits[.digits][e[+-]digits]`, with a digit on at least one side of the point.
fn is_literal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_holds = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction) && exponent_holds
}

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseDecimalError(text.chars().take(LITERAL_CHARS_MAX).collect());
        if text.len() > LITERAL_CHARS_MAX || !is_literal(text) {
            return Err(refuse());
        }
        let value = BigDecimal::from_str(text).map_err(|_| refuse())?;
        if (-EXPONENT_MAX..=EXPONENT_MAX).contains(&value.fractional_digit_count()) { Ok(Self(value)) } else { Err(refuse()) }
    }
}

impl fmt::Display for Decimal {
    /// Plain digits without trailing zeros: `12.5`, `-0.04`, `1000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.normalized().to_plain_string())
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self(BigDecimal::from(value))
    }
}

impl From<u64> for Decimal {
    fn from(value: u64) -> Self {
        Self(BigDecimal::from(value))
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl $trait<&Decimal> for &Decimal {
            type Output = Decimal;
            fn $method(self, other: &Decimal) -> Decimal {
                Decimal((&self.0).$method(&other.0))
            }
        }
        impl $trait<Decimal> for Decimal {
            type Output = Decimal;
            fn $method(self, other: Decimal) -> Decimal {
                Decimal(self.0.$method(other.0))
            }
        }
        impl $trait<&Decimal> for Decimal {
            type Output = Decimal;
            fn $method(self, other: &Decimal) -> Decimal {
                Decimal(self.0.$method(&other.0))
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);

impl Neg for Decimal {
    type Output = Decimal;
    fn neg(self) -> Decimal {
        Decimal(-self.0)
    }
}

impl AddAssign<&Decimal> for Decimal {
    fn add_assign(&mut self, other: &Decimal) {
        self.0 += &other.0;
    }
}

impl SubAssign<&Decimal> for Decimal {
    fn sub_assign(&mut self, other: &Decimal) {
        self.0 -= &other.0;
    }
}

impl Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::zero(), |total, value| total + value)
    }
}

impl<'a> Sum<&'a Decimal> for Decimal {
    fn sum<I: Iterator<Item = &'a Self>>(iter: I) -> Self {
        iter.fold(Self::zero(), |total, value| total + value)
    }
}

impl serde::Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Decimal {
    /// Reads a JSON string or a JSON number; a number's digits survive.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            _ => return Err(D::Error::custom("expected a decimal as a string or a number")),
        };
        text.trim().parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn rounding_goes_half_away_from_zero() {
        for (input, digits, expected) in [
            ("0.125", 2, "0.13"),
            ("2.675", 2, "2.68"),
            ("-0.125", 2, "-0.13"),
            ("10.005", 2, "10.01"),
            ("-10.005", 2, "-10.01"),
            ("1234.5", 0, "1235"),
            ("0.0125", 3, "0.013"),
            ("0.01249", 3, "0.012"),
            ("1.23455", 4, "1.2346"),
        ] {
            assert_eq!(d(input).round(digits).to_string(), expected, "{input}");
        }
    }

    #[test]
    fn division_keeps_sixteen_digits() {
        assert_eq!(d("1351799").div(&d("2591999")).unwrap().to_string(), "0.5215275931819418");
        assert_eq!(d("2").div(&d("3")).unwrap().to_string(), "0.6666666666666667");
        assert_eq!(d("-2").div(&d("3")).unwrap().to_string(), "-0.6666666666666667");
        assert_eq!(d("1e20").div(&d("8")).unwrap().to_string(), "12500000000000000000");
        assert_eq!(d("1").div(&d("0")), None);
    }

    #[test]
    fn products_of_fifteen_places_are_exact() {
        assert_eq!((d("0.000000000000001") * d("1234567890.123456789012345")).to_string(), "0.000001234567890123456789012345");
    }

    #[test]
    fn literals_are_strict() {
        for good in ["12.50", "-3", "1e3", "+0.5", ".5", "5.", "1E-7", "1e60", "1e-60"] {
            assert!(good.parse::<Decimal>().is_ok(), "{good}");
        }
        for bad in ["", " 1", "1 ", "1_000", "1,5", "0x10", "NaN", "inf", "e5", "1e", ".", "--1", "1e61", "1e-61", "1e99999"] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
        // Exponents about the 64-bit bound: one that slipped through would make every later addition write out its zeros.
        for bad in [
            "1e9223372036854775807",
            "1e9223372036854775808",
            "1e-9223372036854775808",
            "1.5e-9223372036854775808",
            "0e9223372036854775808",
        ] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
    }

    #[test]
    fn literals_beyond_the_bounds_are_cut_or_clamped() {
        let nines = "9".repeat(100);
        for (literal, expected) in [
            ("12.50".to_owned(), "12.5".to_owned()),
            ("1.7976931348623157e308".to_owned(), format!("1{}", "0".repeat(60))),
            ("-1e61".to_owned(), format!("-1{}", "0".repeat(60))),
            ("1e99999999999999999999".to_owned(), format!("1{}", "0".repeat(60))),
            ("5e-324".to_owned(), "0".to_owned()),
            ("5e-99999999999999999999".to_owned(), "0".to_owned()),
            ("0e99".to_owned(), "0".to_owned()),
            (format!("0.{nines}"), format!("0.{}", "9".repeat(60))),
            (format!("-7.{nines}"), format!("-7.{}", "9".repeat(60))),
            (format!("{}42.5", "0".repeat(100)), "42.5".to_owned()),
            (format!("0.{}12e101", "0".repeat(100)), "1.2".to_owned()),
            (format!("25{}e-100", "0".repeat(100)), "25".to_owned()),
        ] {
            assert_eq!(Decimal::from_literal_clamped(&literal).unwrap().to_string(), expected, "{literal}");
        }
        for bad in ["", "x", "1e", "NaN", " 1"] {
            assert_eq!(Decimal::from_literal_clamped(bad), None, "{bad}");
        }
    }

    #[test]
    fn json_strings_and_numbers_keep_their_digits() {
        let read = |json: &str| serde_json::from_str::<Decimal>(json).map(|value| value.to_string());
        assert_eq!(read("\"12.50\"").unwrap(), "12.5");
        assert_eq!(read("0.0375").unwrap(), "0.0375");
        assert_eq!(read("12345678901234567890.123456789").unwrap(), "12345678901234567890.123456789");
        assert!(read("true").is_err());
    }
}

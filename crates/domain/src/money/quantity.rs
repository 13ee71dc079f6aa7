//! Metered usage: a fixed-point number with 15 fraction digits. Never money; only rating turns it into money.

use std::fmt;

use super::Decimal;

/// Largest size of one event's quantity: 10^15 units. A hundred million of them still sum without overflow.
const UNITS_MAX: i128 = 1_000_000_000_000_000_000_000_000_000_000;

/// An exact quantity. Sums are checked and do not depend on order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i128);

/// A quantity of more than 10^15 units, or a sum beyond 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the quantity exceeds 10^15 units")]
pub struct QuantityOverflow;

impl Quantity {
    /// Fraction digits that are kept; further ones are cut toward zero (spec 10 §5.3).
    pub const SCALE_DIGITS: u32 = 15;
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One unit.
    pub const ONE: Self = Self(1_000_000_000_000_000);

    /// A quantity from a decimal, cut toward zero to 15 fraction digits.
    pub fn from_decimal(value: &Decimal) -> Result<Self, QuantityOverflow> {
        match value.unscaled(Self::SCALE_DIGITS) {
            Some(units) if (-UNITS_MAX..=UNITS_MAX).contains(&units) => Ok(Self(units)),
            _ => Err(QuantityOverflow),
        }
    }

    /// The exact decimal.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, Self::SCALE_DIGITS)
    }

    /// In units of 10^-15.
    pub const fn to_units(self) -> i128 {
        self.0
    }

    /// From units of 10^-15, as a store keeps them.
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The sum, unless it leaves 128 bits.
    pub fn checked_add(self, other: Self) -> Result<Self, QuantityOverflow> {
        self.0.checked_add(other.0).map(Self).ok_or(QuantityOverflow)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_beyond_fifteen_are_cut_toward_zero() {
        for (input, expected) in [("1.0000000000000019", "1.000000000000001"), ("-0.0000000000000009", "0"), ("1e15", "1000000000000000")] {
            assert_eq!(Quantity::from_decimal(&input.parse().unwrap()).unwrap().to_string(), expected);
        }
        assert_eq!(Quantity::from_decimal(&"1000000000000000.1".parse().unwrap()), Err(QuantityOverflow));
        // The most negative 128-bit number has no absolute value of its own.
        assert_eq!(Quantity::from_decimal(&Decimal::new(i128::MIN, Quantity::SCALE_DIGITS)), Err(QuantityOverflow));
    }
}

//! What a time-weighted sum of any period is made from.

use std::ops::AddAssign;

use num_bigint::BigInt;

use crate::money::{Decimal, Quantity};
use crate::time::{Period, Timestamp};

/// The sum of quantity × event time over ledger rows, exact. With the plain sum it gives the weighted sum of any period that holds the
/// rows: Σ q·(end − t) = end·Σq − Σ q·t.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Moment(BigInt);

impl Moment {
    /// Of a single row.
    pub fn of(quantity: Quantity, timestamp: Timestamp) -> Self {
        Self(BigInt::from(quantity.to_units()) * timestamp.micros())
    }

    /// As a store keeps it: two's complement, little end first, as short as it goes; empty for 0.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.is_zero() { Vec::new() } else { self.0.to_signed_bytes_le() }
    }

    /// From a store, of any length.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(BigInt::from_signed_bytes_le(bytes))
    }

    /// Whether it is 0: no weighted row, or only quantities of 0.
    pub fn is_zero(&self) -> bool {
        self.0.sign() == num_bigint::Sign::NoSign
    }

    /// The sum of quantities, each times the part of the period that is left after it. An empty period weighs nothing.
    pub(super) fn weighted(&self, sum: Quantity, period: Period) -> Decimal {
        let length = i128::from(period.end.micros()) - i128::from(period.start.micros());
        if length <= 0 {
            return Decimal::zero();
        }
        let area = BigInt::from(sum.to_units()) * period.end.micros() - &self.0;
        Decimal::from_units(area, Quantity::SCALE_DIGITS).div(&Decimal::new(length, 0)).unwrap_or_default()
    }
}

impl AddAssign<&Self> for Moment {
    fn add_assign(&mut self, other: &Self) {
        // Mostly both are 0.
        if !other.is_zero() {
            self.0 += &other.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_give_the_moment_back() {
        for units in [0, 1, -1, 127, 128, -128, -129, i128::from(i64::MAX) * 1_000_000_007, -(1_i128 << 100)] {
            let moment = Moment::of(Quantity::from_units(units), Timestamp::from_micros(1_717_200_000_000_000));
            assert_eq!(Moment::from_bytes(&moment.to_bytes()), moment, "{units}");
            let mut wide = moment.0.to_signed_bytes_le();
            wide.resize(32, if units < 0 { 255 } else { 0 });
            assert_eq!(Moment::from_bytes(&wide), moment, "{units}");
        }
        assert_eq!(Moment::default().to_bytes(), Vec::<u8>::new());
    }

    /// Spec 10 §18 case 11.
    #[test]
    fn quantities_weigh_by_the_rest_of_the_period() {
        let period = Period::new("2024-06-01T00:00:00Z".parse().unwrap(), "2024-06-11T00:00:00Z".parse().unwrap());
        let (mut moment, mut sum) = (Moment::default(), Quantity::ZERO);
        for (at, quantity) in [("2024-06-01T00:00:00Z", "100"), ("2024-06-06T00:00:00Z", "50"), ("2024-06-10T12:00:00Z", "-20")] {
            let quantity = Quantity::from_decimal(&quantity.parse().unwrap()).unwrap();
            moment += &Moment::of(quantity, at.parse().unwrap());
            sum = sum.checked_add(quantity).unwrap();
        }
        assert_eq!(moment.weighted(sum, period).to_string(), "124");
        assert_eq!(moment.weighted(sum, Period::new(period.end, period.end)).to_string(), "0");
    }
}

//! What is left of the revenue after the cost.

use crate::money::Decimal;

/// Revenue beside cost. Nothing is rounded but quotients, which keep 16 fraction digits.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Margin {
    /// Revenue less cost.
    pub margin: Decimal,
    /// Of the revenue, in percent; 0 without revenue.
    pub margin_percent: Decimal,
    /// Margin per unit of cost; 0 without cost.
    pub roi: Decimal,
    /// The same in percent.
    pub roi_percent: Decimal,
}

impl Margin {
    /// The margin of a revenue and a cost in one currency.
    pub fn of(revenue: &Decimal, cost: &Decimal) -> Self {
        let margin = revenue - cost;
        let hundred = Decimal::from(100_i64);
        let roi = margin.div(cost).unwrap_or_default();
        Self { margin_percent: margin.div(revenue).unwrap_or_default() * &hundred, roi_percent: &roi * &hundred, roi, margin }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec 10 §18 case 23, spec 20 §15 no. 21.
    #[test]
    fn margins_are_those_of_the_worked_cases() {
        for (revenue, cost, margin, percent, roi, roi_percent) in [
            ("1250", "400", "850", "68", "2.125", "212.5"),
            ("0", "400", "-400", "0", "-1", "-100"),
            ("480", "150", "330", "68.75", "2.2", "220"),
            ("0", "150", "-150", "0", "-1", "-100"),
            ("480", "0", "480", "100", "0", "0"),
            ("0", "0", "0", "0", "0", "0"),
            // 2 / 3 keeps 16 fraction digits before it becomes percent.
            ("3", "1", "2", "66.66666666666667", "2", "200"),
            ("1", "3", "-2", "-200", "-0.6666666666666667", "-66.66666666666667"),
        ] {
            let decimal = |text: &str| text.parse::<Decimal>().unwrap();
            let expected =
                Margin { margin: decimal(margin), margin_percent: decimal(percent), roi: decimal(roi), roi_percent: decimal(roi_percent) };
            assert_eq!(Margin::of(&decimal(revenue), &decimal(cost)), expected, "{revenue} - {cost}");
        }
    }
}

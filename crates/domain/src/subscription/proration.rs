//! What part of a price a part of its period costs (spec 30 §10).

use super::{BillingCycle, ProrationBehavior, Subscription};
use crate::invalid::Invalid;
use crate::money::{Currency, Decimal};
use crate::time::{Cycle, Period, Timestamp, previous_boundary};

/// What is paid for, and the whole period that a price stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// What is paid for; within `full`.
    pub service: Period,
    /// What the price stands for.
    pub full: Period,
    /// Where the last counted instant of `full` ends.
    counted_until: Timestamp,
}

impl Share {
    /// A service that costs the whole price.
    pub fn whole(service: Period) -> Self {
        Self::by_time(service, service)
    }

    /// A service that costs its part of the price by time (spec 40 §3.1).
    pub fn by_time(service: Period, full: Period) -> Self {
        Self { service, full, counted_until: full.end }
    }

    /// A service that costs its part of the price under `create_prorations`: seconds over seconds, both counted to one second before the end
    /// of the whole period (spec 30 §10.1).
    pub fn prorated(service: Period, full: Period) -> Self {
        let last = full.end.plus_seconds(-1);
        // Nothing but a second is counted as it is.
        Self { service, full, counted_until: if last > full.start { last } else { full.end } }
    }

    /// Whether the service is less than the whole period.
    pub fn is_part(self) -> bool {
        self.service.micros() < self.full.micros()
    }

    /// The part of the price, 16 digits, where it is not the one by time; `None` for the whole price too.
    pub fn coefficient(self) -> Option<Decimal> {
        let by_time = self.counted_until == self.full.end;
        (self.is_part() && !by_time).then(|| self.served().div(&self.counted(self.full.end)).unwrap_or_default())
    }

    /// What the service costs of a price, not rounded.
    pub fn of(self, price: &Decimal) -> Decimal {
        if !self.is_part() {
            return price.clone();
        }
        match self.coefficient() {
            Some(coefficient) => price * &coefficient,
            // The product comes first, so that nothing is lost before the one division: 93.00 * 14 / 31 is 42.00.
            None => (price * &self.served()).div(&self.counted(self.full.end)).unwrap_or_default(),
        }
    }

    /// The same, rounded so that services that follow one another cost together what all of their time costs: each what its end has cost
    /// since the start of the period, less what its start had. Of 0.01 the first half costs 0.01 and the second nothing.
    pub fn rounded(self, price: &Decimal, currency: &Currency) -> Decimal {
        if !self.is_part() {
            return currency.round(price);
        }
        currency.round(&self.until(price, self.service.end)) - currency.round(&self.until(price, self.service.start))
    }

    /// What the period costs up to an instant.
    fn until(self, price: &Decimal, at: Timestamp) -> Decimal {
        (price * &self.counted(at)).div(&self.counted(self.full.end)).unwrap_or_default()
    }

    /// Counted microseconds of the service.
    fn served(self) -> Decimal {
        self.counted(self.service.end) - self.counted(self.service.start)
    }

    /// Counted microseconds of the period up to an instant.
    fn counted(self, at: Timestamp) -> Decimal {
        Decimal::from(Period::new(self.full.start, at.min(self.counted_until)).micros())
    }
}

impl Subscription {
    /// What a line costs that is in force for a part of a billed period. Where the contract or its cancellation made the period itself short,
    /// only `create_prorations` knows: then the price stands for the whole period of the cycle.
    pub(crate) fn share(&self, service: Period, billed: Period) -> Result<Share, Invalid> {
        match self.proration_behavior {
            ProrationBehavior::CreateProrations => Ok(Share::prorated(service, self.full_period(billed)?)),
            ProrationBehavior::None => Ok(Share::by_time(service, billed)),
        }
    }

    /// Which part of the period of the cycle a billed period is, by time, 16 digits; none where it is the whole.
    pub(crate) fn part_of_full_period(&self, billed: Period) -> Result<Option<Decimal>, Invalid> {
        let full = self.full_period(billed)?;
        let part = || Decimal::from(billed.micros()).div(&Decimal::from(full.micros()));
        Ok(if billed.micros() < full.micros() { part() } else { None })
    }

    /// The period of the cycle that a billed period is, or is a part of: as if the contract had no end, and with calendar billing no start.
    /// A short first period up to an anchor of the caller's choice is whole (spec 30 §10.3).
    fn full_period(&self, billed: Period) -> Result<Period, Invalid> {
        let cycle = Cycle { end: None, ..self.cycle() };
        let end = cycle.period_from(billed.start)?.end;
        let is_first = || Ok::<_, Invalid>(cycle.period_from(self.start_date)?.end == end);
        let start = if self.billing_cycle == BillingCycle::Calendar && is_first()? {
            previous_boundary(end, self.billing_period, self.billing_period_count, self.zone())
        } else {
            billed.start
        };
        Ok(Period::new(start.min(billed.start), end.max(billed.end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Zone;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn coefficients_of_the_worked_cases() {
        for (start, end, change, expected) in [
            ("2025-04-01T00:00:00Z", "2025-05-01T00:00:00Z", "2025-04-15T08:30:00Z", "0.5215275931819418"),
            ("2025-06-01T00:00:00Z", "2025-07-01T00:00:00Z", "2025-06-13T12:00:00Z", "0.5833331725822425"),
            ("2025-06-01T00:00:00Z", "2025-07-01T00:00:00Z", "2025-06-21T00:00:00Z", "0.333333076131588"),
            ("2025-06-01T00:00:00Z", "2025-07-01T00:00:00Z", "2025-06-30T23:59:59Z", "0"),
            ("2025-03-31T18:30:00Z", "2025-04-30T18:30:00Z", "2025-04-15T18:30:00Z", "0.499999807098691"),
            ("2025-03-01T05:00:00Z", "2025-04-01T04:00:00Z", "2025-03-16T04:00:00Z", "0.5168235071121232"),
        ] {
            let full = Period::new(at(start), at(end));
            let share = Share::prorated(Period::new(at(change), at(end)), full);
            assert_eq!(share.coefficient().unwrap().to_string(), expected, "{start} {change}");
            assert_eq!(Share::prorated(full, full).coefficient(), None, "the whole has no coefficient");
        }
    }

    #[test]
    fn a_period_of_one_second_is_prorated_by_time() {
        let full = Period::new(at("2025-06-01T00:00:00Z"), at("2025-06-01T00:00:01Z"));
        let half = Share::prorated(Period::new(full.start, at("2025-06-01T00:00:00.5Z")), full);
        assert_eq!((half.coefficient(), half.of(&Decimal::from(3_i64)).to_string()), (None, "1.5".to_owned()));
    }

    #[test]
    fn the_full_calendar_period_is_read_in_the_zone() {
        let zone = Zone::parse("Asia/Kolkata").unwrap();
        let start = previous_boundary(at("2025-04-30T18:30:00Z"), crate::time::BillingPeriod::Monthly, 1, zone);
        assert_eq!(start, at("2025-03-31T18:30:00Z"));
    }
}

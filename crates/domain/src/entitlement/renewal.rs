//! When a limit begins anew (spec 20 §6.5, 30 §5.5, 40 §4.1).

use super::UsageResetPeriod;
use crate::invalid::Invalid;
use crate::subscription::Subscription;
use crate::time::{BillingPeriod, Cycle, Period, Timestamp};

/// Most days of one period: those of a century.
const DAYS_MAX: usize = 36_600;
/// Most months of one period: those of twenty years. Each is a question of its own to the event store.
const MONTHS_MAX: usize = 240;

/// The stretches of a billing period that have the whole limit each, in their order and without gap: days and months of the subscription's
/// zone where the limit begins anew with them, else the period itself. A limit that never begins anew has no stretches: none. Refuses a
/// period of more days than a century has, or more months than twenty years.
pub fn renewals(reset: Option<UsageResetPeriod>, subscription: &Subscription, period: Period) -> Result<Option<Vec<Period>>, Invalid> {
    let (billing_period, count) = (subscription.billing_period, subscription.billing_period_count);
    let step = match reset {
        Some(UsageResetPeriod::Never) => return Ok(None),
        Some(UsageResetPeriod::Daily) if (billing_period, count) != (BillingPeriod::Daily, 1) => Step::Day,
        Some(UsageResetPeriod::Monthly) if billing_period.is_longer_than(count, BillingPeriod::Monthly, 1) => Step::Month,
        _ => return Ok(Some(vec![period])),
    };
    let (mut stretches, mut start) = (Vec::new(), period.start);
    while start < period.end {
        let end = step.end(subscription, start)?.min(period.end);
        if stretches.len() == step.most() {
            let most = step.most();
            return Err(Invalid::input(format!("a limit begins anew more than {most} times in the period: choose a shorter one"))
                .with("limit", most));
        }
        stretches.push(Period::new(start, end));
        start = end;
    }
    Ok(Some(stretches))
}

/// When a limit begins anew next, seen from an instant: the next local midnight, or the local midnight of the day on which the billing month
/// ends; not after the contract. None where it never does, or begins anew with the billing period (spec 20 §9.5).
pub fn next_reset(reset: Option<UsageResetPeriod>, subscription: &Subscription, now: Timestamp) -> Result<Option<Timestamp>, Invalid> {
    let zone = subscription.zone();
    let next = match reset {
        Some(UsageResetPeriod::Daily) => zone.day_around(now).end,
        Some(UsageResetPeriod::Monthly) => zone.midnight(zone.date(billing_month(subscription, now)?.end)),
        _ => return Ok(None),
    };
    Ok(Some(subscription.end_date.map_or(next, |end| next.min(end))))
}

/// The stretch that holds an instant of the running billing period and has the whole limit: what was used of the limit was used in it. Of a
/// limit that never begins anew, the contract until the end of the running period.
pub fn usage_window(reset: Option<UsageResetPeriod>, subscription: &Subscription, now: Timestamp) -> Result<Period, Invalid> {
    let current = subscription.current_period();
    let Some(stretches) = renewals(reset, subscription, current)? else {
        return Ok(Period::new(subscription.start_date, current.end));
    };
    // An instant outside the running period, whose turn has not come yet, is of its nearest stretch.
    let begun = stretches.iter().rev().find(|stretch| stretch.start <= now).or(stretches.first());
    Ok(begun.copied().unwrap_or(current))
}

/// The month, counted from the billing anchor, that holds an instant; the first one begins with the contract.
fn billing_month(subscription: &Subscription, at: Timestamp) -> Result<Period, Invalid> {
    let cycle = monthly(subscription);
    let mut month = cycle.period_from(subscription.start_date)?;
    while month.end <= at {
        month = cycle.period_from(month.end)?;
    }
    Ok(month)
}

enum Step {
    Day,
    Month,
}

impl Step {
    /// Most of them in one period.
    const fn most(&self) -> usize {
        match self {
            Self::Day => DAYS_MAX,
            Self::Month => MONTHS_MAX,
        }
    }

    /// Where the stretch ends that holds the instant.
    fn end(&self, subscription: &Subscription, start: Timestamp) -> Result<Timestamp, Invalid> {
        match self {
            Self::Day => Ok(subscription.zone().day_around(start).end),
            Self::Month => Ok(monthly(subscription).period_from(start)?.end),
        }
    }
}

fn monthly(subscription: &Subscription) -> Cycle {
    Cycle { period: BillingPeriod::Monthly, count: 1, end: None, ..subscription.cycle() }
}

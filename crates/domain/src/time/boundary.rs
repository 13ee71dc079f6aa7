//! Where billing periods begin and end (spec 30 §5).
//!
//! Boundaries hang on an anchor and are computed in the subscription's time zone. Month steps clamp to the month's length and
//! recover: a 31st comes back after February. Two forms differ from the established service on purpose (spec 30 §19 no. 9):
//! ANNUAL, QUARTERLY and HALF_YEARLY take the first anchor-aligned date after the start.

use chrono::{Datelike, NaiveDate};

use super::zone::{LAST_DATE, days_in_month, days_later, month_shifted, time_of_day};
use super::{Period, Timestamp, Zone};
use crate::invalid::Invalid;

/// How often something is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BillingPeriod {
    /// Every day.
    Daily,
    /// Every seven days.
    Weekly,
    /// Every month.
    Monthly,
    /// Every three months.
    Quarterly,
    /// Every six months.
    HalfYearly,
    /// Every year.
    Annual,
    /// Once: a price or a line, never a subscription.
    Onetime,
}

text_enum!(BillingPeriod {
    Daily = "DAILY",
    Weekly = "WEEKLY",
    Monthly = "MONTHLY",
    Quarterly = "QUARTERLY",
    HalfYearly = "HALF_YEARLY",
    Annual = "ANNUAL",
    Onetime = "ONETIME",
});

impl BillingPeriod {
    /// Whole months in one period; `None` for days, weeks and one-time things.
    pub const fn months(self) -> Option<i64> {
        match self {
            Self::Monthly => Some(1),
            Self::Quarterly => Some(3),
            Self::HalfYearly => Some(6),
            Self::Annual => Some(12),
            Self::Daily | Self::Weekly | Self::Onetime => None,
        }
    }

    /// Whether one period of `self` times its count is longer than one of `other` times its count.
    pub fn is_longer_than(self, count: u32, other: Self, other_count: u32) -> bool {
        // Months are compared as months; days and weeks as 1 and 7 days; a month counts 30 days against them, a year 360.
        let days = |period: Self, count: u32| {
            let one = match period {
                Self::Daily => 1,
                Self::Weekly => 7,
                Self::Onetime => 0,
                Self::Monthly | Self::Quarterly | Self::HalfYearly | Self::Annual => period.months().unwrap_or(0) * 30,
            };
            one * i64::from(count)
        };
        days(self, count) > days(other, other_count)
    }
}

/// What decides where a subscription's periods end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The instant the cycle hangs on.
    pub anchor: Timestamp,
    /// The length of one step.
    pub period: BillingPeriod,
    /// How many steps make one period; at least 1.
    pub count: u32,
    /// Where the calendar is read.
    pub zone: Zone,
    /// No boundary lies beyond it.
    pub end: Option<Timestamp>,
}

impl Cycle {
    /// The period that begins at `start`.
    pub fn period_from(&self, start: Timestamp) -> Result<Period, Invalid> {
        Ok(Period::new(start, next_boundary(start, self)?))
    }
}

/// The first boundary after `start`; the cycle's end when that comes first, also when `start` is at or beyond it.
///
/// Refuses a count of 0, [`BillingPeriod::Onetime`], and a boundary beyond the year 9999.
pub fn next_boundary(start: Timestamp, cycle: &Cycle) -> Result<Timestamp, Invalid> {
    if cycle.count == 0 {
        return Err(Invalid::field("billing_period_count", "billing_period_count must be at least 1"));
    }
    if cycle.period == BillingPeriod::Onetime {
        return Err(Invalid::field("billing_period", "a subscription cannot be billed ONETIME"));
    }
    let date = cycle.zone.date(start);
    // Counting from the next date is for clocks that went back over midnight: there a date's first midnight lies before instants
    // of the day before.
    let boundary = [date, days_later(date, 1)]
        .into_iter()
        .map(|date| boundary_from(date, cycle))
        .find(|boundary| boundary.is_none_or(|boundary| boundary > start))
        .flatten();
    match (boundary, cycle.end) {
        (Some(boundary), end) => Ok(end.map_or(boundary, |end| boundary.min(end))),
        (None, Some(end)) => Ok(end),
        (None, None) => Err(Invalid::input("a billing period ends beyond the year 9999").with("start", start)),
    }
}

/// The boundary that follows a local date; none on the calendar's last date, which stands for all that lies beyond it.
fn boundary_from(date: NaiveDate, cycle: &Cycle) -> Option<Timestamp> {
    let anchor = cycle.zone.wall(cycle.anchor);
    let count = i64::from(cycle.count);
    let boundary = match cycle.period {
        BillingPeriod::Daily | BillingPeriod::Onetime => days_later(date, count),
        BillingPeriod::Weekly => days_later(date, days_to_weekly_anchor(date, anchor.date(), count)),
        BillingPeriod::Monthly => monthly(date, anchor.date(), count),
        BillingPeriod::Quarterly => on_anchor_grid(date, anchor.date(), 3 * count),
        BillingPeriod::HalfYearly => on_anchor_grid(date, anchor.date(), 6 * count),
        BillingPeriod::Annual => annual(date, anchor.date(), count),
    };
    (boundary < LAST_DATE).then(|| cycle.zone.instant(boundary.and_time(time_of_day(anchor))))
}

/// The boundary one period before `anchor`, in the zone: the start of the full calendar period that a stub belongs to.
pub fn previous_boundary(anchor: Timestamp, period: BillingPeriod, count: u32, zone: Zone) -> Timestamp {
    let a = zone.wall(anchor);
    let count = i64::from(count);
    let date = match period {
        BillingPeriod::Daily => days_later(a.date(), -count),
        BillingPeriod::Weekly => days_later(a.date(), -7 * count),
        _ => month_shifted(a.year(), a.month(), -count * period.months().unwrap_or(0), a.day()),
    };
    zone.instant(date.and_time(a.time()))
}

/// The anchor of calendar billing: the first boundary strictly after the start, at local midnight (spec 30 §5.1). A start exactly
/// on a boundary gets the next one, so that the first period is full.
pub fn calendar_anchor(start: Timestamp, period: BillingPeriod, zone: Zone) -> Timestamp {
    let date = zone.date(start);
    // As in `next_boundary`: where clocks went back over midnight, a date's first midnight lies before instants of the day before.
    let anchors = [date, days_later(date, 1)].map(|date| calendar_anchor_from(date, period, zone));
    anchors.into_iter().find(|anchor| *anchor > start).unwrap_or(Timestamp::MAX)
}

/// The calendar boundary that follows a local date.
fn calendar_anchor_from(date: NaiveDate, period: BillingPeriod, zone: Zone) -> Timestamp {
    let first_of_next = |months: i64| {
        let into = i64::from(date.month() - 1) % months;
        month_shifted(date.year(), date.month(), months - into, 1)
    };
    zone.midnight(match period {
        BillingPeriod::Daily | BillingPeriod::Onetime => days_later(date, 1),
        BillingPeriod::Weekly => days_later(date, 7 - i64::from(date.weekday().num_days_from_monday())),
        BillingPeriod::Monthly => first_of_next(1),
        BillingPeriod::Quarterly => first_of_next(3),
        BillingPeriod::HalfYearly => first_of_next(6),
        BillingPeriod::Annual => first_of_next(12),
    })
}

fn days_to_weekly_anchor(start: NaiveDate, anchor: NaiveDate, count: i64) -> i64 {
    let weekday = |date: NaiveDate| i64::from(date.weekday().num_days_from_monday());
    match (weekday(anchor) - weekday(start)).rem_euclid(7) {
        0 => 7 * count,
        days => days + 7 * (count - 1),
    }
}

fn monthly(start: NaiveDate, anchor: NaiveDate, count: i64) -> NaiveDate {
    let day = anchor.day().min(days_in_month(start.year(), start.month()));
    // A start before the anchor's day has a short first period, whatever the count.
    let months = if start.day() < day { 0 } else { count };
    month_shifted(start.year(), start.month(), months, anchor.day())
}

fn annual(start: NaiveDate, anchor: NaiveDate, count: i64) -> NaiveDate {
    let this_year = month_shifted(start.year(), anchor.month(), 0, anchor.day());
    if start < this_year { this_year } else { month_shifted(start.year(), anchor.month(), 12 * count, anchor.day()) }
}

/// The first of anchor + k·step months (k of either sign) on a date after the start's.
fn on_anchor_grid(start: NaiveDate, anchor: NaiveDate, step: i64) -> NaiveDate {
    let index = |date: NaiveDate| i64::from(date.year()) * 12 + i64::from(date.month());
    // The last of them in the start's month or before. The one after it lies in a later month, so it is later whatever its day.
    let k = (index(start) - index(anchor)).div_euclid(step);
    let date = |k: i64| month_shifted(anchor.year(), anchor.month(), k * step, anchor.day());
    if date(k) > start { date(k) } else { date(k + 1) }
}

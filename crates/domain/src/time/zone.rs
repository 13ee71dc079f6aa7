//! Time zones, and the passage between wall time and instants (spec 30 §5.3).

use std::fmt;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;

use super::{Period, Timestamp};
use crate::invalid::Invalid;

/// An IANA time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zone(Tz);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads an IANA name; empty means UTC.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        if name.is_empty() {
            return Ok(Self::UTC);
        }
        name.parse()
            .map(Self)
            .map_err(|_| Invalid::field("timezone", "timezone must be an IANA name such as Europe/Berlin").with("value", name))
    }

    /// Reads an IANA name, or one of the abbreviations that settings may have, in any case (spec 60 §9). An abbreviation stands for a
    /// place: GMT is London, with its summer time.
    pub fn parse_or_abbreviation(name: &str) -> Result<Self, Invalid> {
        let known = ABBREVIATIONS.iter().find(|(abbreviation, _)| abbreviation.eq_ignore_ascii_case(name));
        Self::parse(known.map_or(name, |(_, zone)| zone))
    }

    /// The wall time of an instant.
    pub(crate) fn wall(self, instant: Timestamp) -> NaiveDateTime {
        let utc = instant.to_datetime().naive_utc();
        utc + self.offset(utc)
    }

    /// The instant of a wall time. In a gap western zones land one hour earlier, eastern ones one hour later; in an overlap the
    /// west takes the first occurrence, the east the second (spec 30 §5.3).
    ///
    /// A gap never moves the result to another local date: where the clocks change at midnight (Havana, Santiago, the Azores) the
    /// day begins after the gap. Else the next billing boundary, counted from the day before, would be the same instant again.
    pub(crate) fn instant(self, wall: NaiveDateTime) -> Timestamp {
        let first = self.offset(wall);
        let candidate = wall - first;
        let second = self.offset(candidate);
        if first == second {
            return Timestamp::from_naive_utc(candidate);
        }
        let chosen = Timestamp::from_naive_utc(wall - second);
        if self.date(chosen) == wall.date() { chosen } else { self.occurrences(wall).0 }
    }

    /// The first and the last instant with a wall time: two in an overlap, else one. In a gap the instant after it by as much as the
    /// wall time lies inside it; on a day that a zone skipped whole, the beginning of the next.
    pub(crate) fn occurrences(self, wall: NaiveDateTime) -> (Timestamp, Timestamp) {
        let (early, late) = self.candidates(wall);
        let reads_wall = |utc: NaiveDateTime| utc + self.offset(utc) == wall;
        let (first, last) = match (reads_wall(early), reads_wall(late)) {
            (true, true) => (early, late),
            (true, false) => (early, early),
            (false, _) => (late, late),
        };
        (Timestamp::from_naive_utc(first), Timestamp::from_naive_utc(last))
    }

    /// The wall time by the offsets in force the day before and the day after it; no zone changes its clocks twice within two days.
    fn candidates(self, wall: NaiveDateTime) -> (NaiveDateTime, NaiveDateTime) {
        let (before, after) = (self.offset(wall - TimeDelta::days(1)), self.offset(wall + TimeDelta::days(1)));
        (wall - before.max(after), wall - before.min(after))
    }

    /// The instant at which the local day of `date` begins: its first midnight, or the end of the gap that swallowed it.
    pub fn midnight(self, date: NaiveDate) -> Timestamp {
        self.occurrences(date.and_time(NaiveTime::MIN)).0
    }

    /// The local date of an instant.
    pub fn date(self, instant: Timestamp) -> NaiveDate {
        self.wall(instant).date()
    }

    /// The local day that holds an instant, from midnight to midnight.
    pub fn day_around(self, instant: Timestamp) -> Period {
        let date = self.date(instant);
        step_around(instant, |step| self.midnight(days_later(date, step)))
    }

    fn offset(self, utc: NaiveDateTime) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.0.offset_from_utc_datetime(&utc).fix().local_minus_utc()))
    }
}

const ABBREVIATIONS: &[(&str, &str)] = &[
    ("IST", "Asia/Kolkata"),
    ("EST", "America/New_York"),
    ("CST", "America/Chicago"),
    ("MST", "America/Denver"),
    ("PST", "America/Los_Angeles"),
    ("HST", "Pacific/Honolulu"),
    ("AKST", "America/Anchorage"),
    ("GMT", "Europe/London"),
    ("BST", "Europe/London"),
    ("CET", "Europe/Berlin"),
    ("EET", "Europe/Athens"),
    ("WET", "Europe/Lisbon"),
    ("JST", "Asia/Tokyo"),
    ("KST", "Asia/Seoul"),
    ("CCT", "Asia/Shanghai"),
    ("AEST", "Australia/Sydney"),
    ("AWST", "Australia/Perth"),
    ("MSK", "Europe/Moscow"),
    ("CAT", "Africa/Harare"),
    ("EAT", "Africa/Nairobi"),
    ("WAT", "Africa/Lagos"),
];

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// The number of days of a month.
pub(super) fn days_in_month(year: i32, month: u32) -> u32 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    NaiveDate::from_ymd_opt(next_year, next_month, 1).and_then(|first| first.pred_opt()).map_or(28, |last| last.day())
}

/// `year`, `month` moved by `months`, with the day `day` clamped to the month's length; the date kept within the years 1 to 9999.
pub(crate) fn month_shifted(year: i32, month: u32, months: i64, day: u32) -> NaiveDate {
    let index = i64::from(year) * 12 + i64::from(month) - 1 + months;
    let month = u32::try_from(index.rem_euclid(12)).unwrap_or(0) + 1;
    match i32::try_from(index.div_euclid(12)) {
        Ok(year) if year < 1 => FIRST_DATE,
        Ok(year) if year <= 9999 => NaiveDate::from_ymd_opt(year, month, day.clamp(1, days_in_month(year, month))).unwrap_or(LAST_DATE),
        _ if index < 0 => FIRST_DATE,
        _ => LAST_DATE,
    }
}

/// The date moved by `days`, kept within the years 1 to 9999.
pub(crate) fn days_later(date: NaiveDate, days: i64) -> NaiveDate {
    let step = Days::new(days.unsigned_abs());
    if days < 0 {
        date.checked_sub_days(step).unwrap_or(FIRST_DATE).max(FIRST_DATE)
    } else {
        date.checked_add_days(step).unwrap_or(LAST_DATE).min(LAST_DATE)
    }
}

/// The stretch that holds an instant, of those between `start_of(-1)`, `start_of(0)`, `start_of(1)` and `start_of(2)`. The instant's own
/// local date may be off by one: where clocks go back over midnight, dates do not rise with time.
pub(crate) fn step_around(instant: Timestamp, start_of: impl Fn(i64) -> Timestamp) -> Period {
    let (start, end) = (start_of(0), start_of(1));
    if instant < start {
        Period::new(start_of(-1), start)
    } else if instant < end {
        Period::new(start, end)
    } else {
        Period::new(end, start_of(2))
    }
}

const FIRST_DATE: NaiveDate = NaiveDate::from_ymd_opt(1, 1, 1).expect("a date of the calendar");
/// Where dates beyond the year 9999 are kept.
pub(super) const LAST_DATE: NaiveDate = NaiveDate::from_ymd_opt(9999, 12, 31).expect("a date of the calendar");

/// The hour, minute and second of a wall time: sub-seconds do not take part in billing boundaries.
pub(super) fn time_of_day(wall: NaiveDateTime) -> NaiveTime {
    wall.time().with_nanosecond(0).unwrap_or(NaiveTime::MIN)
}

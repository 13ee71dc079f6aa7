//! Windows of usage: their size and where they begin (spec 10 §8.1).

use chrono::{Datelike, NaiveTime, TimeDelta};

use crate::time::{Period, Timestamp, Zone, days_later, month_shifted, step_around};

/// The size of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowSize {
    /// A minute; zone-free.
    Minute,
    /// A quarter of an hour.
    Minutes15,
    /// Half an hour.
    Minutes30,
    /// An hour.
    Hour,
    /// Three hours from local midnight.
    Hours3,
    /// Six hours from local midnight.
    Hours6,
    /// Twelve hours from local midnight.
    Hours12,
    /// A local day.
    Day,
    /// A local week from Monday.
    Week,
    /// A local month, from the 1st or the anchor's day.
    Month,
}

text_enum!(WindowSize {
    Minute = "MINUTE",
    Minutes15 = "15MIN",
    Minutes30 = "30MIN",
    Hour = "HOUR",
    Hours3 = "3HOUR",
    Hours6 = "6HOUR",
    Hours12 = "12HOUR",
    Day = "DAY",
    Week = "WEEK",
    Month = "MONTH",
});

impl WindowSize {
    /// Its usual length in seconds; a month counts 30 days.
    pub const fn nominal_seconds(self) -> i64 {
        const HOUR: i64 = 3600;
        match self {
            Self::Minute => 60,
            Self::Minutes15 => 15 * 60,
            Self::Minutes30 => 30 * 60,
            Self::Hour => HOUR,
            Self::Hours3 => 3 * HOUR,
            Self::Hours6 => 6 * HOUR,
            Self::Hours12 => 12 * HOUR,
            Self::Day => 24 * HOUR,
            Self::Week => 7 * 24 * HOUR,
            Self::Month => 30 * 24 * HOUR,
        }
    }
}

/// A division of time into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Their size.
    pub size: WindowSize,
    /// Where days begin.
    pub zone: Zone,
    /// The day of the month on which MONTH windows begin, clamped to the month's length; 1 without a billing anchor.
    pub month_day: u32,
}

impl Window {
    /// Windows of a size in a zone, months from the 1st.
    pub fn new(size: WindowSize, zone: Zone) -> Self {
        Self { size, zone, month_day: 1 }
    }

    /// Windows whose months begin on the anchor's day, as the anchor's date stands in the zone; on the 1st without an anchor.
    pub fn anchored(size: WindowSize, zone: Zone, anchor: impl Into<Option<Timestamp>>) -> Self {
        Self { size, zone, month_day: anchor.into().map_or(1, |anchor| zone.date(anchor).day()) }
    }

    /// The window that holds an instant.
    pub fn around(&self, instant: Timestamp) -> Period {
        let minutes = match self.size {
            WindowSize::Minute => return aligned(instant, Timestamp::default(), 1),
            WindowSize::Minutes15 => 15,
            WindowSize::Minutes30 => 30,
            WindowSize::Hour => 60,
            WindowSize::Hours3 => 180,
            WindowSize::Hours6 => 360,
            WindowSize::Hours12 => 720,
            WindowSize::Day => return self.zone.day_around(instant),
            WindowSize::Week => {
                let date = self.zone.date(instant);
                let monday = days_later(date, -i64::from(date.weekday().num_days_from_monday()));
                return step_around(instant, |week| self.zone.midnight(days_later(monday, 7 * week)));
            }
            WindowSize::Month => {
                let date = self.zone.date(instant);
                return step_around(instant, |months| self.zone.midnight(month_shifted(date.year(), date.month(), months, self.month_day)));
            }
        };
        self.part_of_day(instant, minutes)
    }

    /// Windows of minutes and hours. Neighbours share their bounds, so nothing is counted twice or lost when clocks change: an hour that
    /// is repeated makes two windows, a window of several hours is longer or shorter that day.
    fn part_of_day(&self, instant: Timestamp, minutes: i64) -> Period {
        let day = self.zone.day_around(instant);
        if day.micros() == DAY_MICROS {
            return aligned(instant, day.start, minutes);
        }
        let (mut start, mut end) = (day.start, day.end);
        // A day without change of clocks never comes here, so the scan of up to 96 bounds is rare.
        let midnight = self.zone.date(day.start).and_time(NaiveTime::MIN);
        for index in 0..24 * 60 / minutes {
            let (first, last) = self.zone.occurrences(midnight + TimeDelta::minutes(index * minutes));
            for bound in if minutes <= 60 { [first, last] } else { [first, first] } {
                if bound <= instant {
                    start = start.max(bound);
                } else {
                    end = end.min(bound);
                }
            }
        }
        Period::new(start, end)
    }
}

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

fn aligned(instant: Timestamp, origin: Timestamp, minutes: i64) -> Period {
    let micros = minutes * 60 * 1_000_000;
    let start = instant.plus_micros(-(instant.micros() - origin.micros()).rem_euclid(micros));
    Period::new(start, start.plus_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(size: WindowSize, zone: &str, at: &str) -> String {
        Window::new(size, Zone::parse(zone).unwrap()).around(at.parse().unwrap()).start.to_string()
    }

    #[test]
    fn days_follow_local_midnight_across_daylight_saving() {
        let day = |at: &str| start(WindowSize::Day, "America/New_York", at);
        assert_eq!(day("2024-11-03T03:59:59Z"), "2024-11-02T04:00:00Z");
        assert_eq!(day("2024-11-03T04:00:00Z"), "2024-11-03T04:00:00Z");
        assert_eq!(day("2024-11-04T04:59:59Z"), "2024-11-03T04:00:00Z");
        assert_eq!(day("2024-11-04T05:00:00Z"), "2024-11-04T05:00:00Z");
        assert_eq!(start(WindowSize::Day, "Asia/Kolkata", "2024-05-31T18:30:00Z"), "2024-05-31T18:30:00Z");
        assert_eq!(start(WindowSize::Month, "Asia/Kolkata", "2024-05-31T18:30:00Z"), "2024-05-31T18:30:00Z");
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(start(WindowSize::Week, "", "2024-06-12T10:00:00Z"), "2024-06-10T00:00:00Z");
    }

    #[test]
    fn anchored_months_clamp_and_recover() {
        let month = |day: u32, at: &str| {
            Window { size: WindowSize::Month, zone: Zone::UTC, month_day: day }.around(at.parse().unwrap()).start.to_string()
        };
        for (day, at, expected) in [
            (15, "2024-03-14T23:59:59Z", "2024-02-15T00:00:00Z"),
            (15, "2024-03-15T00:00:00Z", "2024-03-15T00:00:00Z"),
            (31, "2024-02-28T00:00:00Z", "2024-01-31T00:00:00Z"),
            (31, "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
            (31, "2024-03-30T00:00:00Z", "2024-02-29T00:00:00Z"),
            (31, "2024-03-31T00:00:00Z", "2024-03-31T00:00:00Z"),
            (29, "2023-02-28T00:00:00Z", "2023-02-28T00:00:00Z"),
            (29, "2023-03-28T00:00:00Z", "2023-02-28T00:00:00Z"),
        ] {
            assert_eq!(month(day, at), expected, "day {day} at {at}");
        }
    }

    #[test]
    fn windows_tile_time_on_days_of_change() {
        for zone in ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"] {
            for size in WindowSize::ALL {
                let window = Window::new(*size, Zone::parse(zone).unwrap());
                for day in [
                    "2024-03-09T22:00:00Z",
                    "2024-11-02T22:00:00Z",
                    "2024-03-30T20:00:00Z",
                    "2024-10-26T20:00:00Z",
                    "2024-04-06T12:00:00Z",
                    "2024-10-05T12:00:00Z",
                ] {
                    let mut at: Timestamp = day.parse().unwrap();
                    for _ in 0..60 {
                        let current = window.around(at);
                        assert!(current.contains(at), "{zone} {size} {at}: {current:?}");
                        let next = window.around(current.end);
                        assert_eq!(next.start, current.end, "{zone} {size} {at}");
                        at = current.end;
                    }
                }
            }
        }
    }
}

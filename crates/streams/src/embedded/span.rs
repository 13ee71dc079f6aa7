//! Hours, days and months in UTC: the stretches that have a cell.

use domain::meter::{Window, WindowSize};
use domain::time::{Period, Timestamp, Zone};

/// Microseconds of an hour.
pub(super) const HOUR_MICROS: i64 = 3_600_000_000;
/// Microseconds of a day.
const DAY_MICROS: i64 = 24 * HOUR_MICROS;
/// Added to hour and day numbers, so that all representable years are positive.
const BIAS: i64 = 1 << 29;
/// Bits of the hour or day number; the level stands above them.
const NUMBER_BITS: u32 = 30;

/// How long a stretch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Level {
    Hour,
    Day,
    Month,
}

impl Level {
    /// The next shorter one.
    pub(super) const fn shorter(self) -> Option<Self> {
        match self {
            Self::Month => Some(Self::Day),
            Self::Day => Some(Self::Hour),
            Self::Hour => None,
        }
    }
}

/// One hour, day or month of UTC, as a number whose order is that of time within its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span(u32);

impl Span {
    /// The stretch of a level that holds an instant.
    pub(super) fn around(level: Level, instant: Timestamp) -> Self {
        let (tag, number) = match level {
            Level::Hour => (0, instant.micros().div_euclid(HOUR_MICROS)),
            Level::Day => (1, instant.micros().div_euclid(DAY_MICROS)),
            // Named by its first day.
            Level::Month => (2, month(instant).start.micros().div_euclid(DAY_MICROS)),
        };
        // The years 1 to 9999 hold fewer than 2^27 hours either side of 1970.
        let number = u32::try_from(number + BIAS).unwrap_or(u32::MAX >> 2);
        Self(tag << NUMBER_BITS | number)
    }

    /// From a key.
    pub(super) const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }

    /// For a key; ascending in time within a level.
    pub(super) const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// How long it is.
    pub(super) const fn level(self) -> Level {
        match self.0 >> NUMBER_BITS {
            0 => Level::Hour,
            1 => Level::Day,
            _ => Level::Month,
        }
    }

    /// First instant.
    pub(super) fn start(self) -> Timestamp {
        let number = i64::from(self.0 & (u32::MAX >> 2)) - BIAS;
        Timestamp::from_micros(number * if self.level() == Level::Hour { HOUR_MICROS } else { DAY_MICROS })
    }

    /// All of it.
    pub(super) fn period(self) -> Period {
        let start = self.start();
        match self.level() {
            Level::Hour => Period::new(start, start.plus_micros(HOUR_MICROS)),
            Level::Day => Period::new(start, start.plus_micros(DAY_MICROS)),
            Level::Month => month(start),
        }
    }
}

/// The month of an instant, and the day's place in it, 0 to 30.
pub(super) fn day_of_month(instant: Timestamp) -> (Span, u32) {
    let span = Span::around(Level::Month, instant);
    let day = (instant.micros() - span.start().micros()).div_euclid(DAY_MICROS);
    (span, u32::try_from(day).unwrap_or(0))
}

fn month(instant: Timestamp) -> Period {
    Window::new(WindowSize::Month, Zone::UTC).around(instant)
}

/// How long a stretch of time is whose events, of all customers of a scope, are kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stretch {
    Hour = 0,
    Minute = 1,
    Second = 2,
}

impl Stretch {
    pub(super) const ALL: [Self; 3] = [Self::Hour, Self::Minute, Self::Second];

    /// The next shorter one.
    pub(super) const fn shorter(self) -> Option<Self> {
        match self {
            Self::Hour => Some(Self::Minute),
            Self::Minute => Some(Self::Second),
            Self::Second => None,
        }
    }

    /// The stretch that holds an instant.
    pub(super) fn around(self, instant: Timestamp) -> Period {
        let micros = match self {
            Self::Hour => HOUR_MICROS,
            Self::Minute => 60_000_000,
            Self::Second => 1_000_000,
        };
        let start = Timestamp::from_micros(instant.micros().div_euclid(micros) * micros);
        Period::new(start, start.plus_micros(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_hold_their_instants_and_keep_their_order() {
        let mut before = None;
        for text in
            ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2024-02-29T23:00:00Z", "2024-03-01T00:00:00Z", "9999-11-30T05:00:00Z"]
        {
            let at: Timestamp = text.parse().unwrap();
            for level in [Level::Hour, Level::Day, Level::Month] {
                let span = Span::around(level, at);
                assert!(span.period().contains(at), "{level:?} {text}");
                assert_eq!(Span::from_bytes(span.to_bytes()), span);
                assert_eq!(Span::around(level, span.start()), span);
            }
            assert!(before < Some(Span::around(Level::Hour, at)));
            before = Some(Span::around(Level::Hour, at));
        }
        assert_eq!(day_of_month("2024-02-29T23:00:00Z".parse().unwrap()).1, 28);
        assert_eq!(Span::around(Level::Month, "2024-02-29T23:00:00Z".parse().unwrap()).period().end.to_string(), "2024-03-01T00:00:00Z");
    }

    #[test]
    fn stretches_hold_their_instants() {
        for text in ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2024-02-29T23:10:11.5Z"] {
            let at: Timestamp = text.parse().unwrap();
            let mut around = Stretch::Hour.around(at);
            for stretch in Stretch::ALL {
                let within = stretch.around(at);
                assert!(within.contains(at) && around.start <= within.start && within.end <= around.end, "{stretch:?} {text}");
                assert_eq!(stretch.around(within.start), within);
                around = within;
            }
        }
        assert_eq!(Stretch::Second.around("1969-12-31T23:59:59.999999Z".parse().unwrap()).start.to_string(), "1969-12-31T23:59:59Z");
    }
}

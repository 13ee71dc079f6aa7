//! An instant in UTC with microsecond precision, which is what every store keeps.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

/// Microseconds since 1970-01-01T00:00:00Z, between the years 1 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 instant with a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time with a zone, such as 2025-01-31T10:00:00Z")]
pub struct ParseTimestampError(String);

impl Timestamp {
    /// 0001-01-01T00:00:00Z: before everything.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z: after everything.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// From microseconds since the epoch, kept within the years 1 to 9999.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The instant later by `seconds`, within the representable years.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_micros(seconds.saturating_mul(1_000_000))
    }

    /// The instant later by `micros`, within the representable years.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// The instant cut to whole milliseconds.
    #[must_use]
    pub const fn truncate_to_millis(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1_000))
    }

    /// The instant as the calendar library has it.
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// From the calendar library, cut to microseconds.
    pub fn from_datetime(datetime: DateTime<Utc>) -> Self {
        Self::from_micros(datetime.timestamp_micros())
    }

    pub(super) fn from_naive_utc(naive: NaiveDateTime) -> Self {
        Self::from_datetime(naive.and_utc())
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text)
            .map(|datetime| Self::from_datetime(datetime.with_timezone(&Utc)))
            .map_err(|_| ParseTimestampError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with as many fraction digits as needed: `2025-01-31T10:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_datetime().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc3339_with_a_zone_only() {
        for (input, expected) in [
            ("2024-06-12T12:00:00Z", "2024-06-12T12:00:00Z"),
            ("2024-06-12T14:00:00.5+02:00", "2024-06-12T12:00:00.500Z"),
            ("2024-06-12T12:00:00.123456789Z", "2024-06-12T12:00:00.123456Z"),
        ] {
            assert_eq!(input.parse::<Timestamp>().unwrap().to_string(), expected);
        }
        for bad in ["", "2024-06-12", "2024-06-12T12:00:00", "1718193600", "2024-13-01T00:00:00Z"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }
}

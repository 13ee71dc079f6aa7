//! Durations as Go writes them, in which existing deployments are configured: a sum of numbers with units, `5m30s`, `1.5h`, `300ms`, `0`.

use std::sync::LazyLock;
use std::time::Duration;

use fundu::{CustomDurationParser, CustomTimeUnit, TimeUnit};

static PARSER: LazyLock<CustomDurationParser> = LazyLock::new(|| {
    let units = [
        (TimeUnit::NanoSecond, &["ns"][..]),
        (TimeUnit::MicroSecond, &["us", "µs"]),
        (TimeUnit::MilliSecond, &["ms"]),
        (TimeUnit::Second, &["s"]),
        (TimeUnit::Minute, &["m"]),
        (TimeUnit::Hour, &["h"]),
    ];
    CustomDurationParser::builder()
        .time_units(&units.map(|(unit, names)| CustomTimeUnit::with_default(unit, names)))
        .parse_multiple(None)
        .inner_delimiter(|_| false)
        .outer_delimiter(|_| false)
        .disable_exponent()
        .disable_infinity()
        .build()
});

/// Reads a duration. A number without a unit is refused, except `0`; so is what does not fit 64 bits of nanoseconds, 584 years.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    // Where the unit is missing, the parser would take seconds.
    if text.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let duration: Duration = PARSER.parse(text).ok()?.try_into().ok()?;
    u64::try_from(duration.as_nanos()).is_ok().then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, millis: u64) {
        assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
    }

    #[test]
    fn sums_and_fractions() {
        check("5m30s", 330_000);
        check("168h", 604_800_000);
        check("0s", 0);
        check("0", 0);
        check("1.5h", 5_400_000);
        check("300ms", 300);
        check("1h0m1s", 3_601_000);
        check(".5s", 500);
        check("1.5h30m", 7_200_000);
        check("30s5m", 330_000);
        check("2000µs", 2);
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "5", "5 m", "1h 30m", "m", "-5m", "5d", "5M", "1h30", ".s", "1e3s", "infs", "999999999999h"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}

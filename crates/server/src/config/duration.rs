//! Durations as people write them: a sum of numbers with units, `5m30s`, `1.5h`, `300ms`, `0`.

use std::time::Duration;

/// Units, longest text first where one begins with another.
const UNITS: [(&str, u128); 7] =
    [("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// Reads a duration. A number without a unit is refused, except `0`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let (unit, unit_nanos) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        nanos = nanos.checked_add(scale(number, *unit_nanos)?)?;
        rest = &after[unit.len()..];
    }
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

/// `1.5` of a unit, in whole nanoseconds; what is smaller is cut.
fn scale(number: &str, unit_nanos: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = fraction.get(..fraction.len().min(12))?;
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let power = 10_u128.pow(u32::try_from(digits.len()).ok()?);
    whole.checked_mul(unit_nanos)?.checked_add(part * unit_nanos / power)
}

/// Writes a duration so that [`parse`] reads the same back.
pub(super) fn render(duration: Duration) -> String {
    let mut left = duration.as_nanos();
    if left == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    for (unit, nanos) in [("h", UNITS[6].1), ("m", UNITS[5].1), ("s", UNITS[4].1), ("ms", UNITS[3].1), ("us", 1_000), ("ns", 1)] {
        let count = left / nanos;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
        left %= nanos;
    }
    text
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
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["", "5", "5 m", "m", "-5m", "5d", "1h30", ".s", "1.2.3s", "999999999999h"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn rendering_reads_back() {
        for text in ["5m30s", "168h", "0s", "1h30m", "300ms", "1s500ms"] {
            assert_eq!(render(parse(text).expect(text)), text);
        }
    }
}

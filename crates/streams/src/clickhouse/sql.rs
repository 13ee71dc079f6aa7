//! Values as SQL text. Everything that came from outside goes through here.

use domain::time::Timestamp;

/// A string literal. Control characters are escaped too: some ways to the server end at a zero byte.
pub(super) fn text(value: &str) -> String {
    use std::fmt::Write as _;
    let mut sql = String::with_capacity(value.len() + 2);
    sql.push('\'');
    for character in value.chars() {
        match character {
            '\\' | '\'' => {
                sql.push('\\');
                sql.push(character);
            }
            '\0'..='\x1f' => {
                let _ = write!(sql, "\\x{:02X}", u32::from(character));
            }
            _ => sql.push(character),
        }
    }
    sql.push('\'');
    sql
}

/// A quoted name of a database, table or cluster.
pub(super) fn name(value: &str) -> String {
    format!("`{}`", value.replace('\\', "\\\\").replace('`', "\\`"))
}

/// A list for `IN`.
pub(super) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    list(values.into_iter().map(text))
}

/// Numbers or other literals between commas.
pub(super) fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let mut sql = String::new();
    for value in values {
        if !sql.is_empty() {
            sql.push(',');
        }
        sql.push_str(&value.to_string());
    }
    sql
}

/// 1970-01-01T00:00:00Z: no event is earlier (`Event::validate`).
const EARLIEST: Timestamp = Timestamp::from_micros(0);
/// 2106-01-01T00:00:00Z: every event is earlier.
const LATEST: Timestamp = Timestamp::from_micros(4_291_747_200_000_000);

/// An instant of the range that events have: what lies outside moves to its nearest end.
pub(super) fn clamped(instant: Timestamp) -> Timestamp {
    instant.clamp(EARLIEST, LATEST)
}

/// An instant to compare `DateTime64(6)` columns with.
pub(super) fn instant(instant: Timestamp) -> String {
    format!("fromUnixTimestamp64Micro(toInt64({}), 'UTC')", clamped(instant).micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_quotes() {
        assert_eq!(text(r"a'b\c"), r"'a\'b\\c'");
        assert_eq!(text("\0\n\u{1f}ä"), r"'\x00\x0A\x1Fä'");
        assert_eq!(texts(["a", "b"]), "'a','b'");
        assert_eq!(name("a`b"), r"`a\`b`");
        assert_eq!(list([1, 2]), "1,2");
    }

    #[test]
    fn instants_stay_in_the_range_of_events() {
        assert_eq!(instant(Timestamp::MIN), "fromUnixTimestamp64Micro(toInt64(0), 'UTC')");
        assert_eq!(instant(Timestamp::MAX), "fromUnixTimestamp64Micro(toInt64(4291747200000000), 'UTC')");
    }
}

//! How much a JSON text may hold, found without reading it into anything. Lists and maps of requests have bounds of their own; this one
//! also holds for what serde sets aside until it knows where it belongs (flattened and untagged types), and for lists within lists.

/// Most values of a body, nested ones and the names of members counted.
const VALUES_MAX: usize = 100_000;
/// Longest text of a body, in bytes as it is written.
const TEXT_BYTES_MAX: usize = 2 << 20;

/// The part of a text that may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounded<'a> {
    /// The text, or what comes before the bound.
    pub(crate) json: &'a [u8],
    /// Why the rest is left out. Whoever reads to the end tells of it; bounds on the way there say more.
    pub(crate) cut: Option<&'static str>,
}

/// The first values of a text.
pub(crate) fn bounded(json: &[u8]) -> Bounded<'_> {
    let mut values = 0;
    let mut at = 0;
    while at < json.len() {
        match json[at] {
            b'"' => match end_of_text(json, at + 1) {
                Some(end) => at = end,
                None if json.len() - at > TEXT_BYTES_MAX => {
                    return Bounded { json: &json[..at], cut: Some("a text of the body is longer than 2097152 bytes: shorten it") };
                }
                // The reader finds that it does not end.
                None => break,
            },
            b'[' | b'{' | b',' | b':' => values += 1,
            _ => {}
        }
        if values > VALUES_MAX {
            return Bounded { json: &json[..at], cut: Some("the body holds more than 100000 values: split it") };
        }
        at += 1;
    }
    Bounded { json, cut: None }
}

/// The place of the quote that ends a text, unless the text is too long or does not end.
fn end_of_text(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let end = json.len().min(start + TEXT_BYTES_MAX + 1);
    while at < end {
        match json[at] {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(json: &str) -> Option<(usize, &'static str)> {
        let bounded = bounded(json.as_bytes());
        bounded.cut.map(|why| (bounded.json.len(), why.split(':').next().unwrap_or_default()))
    }

    #[test]
    fn what_is_within_the_bounds_is_read_as_a_whole() {
        let brackets = format!(r#"{{"a":"{}"}}"#, "[{,:".repeat(10_000));
        let quotes = format!(r#"{{"a":"{}"}}"#, r#"\""#.repeat(32_000));
        let members = format!("[{}]", vec!["0"; VALUES_MAX].join(","));
        let longest = format!(r#"["{}"]"#, "x".repeat(TEXT_BYTES_MAX));
        for json in ["", "{}", "[", r#"{"a"#, r#"{"a\"#, &brackets, &quotes, &members, &longest] {
            assert_eq!(cut(json), None, "{}", &json[..json.len().min(50)]);
        }
    }

    #[test]
    fn what_holds_more_is_cut_before_it() {
        let members = format!("[{}]", vec!["0"; VALUES_MAX + 1].join(","));
        assert_eq!(cut(&members), Some((2 * VALUES_MAX + 1, "the body holds more than 100000 values")).map(|(at, why)| (at - 1, why)));
        assert!(cut(&"[".repeat(VALUES_MAX + 1)).is_some());
        assert!(cut(&format!("[{}]", vec!["{}"; 1_000_000].join(","))).is_some());
        for text in ["x".repeat(TEXT_BYTES_MAX + 1), "x".repeat(8 << 20), r#"\""#.repeat(1_100_000)] {
            assert_eq!(cut(&format!(r#"{{"name":"{text}"}}"#)), Some((8, "a text of the body is longer than 2097152 bytes")));
            assert_eq!(cut(&format!(r#"{{"name":"{text}"#)), Some((8, "a text of the body is longer than 2097152 bytes")));
        }
    }
}

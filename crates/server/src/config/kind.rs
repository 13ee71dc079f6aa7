//! The forms a value can take, and how what was given becomes one.

use serde_json::Value as Json;

use super::duration;
use super::listen_address::ListenAddress;
use super::value::Value;

/// An upper bound from here on comes from the width of a type and tells people nothing.
const UNBOUNDED: i64 = u32::MAX as i64;

/// The form of a key's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of some words, in any case.
    OneOf(&'static [&'static str]),
    /// `true/false/1/0/t/f`.
    Bool,
    /// A whole number within bounds, both allowed.
    Whole {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A number with a fraction.
    Number,
    /// Texts separated by commas, or a YAML list.
    List,
    /// `5m30s`, `168h`, `0s`.
    Duration,
    /// `host:port` to listen on.
    Address,
    /// A JSON object, or a YAML mapping.
    Object,
}

impl Kind {
    /// What is allowed, to end "… must be".
    #[must_use]
    pub fn allowed(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::OneOf(["", rest @ ..]) => format!("empty or one of {}", rest.join(", ")),
            Self::OneOf(choices) => format!("one of {}", choices.join(", ")),
            Self::Bool => "true or false (also 1, 0, t, f)".into(),
            Self::Whole { min, max } if *max >= UNBOUNDED => format!("a whole number of at least {min}"),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number => "a number such as 0.25".into(),
            Self::List => "texts separated by commas".into(),
            Self::Duration => "a duration with units, such as 30s, 5m30s or 168h".into(),
            Self::Address => "host:port, such as 127.0.0.1:8080 or :8080 for all interfaces".into(),
            Self::Object => "a JSON object".into(),
        }
    }

    /// A word for the type column of the reference.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::OneOf(choices) => choices.iter().filter(|choice| !choice.is_empty()).copied().collect::<Vec<_>>().join(", "),
            Self::Bool => "bool".into(),
            Self::Whole { min, max } if *max >= UNBOUNDED => format!("whole ≥ {min}"),
            Self::Whole { min, max } => format!("whole {min}–{max}"),
            Self::Number => "number".into(),
            Self::List => "list".into(),
            Self::Duration => "duration".into(),
            Self::Address => "host:port".into(),
            Self::Object => "object".into(),
        }
    }

    /// Reads what a file or a variable holds; `None` when it is not of this form.
    pub(super) fn read(&self, given: &Json) -> Option<Value> {
        match (self, given) {
            (Self::List, Json::Array(items)) => {
                let texts: Option<Vec<String>> = items.iter().map(text_of_scalar).collect();
                Some(Value(texts?.into()))
            }
            (Self::Object, Json::Object(_)) => Some(Value(given.clone())),
            (_, scalar) => self.read_text(&text_of_scalar(scalar)?),
        }
    }

    /// Reads the text form.
    pub(super) fn read_text(&self, text: &str) -> Option<Value> {
        let trimmed = text.trim();
        let value: Json = match self {
            Self::Text => text.into(),
            Self::OneOf(choices) => (*choices.iter().find(|choice| choice.eq_ignore_ascii_case(trimmed))?).into(),
            Self::Bool => read_bool(trimmed)?.into(),
            Self::Whole { min, max } => trimmed.parse::<i64>().ok().filter(|number| (min..=max).contains(&number))?.into(),
            // Written without an exponent, so that it is a number of JSON as well.
            Self::Number => serde_json::from_str(&trimmed.parse::<f64>().ok().filter(|number| number.is_finite())?.to_string()).ok()?,
            Self::List => read_list(trimmed).into(),
            Self::Duration => duration::parse(trimmed).map(|_| trimmed)?.into(),
            Self::Address => ListenAddress::parse(trimmed)?.to_string().into(),
            Self::Object => serde_json::from_str(trimmed).ok().filter(Json::is_object)?,
        };
        Some(Value(value))
    }
}

fn text_of_scalar(given: &Json) -> Option<String> {
    match given {
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) => Some(given.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn read_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => None,
    }
}

/// Commas separate, there is no escaping; blanks around an item and empty items are dropped.
fn read_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kind: Kind, text: &str, expected: Option<Json>) {
        assert_eq!(kind.read_text(text), expected.map(Value), "{kind:?} {text:?}");
    }

    #[test]
    fn booleans_take_six_words_in_any_case() {
        for text in ["true", "TRUE", "t", "1", " True "] {
            check(Kind::Bool, text, Some(json!(true)));
        }
        for text in ["false", "F", "0"] {
            check(Kind::Bool, text, Some(json!(false)));
        }
        for text in ["yes", "on", "2", ""] {
            check(Kind::Bool, text, None);
        }
    }

    #[test]
    fn lists_split_on_commas_only() {
        check(Kind::List, "a:9092, b:9092,", Some(json!(["a:9092", "b:9092"])));
        check(Kind::List, "", Some(json!([])));
        check(Kind::List, "a b;c", Some(json!(["a b;c"])));
    }

    #[test]
    fn whole_numbers_keep_their_bounds() {
        let port = Kind::Whole { min: 0, max: 65535 };
        check(port, "65535", Some(json!(65535)));
        for text in ["65536", "-1", "1.5", "1e3", "abc", "99999999999999999999"] {
            check(port, text, None);
        }
    }

    #[test]
    fn numbers_are_finite_and_shown_plainly() {
        for (text, shown) in [("0.2", "0.2"), ("2", "2"), ("2.0", "2"), (".5", "0.5"), ("1e-3", "0.001")] {
            assert_eq!(Kind::Number.read_text(text).map(|value| value.to_string()).as_deref(), Some(shown));
        }
        check(Kind::Number, "NaN", None);
        check(Kind::Number, "inf", None);
    }

    #[test]
    fn words_are_matched_in_any_case_and_kept_as_listed() {
        let kind = Kind::OneOf(&["PLAIN", "SCRAM-SHA-256"]);
        check(kind, "scram-sha-256", Some(json!("SCRAM-SHA-256")));
        check(kind, "GSSAPI", None);
    }

    #[test]
    fn durations_need_units() {
        check(Kind::Duration, " 5m30s ", Some(json!("5m30s")));
        check(Kind::Duration, "30", None);
    }

    #[test]
    fn objects_are_json_objects() {
        assert!(Kind::Object.read_text(r#"{"a":1}"#).is_some());
        for text in ["[]", "1", "{", "null"] {
            check(Kind::Object, text, None);
        }
    }

    #[test]
    fn a_tree_is_no_scalar_and_a_list_is_no_tree() {
        assert_eq!(Kind::Text.read(&json!(["a"])), None);
        assert_eq!(Kind::List.read(&json!({})), None);
        assert_eq!(Kind::List.read(&json!([["a"]])), None);
        assert_eq!(Kind::List.read(&json!(["a,b", 1])), Some(Value(json!(["a,b", "1"]))));
    }
}

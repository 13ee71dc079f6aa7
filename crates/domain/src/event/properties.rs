//! The first-level properties of an event, read from the JSON text without losing a digit.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::money::Decimal;

/// The first-level properties of one event. Of a key sent twice, the last counts.
///
/// Up to `UNSORTED_MAX` are kept as they were sent: going through them is quicker than sorting them. More are kept sorted, each key once.
#[derive(Debug, Default)]
pub struct Properties<'a>(Vec<Property<'a>>);

type Property<'a> = (Cow<'a, str>, &'a RawValue);

const UNSORTED_MAX: usize = 32;

/// One property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyValue<'a> {
    /// A JSON string.
    Text(Cow<'a, str>),
    /// The literal of a JSON number.
    Number(&'a str),
    /// A JSON boolean.
    Bool(bool),
    /// JSON null.
    Null,
    /// An array or object, as JSON text.
    Composite(&'a str),
}

/// Deepest nesting of arrays and objects in properties, the outermost object included. Readers of JSON take 128 by default, and answers
/// hold properties some levels deep.
pub const PROPERTIES_DEPTH_MAX: usize = 100;

/// Whether valid JSON text nests deeper than `max` levels. Short texts are not looked at: each level takes two bytes.
pub(super) fn is_deeper(json: &str, max: usize) -> bool {
    if json.len() <= 2 * max {
        return false;
    }
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > max {
            return true;
        }
    }
    false
}

impl<'a> Properties<'a> {
    /// Reads the JSON object; an empty text is no properties.
    pub fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        if json.is_empty() { Ok(Self::default()) } else { serde_json::from_str(json) }
    }

    /// The value of a first-level key; `a.b` is a literal key name.
    pub fn get(&self, key: &str) -> Option<PropertyValue<'a>> {
        let found = if self.0.len() > UNSORTED_MAX {
            self.0.binary_search_by(|(name, _)| name.as_ref().cmp(key)).ok().map(|place| &self.0[place])
        } else {
            self.0.iter().rev().find(|(name, _)| name == key)
        };
        found.map(|(_, raw)| PropertyValue::of(raw))
    }

    /// Every key once, in the order of their names, with what [`Properties::get`] gives for it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, PropertyValue<'a>)> {
        let last: BTreeMap<&str, &'a RawValue> = self.0.iter().map(|(name, raw)| (name.as_ref(), *raw)).collect();
        last.into_iter().map(|(name, raw)| (name, PropertyValue::of(raw)))
    }
}

impl<'de: 'a, 'a> serde::Deserialize<'de> for Properties<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<Property<'de>>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of properties")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some((key, value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    pairs.push((key.0, value));
                }
                if pairs.len() > UNSORTED_MAX {
                    sort(&mut pairs);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Visitor).map(Properties)
    }
}

/// By key, the last of each.
fn sort(properties: &mut Vec<Property<'_>>) {
    // Those of one key stay in the order in which they were sent.
    properties.sort_by(|(one, _), (two, _)| one.cmp(two));
    properties.dedup_by(|later, kept| {
        let is_same = later.0 == kept.0;
        if is_same {
            kept.1 = later.1;
        }
        is_same
    });
}

/// An object key that borrows where it holds no escape.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Key<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a property name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Visitor).map(Key)
    }
}

impl<'a> PropertyValue<'a> {
    fn of(raw: &'a RawValue) -> Self {
        let json = raw.get();
        match json.as_bytes().first() {
            Some(b'"') => match serde_json::from_str::<Key<'a>>(json) {
                Ok(text) => Self::Text(text.0),
                Err(_) => Self::Composite(json),
            },
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            Some(b'{' | b'[') | None => Self::Composite(json),
            Some(_) => Self::Number(json),
        }
    }

    /// The text that filters compare and unique values hash: a string is itself, a number its plain digits (`5.0` is `5`,
    /// `1e6` is `1000000`), null is `<nil>`, arrays and objects their JSON (spec 10 §5.2, fixed form).
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(literal) => match literal.parse::<Decimal>() {
                Ok(number) => Cow::Owned(number.to_string()),
                Err(_) => Cow::Borrowed(literal),
            },
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Null => Cow::Borrowed("<nil>"),
            Self::Composite(json) => Cow::Borrowed(json),
        }
    }

    /// The number in it: a JSON number, or a string that is a decimal literal; else `None` (spec 10 §5.3). One that is too large for any
    /// quantity stays too large, so that it is refused and not metered as 0.
    pub fn number(&self) -> Option<Decimal> {
        match self {
            Self::Text(text) => Decimal::from_literal_clamped(text),
            Self::Number(literal) => Decimal::from_literal_clamped(literal),
            Self::Bool(_) | Self::Null | Self::Composite(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nesting_outside_of_texts_is_depth() {
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(!is_deeper(&nested(128), 128));
        assert!(is_deeper(&nested(129), 128));
        assert!(is_deeper(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), 128));
        assert!(!is_deeper(&format!(r#"{{"text":"\\\"{}"}}"#, "[".repeat(1_000)), 128));
        assert!(!is_deeper(&format!("[{}]", vec!["{}"; 1_000].join(",")), 128));
    }

    #[test]
    fn properties_keep_their_literals() {
        let properties =
            Properties::parse(r#"{"a":"x\"y","n":12345678901234567890.10,"b":true,"z":null,"o":{"k":1},"n2":1e6,"a":"last"}"#).unwrap();
        let text = |key: &str| properties.get(key).unwrap().text().into_owned();
        assert_eq!(text("a"), "last");
        assert_eq!(text("n"), "12345678901234567890.1");
        assert_eq!(text("n2"), "1000000");
        assert_eq!(text("b"), "true");
        assert_eq!(text("z"), "<nil>");
        assert_eq!(text("o"), r#"{"k":1}"#);
        assert_eq!(properties.get("missing"), None);
        let names: Vec<_> = properties.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "n", "n2", "o", "z"]);
        assert!(properties.iter().all(|(name, value)| properties.get(name) == Some(value)));
        assert!(Properties::parse("[1]").is_err());
    }
}

//! One pass over a JSON text beside the shape that it should have. Keeps nothing but what it finds, so that its memory does not grow with
//! the text.

use std::fmt::{self, Write as _};

use domain::money::Decimal;
use domain::time::Timestamp;
use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::findings::Findings;
use super::shape::{Fields, Node, Shape, Slot};

/// How `serde_json` hands out a number that is no small whole one, with all its digits: as a map of this key.
const NUMBER: &str = "$serde_json::private::Number";

/// What does not fit. At a syntax error it ends: reading reports that.
pub(super) fn walk(shape: &Shape, json: &[u8]) -> Findings {
    let mut found = Findings::default();
    let mut path = String::new();
    let step = Step { shape, slot: shape.root(), path: &mut path, found: &mut found };
    // The error is the reader's to report.
    let _ends_early = step.deserialize(&mut serde_json::Deserializer::from_slice(json));
    found
}

/// The value at one path.
struct Step<'a> {
    shape: &'a Shape,
    slot: Slot,
    path: &'a mut String,
    found: &'a mut Findings,
}

impl<'a> Step<'a> {
    /// Whichever alternative `fits`, or what stands there anyway.
    fn node(&self, fits: impl Fn(&Node) -> bool) -> &'a Node {
        match self.shape.node(self.slot) {
            Node::OneOf(slots) => {
                let mut nodes = slots.iter().map(|slot| self.shape.node(*slot));
                nodes.clone().find(|node| fits(node)).or_else(|| nodes.next()).unwrap_or(&Node::Anything)
            }
            node => node,
        }
    }

    fn wrong(&mut self, node: &Node, found: &str) {
        match node {
            Node::Words(allowed) => self.found.add_wrong_word(self.path, allowed, found),
            node => self.found.add_wrong(self.path, expected(node), found),
        }
    }

    fn text(mut self, text: &str) {
        let node = self.node(|node| !matches!(node, Node::List(..) | Node::Map(..) | Node::Object(_)));
        let fits = match node {
            Node::Anything | Node::Text => true,
            Node::Words(allowed) => allowed.iter().any(|word| word == text),
            Node::Time => text.parse::<Timestamp>().is_ok(),
            Node::Decimal => text.parse::<Decimal>().is_ok(),
            _ => false,
        };
        if !fits {
            self.wrong(node, text);
        }
    }

    fn number(mut self, text: &str) {
        let node = self.node(|node| matches!(node, Node::Whole | Node::Decimal));
        let fits = match node {
            Node::Anything => true,
            Node::Decimal => text.parse::<Decimal>().is_ok(),
            Node::Whole => text.parse::<i64>().is_ok(),
            _ => false,
        };
        if !fits {
            self.wrong(node, text);
        }
    }

    /// Steps into a part of the value, whose name is added to the path.
    fn within<R>(&mut self, slot: Slot, add: impl FnOnce(&mut String), step: impl FnOnce(Step<'_>) -> R) -> R {
        let length = self.path.len();
        add(self.path);
        let result = step(Step { shape: self.shape, slot, path: self.path, found: self.found });
        self.path.truncate(length);
        result
    }
}

/// To end "must be …".
fn expected(node: &Node) -> &'static str {
    match node {
        Node::Object(_) | Node::Map(..) => "an object",
        Node::List(..) => "a list",
        Node::Text | Node::Words(_) => "a text",
        Node::Time => "an RFC 3339 time with a zone, such as 2025-01-31T00:00:00Z",
        Node::Decimal => "a decimal number, such as \"0.25\"",
        Node::Whole => "a whole number",
        Node::Flag => "true or false",
        Node::Anything | Node::OneOf(_) => "something else",
    }
}

fn add_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape.node(self.slot) {
            Node::Anything => IgnoredAny::deserialize(deserializer).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        if !self.slot.nullable {
            let node = self.node(|_| true);
            self.wrong(node, "null");
        }
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        let node = self.node(|node| matches!(node, Node::Flag));
        if !matches!(node, Node::Flag | Node::Anything) {
            self.wrong(node, if value { "true" } else { "false" });
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(&value.to_string());
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(&value.to_string());
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let node = self.node(|node| matches!(node, Node::List(..)));
        let Node::List(item, most) = node else {
            self.wrong(node, "a list");
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let mut index = 0_usize;
        while most.is_none_or(|most| index < most) {
            // Writing to a text cannot fail.
            let add = |path: &mut String| write!(path, "[{index}]").unwrap_or_default();
            if self.within(*item, add, |step| items.next_element_seed(step))?.is_none() {
                return Ok(());
            }
            index += 1;
        }
        if items.next_element::<IgnoredAny>()?.is_some() {
            self.found.add_too_many(self.path, "items", index);
            return Err(A::Error::custom("too many"));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let Some(first) = members.next_key::<String>()? else {
            let node = self.node(is_object);
            match node {
                Node::Object(fields) => self.missing(fields, &[]),
                Node::Map(..) => {}
                other => self.wrong(other, "an object"),
            }
            return Ok(());
        };
        if first == NUMBER {
            let digits: String = members.next_value()?;
            self.number(&digits);
            return Ok(());
        }
        let node = self.node(is_object);
        let mut seen = Vec::new();
        let mut next = Some(first);
        let mut count = 0_usize;
        while let Some(name) = next {
            match node {
                Node::Object(fields) => match fields.by_name.get_key_value(&name) {
                    Some((known, slot)) => {
                        seen.push(known.as_str());
                        self.within(*slot, |path| add_name(path, &name), |step| members.next_value_seed(step))?;
                    }
                    None => {
                        let near = nearest(&name, fields);
                        self.within(self.slot, |path| add_name(path, &name), |step| step.found.add_unknown(step.path, &name, near));
                        members.next_value::<IgnoredAny>()?;
                    }
                },
                Node::Map(_, Some(most)) if count == *most => {
                    self.found.add_too_many(self.path, "members", count);
                    return Err(A::Error::custom("too many"));
                }
                Node::Map(value, _) => self.within(*value, |path| add_name(path, &name), |step| members.next_value_seed(step))?,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
            count += 1;
            next = members.next_key()?;
        }
        match node {
            Node::Object(fields) => self.missing(fields, &seen),
            Node::Map(..) => {}
            other => self.wrong(other, "an object"),
        }
        Ok(())
    }
}

impl Step<'_> {
    fn missing(&mut self, fields: &Fields, seen: &[&str]) {
        for name in fields.required.iter().filter(|name| !seen.contains(&name.as_str())) {
            self.within(self.slot, |path| add_name(path, name), |step| step.found.add_missing(step.path));
        }
    }
}

fn is_object(node: &Node) -> bool {
    matches!(node, Node::Object(_) | Node::Map(..))
}

/// The known name that was most likely meant.
fn nearest<'a>(name: &str, fields: &'a Fields) -> Option<&'a str> {
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    // A long name is no misspelling, and comparing it would take time.
    if name.len() > 100 {
        return None;
    }
    let asked = plain(name);
    let most = (asked.len() / 4).max(1);
    let distances = fields.by_name.keys().map(|known| (strsim::osa_distance(&asked, &plain(known)), known.as_str()));
    distances.filter(|(distance, _)| *distance <= most).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::super::shape_of;
    use super::*;

    use std::collections::BTreeSet;

    use serde_json::json;
    use utoipa::ToSchema;

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct Order {
        #[schema(required = true)]
        name: Option<String>,
        end_date: Option<Timestamp>,
        amount: Option<Decimal>,
        is_open: Option<bool>,
        lines: Vec<Line>,
        labels: Option<std::collections::BTreeMap<String, String>>,
        settings: Option<serde_json::Value>,
    }

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct Line {
        quantity: i64,
        end_date: Option<Timestamp>,
        #[schema(no_recursion)]
        lines: Option<Vec<Line>>,
    }

    fn found(order: &serde_json::Value) -> Findings {
        walk(&shape_of::<Order>(), order.to_string().as_bytes())
    }

    #[test]
    fn unknown_fields_are_found_wherever_they_stand_with_the_nearest_name() {
        let line = |with: serde_json::Value| json!({"quantity": 1, "lines": [with]});
        let order = json!({
            "name": "n", "endDate": null, "colour": 1, "labels": {"anything": "goes"}, "settings": {"any": [{"thing": 1}]},
            "lines": [line(json!({"quantity": 1, "end_dat": "x"})), line(json!({"quantity": 1, "lines": [{"quantty": 2}]}))],
        });
        let mut unknown: Vec<_> = found(&order).unknown.into_iter().map(|it| (it.path, it.name, it.nearest.unwrap_or_default())).collect();
        unknown.sort();
        let expected = [
            ("colour", "colour", ""),
            ("endDate", "endDate", "end_date"),
            ("lines[0].lines[0].end_dat", "end_dat", "end_date"),
            ("lines[1].lines[0].lines[0].quantty", "quantty", "quantity"),
        ];
        assert_eq!(unknown, expected.map(|(path, name, nearest)| (path.to_owned(), name.to_owned(), nearest.to_owned())));
    }

    #[test]
    fn every_value_that_does_not_fit_is_found() {
        let order = json!({
            "end_date": "tomorrow", "amount": "much", "is_open": "yes", "labels": {"a": 1},
            "lines": [7, {"quantity": 1.5, "lines": {}}],
        });
        let wrong: Vec<_> = found(&order).wrong.into_iter().map(|fault| fault.message).collect();
        let expected = [
            "end_date must be an RFC 3339 time with a zone, such as 2025-01-31T00:00:00Z, not tomorrow",
            "amount must be a decimal number, such as \"0.25\", not much",
            "is_open must be true or false, not yes",
            "labels.a must be a text, not 1",
            "lines[0] must be an object, not 7",
            "lines[1].quantity must be a whole number, not 1.5",
            "lines[1].lines must be a list, not an object",
            "name is required",
        ];
        assert_eq!(BTreeSet::from_iter(wrong.iter().map(String::as_str)), BTreeSet::from(expected));
    }

    #[test]
    fn what_fits_is_not_found() {
        let order = json!({
            "name": null, "end_date": "2025-01-01T00:00:00Z", "amount": 1.50, "is_open": true, "settings": null,
            "lines": [{"quantity": 1, "lines": []}],
        });
        let found = found(&order);
        assert!(found.unknown.is_empty() && found.wrong.is_empty(), "{found:?}");
    }

    #[test]
    fn a_million_unknown_fields_are_not_kept() {
        let members: Vec<_> = (0..100_000).map(|number| format!("\"f{number}\":[1,2,3]")).collect();
        let found = walk(&shape_of::<Order>(), format!("{{{}}}", members.join(",")).as_bytes());
        assert_eq!(found.unknown.len(), 20);
    }
}

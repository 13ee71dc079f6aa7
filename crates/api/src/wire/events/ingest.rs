//! Events as they are sent. Read without copies: this is the hot path of the system.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use app::event::IncomingEvent;
use domain::time::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::body::List;

/// An event to take in.
#[derive(Debug, ToSchema)]
#[schema(as = IngestEventRequest)]
#[expect(dead_code, reason = "stands for the wire format in the OpenAPI document; IngestEvent reads it")]
pub(crate) struct IngestEventSchema {
    /// The caller's idempotency key; a copy of a known id changes nothing. Made up when empty.
    event_id: Option<String>,
    /// What happened.
    event_name: String,
    /// Who did it, by the integrating application's own identifier.
    external_customer_id: String,
    /// Stored as sent.
    customer_id: Option<String>,
    /// When it happened, RFC 3339 with a zone; now without.
    timestamp: Option<Timestamp>,
    /// Free text.
    source: Option<String>,
    /// What meters read: first-level keys.
    #[schema(value_type = Option<Object>)]
    properties: Option<String>,
}

/// Most events of one request; the use case says so of the others that bring events.
pub(super) const EVENTS_MAX: usize = 1000;

/// Events to take in.
#[derive(Debug, ToSchema)]
#[schema(as = BulkIngestEventRequest)]
#[expect(dead_code, reason = "stands for the wire format in the OpenAPI document; Bulk reads it")]
pub(crate) struct BulkIngestSchema {
    /// 1 to 1000 events, all or none.
    #[schema(value_type = Vec<IngestEventSchema>, max_items = 1000)]
    events: List<IngestEventSchema, EVENTS_MAX>,
}

/// One event, borrowed from the body. Keys match in any case, unknown ones are ignored.
#[derive(Debug, Default)]
pub(crate) struct IngestEvent<'a> {
    event_id: Cow<'a, str>,
    event_name: Cow<'a, str>,
    external_customer_id: Cow<'a, str>,
    customer_id: Cow<'a, str>,
    timestamp: Option<Timestamp>,
    source: Cow<'a, str>,
    properties: Option<&'a RawValue>,
    /// Fields that are not read; no more than a header names.
    ignored: Vec<Cow<'a, str>>,
}

/// Most fields that are noted of one event, or one body, as ignored.
const IGNORED_MAX: usize = 8;

/// The body of a bulk request: events, or raw objects. Its key matches in any case.
#[derive(Debug)]
pub(crate) struct Bulk<T> {
    /// What is sent; empty where there is no such key, or null.
    pub(crate) events: List<T, EVENTS_MAX>,
    /// Fields beside them, which are not read.
    ignored: Vec<String>,
}

/// A text that borrows where it holds no escape; null is empty.
#[derive(Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(""))
            }
        }
        deserializer.deserialize_any(TextVisitor).map(Text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for IngestEvent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EventVisitor;
        impl<'de> Visitor<'de> for EventVisitor {
            type Value = IngestEvent<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut event = IngestEvent::default();
                while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
                    let lower = if key.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(key.to_ascii_lowercase()) } else { key };
                    match &*lower {
                        "event_id" => event.event_id = map.next_value::<Text<'de>>()?.0,
                        "event_name" => event.event_name = map.next_value::<Text<'de>>()?.0,
                        "external_customer_id" => event.external_customer_id = map.next_value::<Text<'de>>()?.0,
                        "customer_id" => event.customer_id = map.next_value::<Text<'de>>()?.0,
                        "timestamp" => event.timestamp = map.next_value()?,
                        "source" => event.source = map.next_value::<Text<'de>>()?.0,
                        "properties" => event.properties = properties(map.next_value()?)?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            if event.ignored.len() < IGNORED_MAX {
                                event.ignored.push(lower);
                            }
                        }
                    }
                }
                Ok(event)
            }
        }
        deserializer.deserialize_map(EventVisitor)
    }
}

/// Properties must be an object; null is none.
fn properties<E: serde::de::Error>(raw: &RawValue) -> Result<Option<&RawValue>, E> {
    match raw.get().as_bytes().first() {
        Some(b'{') => Ok(Some(raw)),
        Some(b'n') => Ok(None),
        _ => Err(E::custom("properties must be an object")),
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bulk<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BulkVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for BulkVisitor<T> {
            type Value = Bulk<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with events")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut events, mut ignored) = (List::default(), Vec::new());
                while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
                    if key.eq_ignore_ascii_case("events") {
                        events = map.next_value::<Option<List<T, EVENTS_MAX>>>()?.unwrap_or_default();
                    } else {
                        map.next_value::<IgnoredAny>()?;
                        if ignored.len() < IGNORED_MAX {
                            ignored.push(key.into_owned());
                        }
                    }
                }
                Ok(Bulk { events, ignored })
            }
        }
        deserializer.deserialize_map(BulkVisitor(PhantomData))
    }
}

impl IngestEvent<'_> {
    /// The fields that are not read.
    pub(crate) fn ignored(&self) -> impl Iterator<Item = String> {
        self.ignored.iter().map(ToString::to_string)
    }
}

impl<T> Bulk<T> {
    /// The fields beside the events, which are not read.
    pub(crate) fn ignored(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ignored)
    }
}

impl From<IngestEvent<'_>> for IncomingEvent {
    fn from(event: IngestEvent<'_>) -> Self {
        Self {
            event_id: event.event_id.into_owned(),
            event_name: event.event_name.into_owned(),
            external_customer_id: event.external_customer_id.into_owned(),
            customer_id: event.customer_id.into_owned(),
            timestamp: event.timestamp,
            source: event.source.into_owned(),
            properties: event.properties.map_or_else(String::new, |raw| raw.get().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_in_any_case_and_unknown_ones_are_ignored() {
        let json = r#"{"Event_Name":"api","EXTERNAL_CUSTOMER_ID":"c\"1","extra":[1,{"a":2}],"timestamp":null,"properties":{"n":1.50}}"#;
        let event: IngestEvent<'_> = serde_json::from_str(json).unwrap();
        assert_eq!((event.event_name.as_ref(), event.external_customer_id.as_ref()), ("api", "c\"1"));
        assert_eq!(event.properties.unwrap().get(), r#"{"n":1.50}"#);
        assert_eq!(event.ignored().collect::<Vec<_>>(), ["extra"]);
    }

    #[test]
    fn wrong_types_are_refused() {
        for json in [
            r#"{"event_name":1}"#,
            r#"{"event_name":"a","properties":[1]}"#,
            r#"{"event_name":"a","properties":"x"}"#,
            r#"{"timestamp":""}"#,
            r#"{"timestamp":1718193600}"#,
            r#"{"timestamp":"2024-06-12T12:00:00"}"#,
            r#"[]"#,
        ] {
            assert!(serde_json::from_str::<IngestEvent<'_>>(json).is_err(), "{json}");
        }
    }
}

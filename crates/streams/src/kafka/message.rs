//! The message contract of the event topics (spec 10 §2.1): a JSON object with ten keys, and four headers. Properties travel as the JSON
//! text they were sent as, so no digit of a number is lost. `ingested_at` is sent; the zero time of other producers is replaced by the
//! record's own time.

use std::borrow::Cow;

use domain::event::Event;
use domain::scope::Scope;
use domain::time::Timestamp;
use rdkafka::message::{Header, OwnedHeaders};
use serde_json::value::RawValue;

/// The header with the id of the event; the name is what existing consumers read.
pub(super) const UUID_HEADER: &str = "_watermill_message_uuid";
/// The header with the tenant.
pub(super) const TENANT_HEADER: &str = "tenant_id";
/// The header with the environment.
pub(super) const ENVIRONMENT_HEADER: &str = "environment_id";
/// The header with `tenant:customer`. Only a header: the record's key is the event id, so that every copy of an event lands in one
/// partition (DESIGN decision 2).
pub(super) const PARTITION_KEY_HEADER: &str = "partition_key";

/// Why a message is no event. It is put aside with this reason and never tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Poison(pub(super) String);

/// Writes an event as the value of a message.
pub fn encode_event(scope: &Scope, event: &Event, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing to memory and serializing strings cannot fail.
    let text = |out: &mut Vec<u8>, key: &str, value: &str| {
        out.extend_from_slice(key.as_bytes());
        let _ = serde_json::to_writer(out, value);
    };
    text(out, "{\"id\":", &event.id);
    text(out, ",\"tenant_id\":", scope.tenant_id.as_str());
    text(out, ",\"environment_id\":", scope.environment_id.as_str());
    text(out, ",\"event_name\":", &event.name);
    out.extend_from_slice(b",\"properties\":");
    out.extend_from_slice(if event.properties.is_empty() { b"null" } else { event.properties.as_bytes() });
    text(out, ",\"source\":", &event.source);
    let _ = write!(out, ",\"timestamp\":\"{}\",\"ingested_at\":\"{}\"", event.timestamp, event.ingested_at);
    text(out, ",\"customer_id\":", &event.customer_id);
    text(out, ",\"external_customer_id\":", &event.external_customer_id);
    out.push(b'}');
}

/// The headers of an event's message.
pub(super) fn headers(scope: &Scope, event: &Event) -> OwnedHeaders {
    let tenant = scope.tenant_id.as_str();
    let partition_key = if event.external_customer_id.is_empty() {
        Cow::Borrowed(tenant)
    } else {
        Cow::Owned([tenant, ":", &event.external_customer_id].concat())
    };
    OwnedHeaders::new_with_capacity(4)
        .insert(Header { key: UUID_HEADER, value: Some(event.id.as_str()) })
        .insert(Header { key: TENANT_HEADER, value: Some(tenant) })
        .insert(Header { key: ENVIRONMENT_HEADER, value: Some(scope.environment_id.as_str()) })
        .insert(Header { key: PARTITION_KEY_HEADER, value: Some(partition_key.as_ref()) })
}

/// The value as it is read. Absent texts are empty: what is required is checked afterwards, with a better message.
#[derive(serde::Deserialize)]
struct Wire<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    tenant_id: Option<String>,
    #[serde(default)]
    environment_id: Option<String>,
    #[serde(default)]
    event_name: Option<String>,
    #[serde(default, borrow)]
    properties: Option<&'a RawValue>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    ingested_at: Option<String>,
    #[serde(default)]
    customer_id: Option<String>,
    #[serde(default)]
    external_customer_id: Option<String>,
}

/// Reads an event from the value of a message. `recorded_at` is the record's time, which stands in for a missing ingestion time. Refused
/// is what spec 10 §4 requires and is missing, and what the domain refuses of every event.
pub fn decode_event(value: &[u8], recorded_at: Timestamp) -> Result<(Scope, Event), Poison> {
    // Derived readers would take an array for an object, its items by position.
    if value.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Poison("not an event: an array".to_owned()));
    }
    let wire: Wire<'_> = serde_json::from_slice(value).map_err(|error| Poison(format!("not an event: {error}")))?;
    let required = |name: &str, text: Option<String>| match text {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Poison(format!("{name} is missing"))),
    };
    let time = |name: &str, text: &str| text.parse::<Timestamp>().map_err(|error| Poison(format!("{name}: {error}")));
    let properties = match wire.properties.map(RawValue::get) {
        None | Some("null") => String::new(),
        Some(object) if object.starts_with('{') => object.to_owned(),
        Some(_) => return Err(Poison("properties is not an object".to_owned())),
    };
    let ingested_at = match wire.ingested_at.as_deref() {
        None | Some("") => recorded_at,
        Some(text) => Some(time("ingested_at", text)?).filter(|at| *at > Timestamp::MIN).unwrap_or(recorded_at),
    };
    let scope = Scope {
        tenant_id: required("tenant_id", wire.tenant_id)?.into(),
        environment_id: required("environment_id", wire.environment_id)?.into(),
    };
    let event = Event {
        id: required("id", wire.id)?,
        name: required("event_name", wire.event_name)?.trim().to_owned(),
        external_customer_id: wire.external_customer_id.unwrap_or_default(),
        customer_id: wire.customer_id.unwrap_or_default(),
        timestamp: time("timestamp", &required("timestamp", wire.timestamp)?)?,
        ingested_at,
        source: wire.source.unwrap_or_default(),
        properties,
    };
    event.validate().map_err(|invalid| Poison(invalid.to_string()))?;
    Ok((scope, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn event() -> (Scope, Event) {
        let scope = Scope { tenant_id: "t\"1".into(), environment_id: "e1".into() };
        let event = Event {
            id: "ev/ü\n1".to_owned(),
            name: "api".to_owned(),
            external_customer_id: "c1".to_owned(),
            customer_id: String::new(),
            timestamp: Timestamp::from_micros(1_717_200_000_123_456),
            ingested_at: Timestamp::from_micros(1_717_200_001_000_001),
            source: "s".to_owned(),
            properties: r#"{"n":12345678901234567890.10,"e":1e400,"o":{"k":[1, 2]}}"#.to_owned(),
        };
        (scope, event)
    }

    #[test]
    fn an_event_survives_the_log_to_the_digit() {
        let (scope, mut sent) = event();
        for properties in [sent.properties.clone(), String::new()] {
            sent.properties = properties;
            let mut value = Vec::new();
            encode_event(&scope, &sent, &mut value);
            assert_eq!(decode_event(&value, AT).unwrap(), (scope.clone(), sent.clone()));
        }
    }

    #[test]
    fn the_value_has_the_ten_keys_of_the_contract() {
        let (scope, event) = event();
        let mut value = Vec::new();
        encode_event(&scope, &event, &mut value);
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&value).unwrap();
        let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
        keys.sort_unstable();
        let expected = [
            "customer_id",
            "environment_id",
            "event_name",
            "external_customer_id",
            "id",
            "ingested_at",
            "properties",
            "source",
            "tenant_id",
            "timestamp",
        ];
        assert_eq!(keys, expected);
        assert_eq!(object["timestamp"], "2024-06-01T00:00:00.123456Z");
    }

    #[test]
    fn messages_of_other_producers_are_read() {
        let value = br#"{"id":"e","tenant_id":"t","environment_id":"v","event_name":" api ","properties":null,"source":"",
            "timestamp":"2024-06-12T14:00:00.123456789+02:00","ingested_at":"0001-01-01T00:00:00Z","customer_id":"",
            "external_customer_id":"c","unknown":[1]}"#;
        let (scope, event) = decode_event(value, AT).unwrap();
        assert_eq!((scope.tenant_id.as_str(), scope.environment_id.as_str()), ("t", "v"));
        assert_eq!((event.name.as_str(), event.properties.as_str(), event.ingested_at), ("api", "", AT));
        assert_eq!(event.timestamp.to_string(), "2024-06-12T12:00:00.123456Z");
    }

    #[test]
    fn what_is_no_event_is_poison() {
        let full = r#"{"id":"e","tenant_id":"t","environment_id":"v","event_name":"api","timestamp":"2024-06-12T12:00:00Z","external_customer_id":"c"}"#;
        assert!(decode_event(full.as_bytes(), AT).is_ok());
        for (from, to, reason) in [
            (full, "", "not an event"),
            (full, "{", "not an event"),
            (full, "[]", "not an event"),
            (r#""id":"e""#, r#""id":"""#, "id is missing"),
            (r#""id":"e","#, "", "id is missing"),
            (r#""tenant_id":"t""#, r#""tenant_id":null"#, "tenant_id is missing"),
            (r#""environment_id":"v""#, r#""environment_id":"""#, "environment_id is missing"),
            ("api", "  ", "event_name"),
            ("api", "", "event_name is missing"),
            ("2024-06-12T12:00:00Z", "", "timestamp is missing"),
            ("2024-06-12T12:00:00Z", "yesterday", "timestamp"),
            ("2024-06-12T12:00:00Z", "1969-12-31T23:59:59Z", "timestamp"),
            (r#""external_customer_id":"c""#, r#""external_customer_id":"""#, "external_customer_id"),
            (r#""id":"e""#, r#""id":"e","properties":[1]"#, "properties"),
            (r#""id":"e""#, r#""id":7"#, "not an event"),
        ] {
            let error = decode_event(full.replace(from, to).as_bytes(), AT).unwrap_err().to_string();
            assert!(error.contains(reason), "{to}: {error}");
        }
    }
}

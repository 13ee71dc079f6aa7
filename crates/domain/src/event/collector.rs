//! Raw objects of an external collector, and the events they become (spec 10 §13).

use std::collections::BTreeMap;

use super::{Properties, PropertyValue};
use crate::ids::ReprocessId;
use crate::invalid::Invalid;
use crate::money::Decimal;
use crate::scope::Audit;
use crate::time::Timestamp;

/// What became of a raw object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RawOutcome {
    /// It was taken in as an event.
    Ingested,
    /// It lacks what an event needs: nothing to take in.
    Dropped,
    /// It, or the event it became, breaks a rule.
    Failed,
}

text_enum!(RawOutcome { Ingested = "INGESTED", Dropped = "DROPPED", Failed = "FAILED" });

/// The event that a raw object becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectedEvent {
    /// `id`.
    pub id: String,
    /// Provider or service, method and model.
    pub name: String,
    /// `orgId`.
    pub external_customer_id: String,
    /// `targetItemId`.
    pub source: String,
    /// `createdAt`.
    pub timestamp: Timestamp,
    /// All texts, as a JSON object.
    pub properties: String,
}

/// Which raw objects to transform again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReprocessMode {
    /// All of the time.
    All,
    /// Those that were not taken in.
    Pending,
}

text_enum!(ReprocessMode { All = "ALL", Pending = "PENDING" });

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReprocessStatus {
    /// Objects are still to be read.
    Running,
    /// All were read.
    Completed,
}

text_enum!(ReprocessStatus { Running = "RUNNING", Completed = "COMPLETED" });

/// A run that transforms raw objects again, in the order of their times. Empty lists hold for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawReprocess {
    /// Identity.
    pub id: ReprocessId,
    /// Which of the time.
    pub reprocess_mode: ReprocessMode,
    /// Objects at or after this instant.
    pub start_time: Timestamp,
    /// Objects before this instant.
    pub end_time: Timestamp,
    /// Objects taken in at once.
    pub batch_size: i64,
    /// Only of these customers.
    pub external_customer_ids: Vec<String>,
    /// Only of these event names.
    pub event_names: Vec<String>,
    /// Only these ids.
    pub event_ids: Vec<String>,
    /// Where it stands.
    pub reprocess_status: ReprocessStatus,
    /// Objects read.
    pub events_read: i64,
    /// Of those, how many became events; most were known.
    pub events_ingested: i64,
    /// Time of the last object read.
    pub cursor_time: Option<Timestamp>,
    /// Its key; empty before.
    pub cursor_id: String,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Scope, status, dates.
    pub audit: Audit,
}

/// Fields that become properties under their own names, besides all that begin with one of [`COPIED_PREFIXES`].
const COPIED: [&str; 10] = [
    "byok",
    "dataInterface",
    "serviceName",
    "providerName",
    "methodName",
    "startedAt",
    "createdAt",
    "updatedAt",
    "endedAt",
    "referenceCost",
];
const COPIED_PREFIXES: [&str; 2] = ["targetItem", "reference"];

/// The event of a raw object; `None` where it lacks id, customer, method, time or provider. A time that is none is refused.
pub fn transform(json: &str) -> Result<Option<CollectedEvent>, Invalid> {
    let object = Properties::parse(json).map_err(|error| Invalid::input(format!("no JSON object: {error}")))?;
    let field = |key: &str| object.get(key).and_then(|value| text_of(&value)).filter(|text| !text.is_empty());
    let provider = field("providerName").or_else(|| field("serviceName"));
    let (Some(id), Some(customer), Some(method), Some(created_at), Some(provider)) =
        (field("id"), field("orgId"), field("methodName"), field("createdAt"), provider)
    else {
        return Ok(None);
    };
    let timestamp = created_at.parse().map_err(|error| Invalid::field("createdAt", format!("createdAt: {error}")))?;
    let data = data_of(&object);
    let plain = |text: &str| text.trim().to_lowercase();
    let provider = plain(&provider);
    let method = if method.trim() == "BEDROCK_LLM" { "modeling".to_owned() } else { plain(&method) };
    let model = data.get("modelName").map(|name| plain(name)).filter(|name| !name.is_empty());
    let name = [Some(provider.as_str()), Some(method.as_str()), model.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("-");

    let mut properties = data.clone();
    for (key, value) in object.iter() {
        let is_copied = COPIED.contains(&key) || COPIED_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        if let Some(text) = text_of(&value).filter(|_| is_copied) {
            properties.insert(key.to_owned(), text);
        }
    }
    properties.insert("resolvedProviderName".to_owned(), provider);
    properties.insert("resolvedMethodName".to_owned(), method);
    properties.extend(model.map(|model| ("resolvedModelName".to_owned(), model)));
    properties.extend(billable_prompt_tokens(&data));
    properties.extend(billable(&data));
    // A map of texts is always JSON.
    let properties = serde_json::to_string(&properties).unwrap_or_default();
    Ok(Some(CollectedEvent {
        id,
        name,
        external_customer_id: customer,
        source: field("targetItemId").unwrap_or_default(),
        timestamp,
        properties,
    }))
}

/// The id of a raw object, where it has one.
pub fn object_id(json: &str) -> Option<String> {
    let object = Properties::parse(json).ok()?;
    object.get("id").and_then(|value| text_of(&value)).filter(|text| !text.is_empty())
}

fn text_of(value: &PropertyValue<'_>) -> Option<String> {
    (*value != PropertyValue::Null).then(|| value.text().into_owned())
}

/// The entries of `data`; of an object with a `value`, that value.
fn data_of(object: &Properties<'_>) -> BTreeMap<String, String> {
    let Some(PropertyValue::Composite(json)) = object.get("data") else { return BTreeMap::new() };
    // An array has no entries.
    let Ok(data) = Properties::parse(json) else { return BTreeMap::new() };
    let mut entries = BTreeMap::new();
    for (key, value) in data.iter() {
        let inner = match &value {
            PropertyValue::Composite(json) => Properties::parse(json).ok().and_then(|inner| inner.get("value")),
            _ => None,
        };
        if let Some(text) = text_of(inner.as_ref().unwrap_or(&value)) {
            entries.insert(key.to_owned(), text);
        }
    }
    entries
}

/// Prompt tokens that were not cached; what is no whole number counts as 0.
fn billable_prompt_tokens(data: &BTreeMap<String, String>) -> Option<(String, String)> {
    let whole = |key: &str| data.get(key).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    data.contains_key("promptTokens")
        .then(|| ("billablePromptTokens".to_owned(), whole("promptTokens").saturating_sub(whole("cachedPromptTokens")).to_string()))
}

/// What a request is billed by: characters, else milliseconds; times the channels where both are above 0, then with 6 fraction digits.
fn billable(data: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let given = |key: &str, unit: &'static str| data.get(key).filter(|text| !text.is_empty()).map(|text| (text.clone(), unit));
    let Some((value, unit)) = given("numCharacters", "characters").or_else(|| given("durationMS", "milliseconds")) else {
        return Vec::new();
    };
    let positive = |text: &String| text.parse::<Decimal>().ok().filter(Decimal::is_positive);
    let value = match (positive(&value), data.get("channels").and_then(positive)) {
        (Some(number), Some(channels)) => six_digits(&(&number * &channels)),
        _ => value,
    };
    vec![("billable_value".to_owned(), value), ("billable_unit".to_owned(), unit.to_owned())]
}

fn six_digits(number: &Decimal) -> String {
    let text = number.round(6).to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}.{fraction:0<6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> CollectedEvent {
        transform(json).unwrap().unwrap()
    }

    fn properties(json: &str) -> BTreeMap<String, String> {
        serde_json::from_str(&event(json).properties).unwrap()
    }

    fn with_data(data: &str) -> String {
        format!(r#"{{"id":"r1","orgId":"o1","methodName":"Chat","createdAt":"2025-01-05T00:00:00Z","providerName":"P","data":{data}}}"#)
    }

    #[test]
    fn a_raw_object_becomes_an_event_of_texts() {
        let json = r#"{"id":"r1","orgId":"o1","methodName":" BEDROCK_LLM ","createdAt":"2025-01-05T01:00:00+01:00","serviceName":"Fallback",
            "providerName":" AWS ","targetItemId":"item 7","targetItemName":"x","referenceId":5,"byok":true,"other":"left out","endedAt":null,
            "data":{"modelName":{"value":"Titan "},"n":1.50,"flag":false,"nothing":null,"deep":{"a":1}}}"#;
        let found = event(json);
        assert_eq!((found.id.as_str(), found.external_customer_id.as_str(), found.source.as_str()), ("r1", "o1", "item 7"));
        assert_eq!((found.name.as_str(), found.timestamp.to_string().as_str()), ("aws-modeling-titan", "2025-01-05T00:00:00Z"));
        let expected = [
            ("byok", "true"),
            ("createdAt", "2025-01-05T01:00:00+01:00"),
            ("deep", r#"{"a":1}"#),
            ("flag", "false"),
            ("methodName", " BEDROCK_LLM "),
            ("modelName", "Titan "),
            ("n", "1.5"),
            ("providerName", " AWS "),
            ("referenceId", "5"),
            ("resolvedMethodName", "modeling"),
            ("resolvedModelName", "titan"),
            ("resolvedProviderName", "aws"),
            ("serviceName", "Fallback"),
            ("targetItemId", "item 7"),
            ("targetItemName", "x"),
        ];
        let expected: BTreeMap<String, String> = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(properties(json), expected);
    }

    #[test]
    fn the_service_stands_in_for_a_provider_and_a_model_is_optional() {
        let json = r#"{"id":1,"orgId":"o","methodName":"Embed","createdAt":"2025-01-05T00:00:00Z","providerName":"","serviceName":"Svc"}"#;
        assert_eq!((event(json).name.as_str(), event(json).id.as_str()), ("svc-embed", "1"));
    }

    #[test]
    fn an_object_that_lacks_what_an_event_needs_is_none() {
        let whole = r#"{"id":"r1","orgId":"o1","methodName":"Chat","createdAt":"2025-01-05T00:00:00Z","providerName":"P"}"#;
        assert!(transform(whole).unwrap().is_some());
        for field in ["id", "orgId", "methodName", "createdAt", "providerName"] {
            let renamed = whole.replace(&format!("\"{field}\""), "\"gone\"");
            assert_eq!(transform(&renamed).unwrap(), None, "{field}");
        }
        assert_eq!(transform("{}").unwrap(), None);
        assert!(transform(&whole.replace("2025-01-05T00:00:00Z", "yesterday")).is_err());
        assert!(transform("[1]").is_err());
    }

    #[test]
    fn what_is_billed_is_counted_from_the_data() {
        for (data, tokens) in [
            (r#"{"promptTokens":100,"cachedPromptTokens":"40"}"#, Some("60")),
            (r#"{"promptTokens":"many","cachedPromptTokens":40}"#, Some("-40")),
            (r#"{"promptTokens":1.5}"#, Some("0")),
            (r#"{"cachedPromptTokens":40}"#, None),
        ] {
            assert_eq!(properties(&with_data(data)).get("billablePromptTokens").map(String::as_str), tokens, "{data}");
        }
        for (data, value, unit) in [
            (r#"{"numCharacters":120,"durationMS":9}"#, "120", "characters"),
            (r#"{"durationMS":"1500.25"}"#, "1500.25", "milliseconds"),
            (r#"{"durationMS":1500.25,"channels":2}"#, "3000.500000", "milliseconds"),
            (r#"{"durationMS":"0.33333333","channels":3}"#, "1.000000", "milliseconds"),
            (r#"{"durationMS":1500,"channels":0}"#, "1500", "milliseconds"),
        ] {
            let found = properties(&with_data(data));
            assert_eq!((found["billable_value"].as_str(), found["billable_unit"].as_str()), (value, unit), "{data}");
        }
        assert_eq!(properties(&with_data("{}")).get("billable_value"), None);
        assert_eq!(properties(&with_data("[1,2]")).get("billable_value"), None);
    }
}

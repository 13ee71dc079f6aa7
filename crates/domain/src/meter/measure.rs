//! One event and one meter give one ledger entry, or none (spec 10 §§5.2 to 5.4).

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::{Aggregation, AggregationType, Filter, Meter};
use crate::event::{Properties, PropertyValue};
use crate::ids::MeterId;
use crate::money::{Decimal, Quantity, QuantityOverflow};

/// SHA-256 of `event_name:field:text(value)`: what COUNT_UNIQUE counts.
pub type UniqueHash = [u8; 32];

/// What one event adds to one meter: a row of the usage ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The meter.
    pub meter_id: MeterId,
    /// How much; never negative.
    pub quantity: Quantity,
    /// Only for COUNT_UNIQUE over a present property.
    pub unique_hash: Option<UniqueHash>,
    /// Only for a meter with `group_by`: the text of that property, empty where the event has none. Of a text beyond 255
    /// bytes the end is replaced by its hash.
    pub group: Option<Box<str>>,
    /// Whether the quantity is weighted by time: only for WEIGHTED_SUM.
    pub weighted: bool,
}

/// Longest group value, in bytes.
const GROUP_BYTES_MAX: usize = 255;

/// The entry of one event, or `None` when a filter excludes it or its expression has no value. The caller has matched the event's name.
///
/// A missing or non-numeric field counts as 0 and still makes an entry; a negative quantity becomes 0.
/// Refuses a quantity beyond 10^15 units.
pub fn measure(meter: &Meter, event_name: &str, properties: &Properties<'_>) -> Result<Option<LedgerEntry>, QuantityOverflow> {
    let Some(mut entry) = measure_signed(meter, event_name, properties)? else { return Ok(None) };
    entry.quantity = entry.quantity.max(Quantity::ZERO);
    Ok(Some(entry))
}

/// Like [`measure`], but a negative quantity stays: what the raw-log reads add up (spec 10 §8).
pub fn measure_signed(meter: &Meter, event_name: &str, properties: &Properties<'_>) -> Result<Option<LedgerEntry>, QuantityOverflow> {
    if !meter.filters.iter().all(|filter| matches(filter, properties)) {
        return Ok(None);
    }
    let aggregation = &meter.aggregation;
    let (quantity, unique_hash) = match &aggregation.expression {
        Some(expression) => match expression.evaluate(properties) {
            Ok(value) => (Quantity::from_decimal(&multiplied(value, aggregation))?, None),
            Err(_) => return Ok(None),
        },
        None => quantity_of_field(aggregation, event_name, properties)?,
    };
    let group = if aggregation.group_by.is_empty() { None } else { Some(group(&aggregation.group_by, properties)) };
    let weighted = aggregation.kind == AggregationType::WeightedSum;
    Ok(Some(LedgerEntry { meter_id: meter.id.clone(), quantity, unique_hash, group, weighted }))
}

fn quantity_of_field(
    aggregation: &Aggregation,
    event_name: &str,
    properties: &Properties<'_>,
) -> Result<(Quantity, Option<UniqueHash>), QuantityOverflow> {
    let value = properties.get(&aggregation.field);
    Ok(match aggregation.kind {
        AggregationType::Count => (Quantity::ONE, None),
        AggregationType::CountUnique => match &value {
            Some(value) => (Quantity::ONE, Some(unique_hash(event_name, &aggregation.field, value))),
            None => (Quantity::ZERO, None),
        },
        AggregationType::SumWithMultiplier => (Quantity::from_decimal(&multiplied(number(value.as_ref()), aggregation))?, None),
        AggregationType::Sum | AggregationType::Avg | AggregationType::Latest | AggregationType::Max | AggregationType::WeightedSum => {
            (Quantity::from_decimal(&number(value.as_ref()))?, None)
        }
    })
}

fn multiplied(value: Decimal, aggregation: &Aggregation) -> Decimal {
    match &aggregation.multiplier {
        Some(multiplier) => value * multiplier,
        None => value,
    }
}

fn group(key: &str, properties: &Properties<'_>) -> Box<str> {
    let Some(value) = properties.get(key) else { return Box::default() };
    let text = value.text();
    if text.len() <= GROUP_BYTES_MAX {
        return text.into();
    }
    let begin = &text[..text.floor_char_boundary(GROUP_BYTES_MAX - 65)];
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{begin}#{hash}").into()
}

fn number(value: Option<&PropertyValue<'_>>) -> Decimal {
    value.and_then(PropertyValue::number).unwrap_or_default()
}

fn unique_hash(event_name: &str, field: &str, value: &PropertyValue<'_>) -> UniqueHash {
    let mut hash = Sha256::new();
    for part in [event_name, ":", field, ":", &value.text()] {
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Whether the property exists and equals one of the values: as numbers when both are, else as texts.
pub fn matches(filter: &Filter, properties: &Properties<'_>) -> bool {
    let Some(value) = properties.get(&filter.key) else { return false };
    let text = value.text();
    let number = || -> Option<Decimal> { text.parse().ok() };
    filter
        .values
        .iter()
        .any(|wanted| *wanted == text || wanted.parse::<Decimal>().is_ok_and(|wanted| number().is_some_and(|number| number == wanted)))
}

/// The form in which two texts are the same exactly when [`matches`] takes one for the other: plain digits of a number, else the text itself.
/// For stores that compare without knowing the rule.
pub fn comparable(text: &str) -> Cow<'_, str> {
    match text.parse::<Decimal>() {
        Ok(number) => {
            let plain = number.to_string();
            // Digits too many to be read as a number are a text, and equal no number.
            Cow::Owned(if plain.parse::<Decimal>().is_ok() { plain } else { plain + "\0" })
        }
        Err(_) if text.ends_with('\0') => Cow::Owned(format!("{text}\0")),
        Err(_) => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_compare_as_filters_match() {
        let long = format!("12345678901234567890{}", "0".repeat(62));
        let (marked, twice) = (format!("{long}\0"), format!("{long}\0\0"));
        let texts = [
            "",
            "0",
            "-0",
            "+0.0",
            "0e5",
            "5",
            "5.0",
            "+5",
            "05",
            "5.",
            " 5",
            "5 ",
            "50e-1",
            ".5",
            "0.50",
            "1e6",
            "1E+6",
            "1000000",
            "1e61",
            "1e-60",
            "true",
            "<nil>",
            "1e",
            "e1",
            "12345678901234567890e62",
            "1234567890123456789e59",
            "12345678901234567890e60",
            "5\0",
            "5\0\0",
            &long,
            &marked,
            &twice,
        ];
        for sent in texts {
            for wanted in texts {
                let json = serde_json::json!({ "key": sent }).to_string();
                let filter = Filter { key: "key".to_owned(), values: vec![wanted.to_owned()] };
                let expected = matches(&filter, &Properties::parse(&json).unwrap());
                assert_eq!(comparable(sent) == comparable(wanted), expected, "{sent:?} and {wanted:?}");
            }
        }
    }
}

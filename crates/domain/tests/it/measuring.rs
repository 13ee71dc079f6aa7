//! What events add to a meter (spec 10 §§5.2, 5.3), and what that adds up to (§8).

use std::collections::BTreeSet;

use domain::event::Properties;
use domain::ids::MeterId;
use domain::meter::{Aggregate, Aggregation, AggregationType, Filter, LedgerEntry, Meter, ResetUsage, measure};
use domain::money::{Decimal, Quantity, QuantityOverflow};
use domain::time::{Period, Timestamp};
use num_rational::BigRational;
use proptest::prelude::*;

use crate::support::rational::{exact, ratio, rounded, sum, whole};
use crate::support::{audit, cases, decimal, instant, table};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    usage: Vec<UsageRow>,
    hash: Vec<HashRow>,
    filter: Vec<FilterRow>,
    refused: Vec<RefusedRow>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageRow {
    rule: String,
    kind: AggregationType,
    field: String,
    multiplier: Option<Decimal>,
    events: Vec<String>,
    times: Option<Vec<Timestamp>>,
    quantities: Vec<String>,
    total: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HashRow {
    rule: String,
    event: String,
    field: String,
    values: Vec<String>,
    sha256: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterRow {
    rule: String,
    filters: Vec<Filter>,
    matches: Vec<String>,
    misses: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusedRow {
    rule: String,
    kind: AggregationType,
    field: String,
    multiplier: Option<Decimal>,
    events: Vec<String>,
}

fn golden() -> Table {
    table(include_str!("../golden/measuring.toml"))
}

fn meter(kind: AggregationType, field: &str) -> Meter {
    Meter {
        id: MeterId::from("meter_1"),
        name: "a meter".to_owned(),
        event_name: "api".to_owned(),
        aggregation: Aggregation {
            kind,
            field: field.to_owned(),
            expression: None,
            multiplier: None,
            bucket_size: None,
            group_by: String::new(),
        },
        filters: Vec::new(),
        reset_usage: ResetUsage::BillingPeriod,
        audit: audit(),
    }
}

fn measured(meter: &Meter, event_name: &str, json: &str) -> Result<Option<LedgerEntry>, QuantityOverflow> {
    measure(meter, event_name, &Properties::parse(json).unwrap_or_else(|error| panic!("{error}: {json}")))
}

#[test]
fn usage_is_what_the_table_says() {
    for row in golden().usage {
        let mut meter = meter(row.kind, &row.field);
        meter.aggregation.multiplier = row.multiplier;
        assert_eq!(row.events.len(), row.quantities.len(), "{}: one quantity an event", row.rule);
        let start = instant("2024-06-12T00:00:00Z");
        let times = row.times.unwrap_or_else(|| (0..).map(|second| start.plus_seconds(second)).take(row.events.len()).collect());
        let (mut total, mut hashes) = (Aggregate::default(), BTreeSet::new());
        for (index, (json, expected)) in row.events.iter().zip(&row.quantities).enumerate() {
            let entry = measured(&meter, "api", json).unwrap().unwrap();
            assert_eq!(entry.quantity.to_string(), *expected, "{}: {json}", row.rule);
            assert_eq!(entry.meter_id, meter.id);
            total.add_entry(&entry, times[index], &format!("event_{index}")).unwrap();
            hashes.extend(entry.unique_hash);
        }
        total.unique = hashes.len() as u64;
        assert_eq!(total.usage(row.kind, Period::new(start, start.plus_seconds(86_400))).to_string(), row.total, "{}", row.rule);
    }
}

#[test]
fn unique_hashes_are_those_of_the_table() {
    for row in golden().hash {
        for value in row.values {
            let json = format!(r#"{{"{}":{value}}}"#, row.field);
            let entry = measured(&meter(AggregationType::CountUnique, &row.field), &row.event, &json).unwrap().unwrap();
            let hex: String = entry.unique_hash.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, row.sha256, "{}: {value}", row.rule);
        }
    }
}

#[test]
fn only_unique_counts_carry_a_hash() {
    for kind in AggregationType::ALL {
        let entry = measured(&meter(*kind, "n"), "api", r#"{"n":1}"#).unwrap().unwrap();
        assert_eq!(entry.unique_hash.is_some(), *kind == AggregationType::CountUnique, "{kind}");
    }
}

#[test]
fn filters_match_as_the_table_says() {
    for row in golden().filter {
        let meter = Meter { filters: row.filters, ..meter(AggregationType::Count, "") };
        for (events, expected) in [(row.matches, true), (row.misses, false)] {
            for json in events {
                assert_eq!(measured(&meter, "api", &json).unwrap().is_some(), expected, "{}: {json}", row.rule);
            }
        }
    }
}

#[test]
fn events_with_impossible_quantities_are_refused() {
    for row in golden().refused {
        let mut meter = meter(row.kind, &row.field);
        meter.aggregation.multiplier = row.multiplier;
        for json in row.events {
            assert_eq!(measured(&meter, "api", &json), Err(QuantityOverflow), "{}: {json}", row.rule);
        }
    }
}

#[test]
fn a_sum_that_overflows_changes_nothing() {
    let mut total = Aggregate::default();
    total.add(Quantity::from_units(i128::MAX), instant("2024-06-12T00:00:00Z"), "event_1").unwrap();
    let before = total.clone();
    assert_eq!(total.add(Quantity::ONE, instant("2024-06-13T00:00:00Z"), "event_2"), Err(QuantityOverflow));
    assert_eq!(total.merge(&before), Err(QuantityOverflow));
    assert_eq!(total, before);
}

/// One ledger row: units of 10^-15, second, event number.
type Row = (i128, i64, u32);

/// Rows with many equal times, so that the tie-break of LATEST has work; event numbers are unique.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((0..=1_000_000_000_000_000_000_000_000_000_000_i128, 0..20_i64), 0..40)
        .prop_map(|rows| rows.into_iter().zip(0..).map(|((units, second), number)| (units, second, number)).collect())
}

fn aggregate(rows: &[Row]) -> Aggregate {
    let mut total = Aggregate::default();
    for (units, second, number) in rows {
        let (quantity, timestamp) = (Quantity::from_units(*units), Timestamp::from_micros(second * 1_000_000));
        let entry = LedgerEntry { meter_id: MeterId::default(), quantity, unique_hash: None, group: None, weighted: true };
        total.add_entry(&entry, timestamp, &format!("event_{number:03}")).unwrap();
    }
    total
}

/// The usage straight from the formula of spec 10 §8, in rationals.
fn by_formula(rows: &[Row], kind: AggregationType) -> BigRational {
    let quantities = || rows.iter().map(|(units, ..)| ratio(*units, 15));
    let nothing = || whole(0);
    match kind {
        AggregationType::Count => whole(rows.len()),
        AggregationType::Sum | AggregationType::SumWithMultiplier => sum(quantities()),
        // Each times what is left of 30 seconds.
        AggregationType::WeightedSum => {
            let weighted = rows.iter().map(|(units, second, _)| ratio(*units, 15) * ratio(i128::from(30 - second), 0) / ratio(30, 0));
            rounded(&sum(weighted), 16)
        }
        AggregationType::Avg if rows.is_empty() => nothing(),
        AggregationType::Avg => rounded(&(sum(quantities()) / whole(rows.len())), 16),
        AggregationType::Max => quantities().max().unwrap_or_else(nothing),
        AggregationType::Latest => {
            let latest = rows.iter().max_by_key(|(_, second, number)| (*second, *number));
            latest.map_or_else(nothing, |(units, ..)| ratio(*units, 15))
        }
        AggregationType::CountUnique => nothing(),
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn cells_in_any_partition_and_order_give_the_usage_of_all_rows(
        (rows, parts, order) in rows().prop_flat_map(|rows| {
            let parts = prop::collection::vec(0..6_usize, rows.len());
            (Just(rows).prop_shuffle(), parts, Just(vec![0, 1, 2, 3, 4, 5]).prop_shuffle())
        }),
    ) {
        let mut merged = Aggregate::default();
        for part in order {
            let cell: Vec<Row> = rows.iter().zip(&parts).filter(|(_, of)| **of == part).map(|(row, _)| *row).collect();
            merged.merge(&aggregate(&cell)).unwrap();
        }
        prop_assert_eq!(&merged, &aggregate(&rows), "order of rows");
        for kind in AggregationType::ALL {
            let period = Period::new(Timestamp::from_micros(0), Timestamp::from_micros(30_000_000));
            prop_assert_eq!(exact(&merged.usage(*kind, period)), by_formula(&rows, *kind), "{}", kind);
        }
    }

    #[test]
    fn of_a_key_sent_twice_the_last_counts(
        sent in prop::collection::vec(("[abä\"\u{1}]{0,3}", 0..1_000_u32), 0..90),
        missing in "[abcä]{0,3}",
    ) {
        let pair = |(key, number): &(String, u32)| format!("{}:{number}", serde_json::Value::from(key.as_str()));
        let json = format!("{{{}}}", sent.iter().map(pair).collect::<Vec<_>>().join(","));
        let properties = Properties::parse(&json).unwrap();
        // The plain rule: from the end on, the first of that key.
        let last = |wanted: &str| sent.iter().rev().find(|(key, _)| key == wanted).map(|(_, number)| number.to_string());
        let found = |key: &str| properties.get(key).map(|value| value.text().into_owned());
        for key in sent.iter().map(|(key, _)| key).chain([&missing]) {
            prop_assert_eq!(found(key), last(key), "{:?}", key);
        }
        let names: BTreeSet<&str> = sent.iter().map(|(key, _)| key.as_str()).collect();
        prop_assert_eq!(properties.iter().map(|(name, _)| name).collect::<Vec<_>>(), names.into_iter().collect::<Vec<_>>());
        prop_assert!(properties.iter().all(|(name, value)| properties.get(name) == Some(value)));
    }

    #[test]
    fn a_number_means_the_same_as_a_json_number_and_as_a_string(unscaled in 0..=i128::from(u64::MAX), scale in 0..=20_usize) {
        let digits = format!("{unscaled:0>width$}", width = scale + 1);
        let (integer, fraction) = digits.split_at(digits.len() - scale);
        let literal = if scale == 0 { integer.to_owned() } else { format!("{integer}.{fraction}") };
        let meter = meter(AggregationType::Sum, "n");
        let number = measured(&meter, "api", &format!(r#"{{"n":{literal}}}"#));
        prop_assert_eq!(&number, &measured(&meter, "api", &format!(r#"{{"n":"{literal}"}}"#)));
        prop_assert_eq!(number.map(|entry| entry.unwrap().quantity), Quantity::from_decimal(&decimal(&literal)));
    }

    #[test]
    fn no_properties_upset_a_meter(value in r#"(null|true|-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,25})?|"[^"\\\x00-\x1f]{0,20}"|\[\]|\{\})"#) {
        let json = format!(r#"{{"n":{value}}}"#);
        // A leading zero is no JSON; everything else is metered or refused, and never negative.
        if let Ok(properties) = Properties::parse(&json) {
            for kind in AggregationType::ALL {
                if let Ok(entry) = measure(&meter(*kind, "n"), "api", &properties) {
                    prop_assert!(entry.unwrap().quantity >= Quantity::ZERO);
                }
            }
        }
    }
}

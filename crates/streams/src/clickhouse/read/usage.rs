//! Usage of meters in periods: whole hours from cells, the two edges from rows, all questions in one query.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::meter::Aggregate;
use domain::scope::Scope;
use domain::time::Period;

use super::aggregate::{AggregateRow, HOUR_MICROS, PARTS, UNITED, belongs};
use crate::clickhouse::engine::Engine;
use crate::clickhouse::sql;
use crate::{EventStoreError, UsageQuery};

/// Questions that differ in their meter alone are asked together.
type Groups = BTreeMap<(Vec<String>, i64, i64), BTreeSet<String>>;

/// The usage of several meters, in the order of the queries.
pub(in crate::clickhouse) async fn usage(
    engine: &Engine,
    scope: &Scope,
    queries: &[UsageQuery],
) -> Result<Vec<Aggregate>, EventStoreError> {
    let mut groups = Groups::new();
    for query in queries {
        if let Some(key) = group(query) {
            groups.entry(key).or_default().insert(query.meter_id.as_str().to_owned());
        }
    }
    let mut answers = HashMap::new();
    if !groups.is_empty() {
        for row in engine.rows::<AggregateRow>(&query_text(engine.ledger_table(), scope, &groups)).await? {
            answers.insert((row.key, row.names.concat()), row.aggregate()?);
        }
    }
    let numbers: HashMap<_, u64> = groups.into_keys().zip(0..).collect();
    let answer = |query: &UsageQuery| {
        let number = numbers.get(&group(query)?)?;
        answers.get(&(*number, query.meter_id.as_str().to_owned())).cloned()
    };
    Ok(queries.iter().map(|query| answer(query).unwrap_or_default()).collect())
}

/// `None` when no event can lie in the period.
fn group(query: &UsageQuery) -> Option<(Vec<String>, i64, i64)> {
    let (start, end) = (sql::clamped(query.period.start), sql::clamped(query.period.end));
    let customers: BTreeSet<&String> = query.external_customer_ids.iter().collect();
    (start < end).then(|| (customers.into_iter().cloned().collect(), start.micros(), end.micros()))
}

fn query_text(table: &str, scope: &Scope, groups: &Groups) -> String {
    let mut branches = Vec::new();
    for (number, ((customers, start, end), meters)) in groups.iter().enumerate() {
        let belongs = belongs(scope, customers);
        let meters = sql::texts(meters.iter().map(String::as_str));
        let mut branch = |condition: String| {
            branches.push(format!(
                "SELECT toUInt64({number}) AS key, meter_id, {PARTS} FROM {table} WHERE {belongs} AND meter_id IN ({meters}) AND {condition} GROUP BY meter_id"
            ));
        };
        // The first whole hour, and the one after the last.
        let (first, until) = ((start + HOUR_MICROS - 1).div_euclid(HOUR_MICROS), end.div_euclid(HOUR_MICROS));
        if first >= until {
            branch(between(*start, *end));
            continue;
        }
        branch(format!("hour >= {first} AND hour < {until}"));
        let edges: Vec<String> = [(*start, first * HOUR_MICROS), (until * HOUR_MICROS, *end)]
            .into_iter()
            .filter(|(start, end)| start < end)
            .map(|(start, end)| format!("({})", between(start, end)))
            .collect();
        if !edges.is_empty() {
            branch(format!("({})", edges.join(" OR ")));
        }
    }
    format!("SELECT key, [toString(meter_id)] AS names, {UNITED} FROM ({}) GROUP BY key, meter_id", branches.join(" UNION ALL "))
}

/// The rows from one instant until before another, in microseconds.
pub(super) fn between(start: i64, end: i64) -> String {
    use domain::time::Timestamp;
    let period = Period::new(Timestamp::from_micros(start), Timestamp::from_micros(end));
    format!("timestamp >= {} AND timestamp < {}", sql::instant(period.start), sql::instant(period.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(start: &str, end: &str) -> String {
        let query = |meter: &str| UsageQuery {
            external_customer_ids: vec!["b".into(), "a".into(), "b".into()],
            meter_id: meter.into(),
            period: Period::new(start.parse().unwrap(), end.parse().unwrap()),
        };
        let mut groups = Groups::new();
        for meter in ["m1", "m2"] {
            groups.entry(group(&query(meter)).unwrap()).or_default().insert(meter.to_owned());
        }
        query_text("usage_ledger", &Scope { tenant_id: "t".into(), environment_id: "e".into() }, &groups)
    }

    #[test]
    fn edges_come_from_rows_and_whole_hours_from_cells() {
        let selects = |start, end| text(start, end).matches("FROM usage_ledger").count();
        assert_eq!(selects("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"), 1);
        assert_eq!(selects("2024-01-01T00:00:00.000001Z", "2024-01-02T00:00:00Z"), 2);
        assert_eq!(selects("2024-01-01T00:30:00Z", "2024-01-02T00:30:00Z"), 2);
        assert_eq!(selects("2024-01-01T00:10:00Z", "2024-01-01T01:50:00Z"), 1);
        assert!(
            text("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z").contains("IN ('a','b') AND meter_id IN ('m1','m2') AND hour >= 473352")
        );
    }
}

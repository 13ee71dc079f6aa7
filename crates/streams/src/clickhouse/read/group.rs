//! Usage told apart by group. Source and the meter's own group stand in each row; properties stand in the markers, so rows of one event are
//! brought together first where a question needs them. That is a grouping and no join, which a cluster answers like any other.

use std::collections::BTreeSet;

use domain::meter::comparable;
use domain::scope::Scope;
use domain::time::Period;

use super::aggregate::{AggregateRow, PARTS, UNITED, belongs};
use super::count::HOUR;
use super::piece::{INSTANT, ledger_pieces, within};
use super::usage::between;
use crate::clickhouse::engine::Engine;
use crate::clickhouse::sql;
use crate::{EventStoreError, GroupKey, GroupUsage, GroupedQuery};

/// The usage per window and group that has rows, ascending by both.
pub(in crate::clickhouse) async fn usage_by_group(
    engine: &Engine,
    scope: &Scope,
    asked: &GroupedQuery,
) -> Result<Vec<GroupUsage>, EventStoreError> {
    let query = &asked.query;
    let period = Period::new(sql::clamped(query.period.start), sql::clamped(query.period.end));
    if period.is_empty() {
        return Ok(Vec::new());
    }
    let belongs = belongs(scope, &query.external_customer_ids);
    let mut found = Vec::new();
    let Some(window) = asked.window else {
        let text = query_text(asked, "toUInt64(0)", &format!("{belongs} AND {}", between(period.start.micros(), period.end.micros())), 0);
        for row in engine.rows::<AggregateRow>(&text).await? {
            found.push(group_usage(row, query.period)?);
        }
        return bounded(found, asked.groups_max);
    };
    let of_meter = format!("{belongs} AND meter_id = {}", sql::text(query.meter_id.as_str()));
    for piece in ledger_pieces(engine, &of_meter, period, window).await? {
        let hours: BTreeSet<i64> = piece.whole.iter().chain(&piece.split).copied().collect();
        let hours: Vec<i64> = hours.into_iter().collect();
        let condition = format!("{belongs} AND {}", within(&hours, period, HOUR));
        let text = query_text(asked, &piece.window_of(INSTANT), &condition, found.len());
        for row in engine.rows::<AggregateRow>(&text).await? {
            let window = piece.window(row.key)?;
            found.push(group_usage(row, window)?);
        }
        found = bounded(found, asked.groups_max)?;
    }
    Ok(found)
}

fn group_usage(mut row: AggregateRow, window: Period) -> Result<GroupUsage, EventStoreError> {
    Ok(GroupUsage { group: std::mem::take(&mut row.names), window, usage: row.aggregate()? })
}

fn bounded(found: Vec<GroupUsage>, groups_max: usize) -> Result<Vec<GroupUsage>, EventStoreError> {
    if found.len() > groups_max { Err(EventStoreError::TooManyGroups(groups_max)) } else { Ok(found) }
}

/// One row more than the answer may have tells that it has too many.
fn query_text(asked: &GroupedQuery, key: &str, condition: &str, before: usize) -> String {
    let properties: Vec<&str> = asked.by.iter().filter_map(property).collect::<BTreeSet<_>>().into_iter().collect();
    let rows = if properties.is_empty() && asked.filter.properties.is_empty() {
        let meter = sql::text(asked.query.meter_id.as_str());
        format!("usage_ledger WHERE {condition} AND meter_id = {meter}{}", of_sources(asked))
    } else {
        format!("({})", by_event(asked, &properties, condition))
    };
    let names: Vec<String> = asked.by.iter().map(|key| name(key, &properties)).collect();
    let names = format!("CAST([{}], 'Array(String)')", names.join(", "));
    let limit = asked.groups_max.saturating_add(1).saturating_sub(before);
    format!(
        "SELECT key, names, {UNITED} FROM (SELECT {key} AS key, {names} AS names, {PARTS} FROM {rows} GROUP BY key, names) \
         GROUP BY key, names ORDER BY key, names LIMIT {limit}"
    )
}

fn property(key: &GroupKey) -> Option<&str> {
    match key {
        GroupKey::Property(name) => Some(name),
        GroupKey::Meter | GroupKey::Source => None,
    }
}

/// The value of a key in a row.
fn name(key: &GroupKey, properties: &[&str]) -> String {
    match key {
        GroupKey::Meter => "ifNull(group_value, '')".to_owned(),
        GroupKey::Source => "source".to_owned(),
        GroupKey::Property(name) => sent(properties.iter().position(|known| known == name).unwrap_or_default()),
    }
}

/// The column of a property that was asked for.
fn sent(number: usize) -> String {
    format!("sent_{number}")
}

/// The rows of the meter, each with properties of its event, by the columns that aggregates read. The names between keep the column of the
/// table from being taken for its aggregate.
fn by_event(asked: &GroupedQuery, properties: &[&str], condition: &str) -> String {
    let meter = sql::text(asked.query.meter_id.as_str());
    let columns = ["timestamp", "quantity", "unique_hash", "group_value", "weighted", "source"];
    let mut outer: Vec<String> = columns.iter().map(|column| format!("entry_{column} AS {column}")).collect();
    let mut inner: Vec<String> = columns.iter().map(|column| format!("anyIf({column}, meter_id = {meter}) AS entry_{column}")).collect();
    for (number, name) in properties.iter().enumerate() {
        let sent = sent(number);
        inner.push(format!("anyIf(properties[{}], meter_id = '') AS {sent}", sql::text(name)));
        outer.push(sent);
    }
    let filters = if asked.filter.properties.is_empty() {
        String::new()
    } else {
        let filters = asked.filter.properties.iter().map(|(key, values)| has_property(key, values));
        format!(" AND (meter_id != '' OR ({}))", filters.collect::<Vec<_>>().join(" AND "))
    };
    format!(
        "SELECT event_id, {} FROM (SELECT event_id, {} FROM usage_ledger WHERE {condition} AND meter_id IN ('', {meter}){}{filters} \
         GROUP BY event_id HAVING countIf(meter_id = '') > 0 AND countIf(meter_id = {meter}) > 0)",
        outer.join(", "),
        inner.join(", "),
        of_sources(asked)
    )
}

fn of_sources(asked: &GroupedQuery) -> String {
    let sources = &asked.filter.sources;
    if sources.is_empty() { String::new() } else { format!(" AND source IN ({})", sql::texts(sources.iter().map(String::as_str))) }
}

/// Whether a marker has a property with any of the values, by the rule of meter filters.
fn has_property(key: &str, values: &[String]) -> String {
    if values.is_empty() {
        return "0".to_owned();
    }
    let key = sql::text(key);
    let values: Vec<_> = values.iter().map(|value| comparable(value)).collect();
    let values = sql::texts(values.iter().map(AsRef::as_ref));
    format!("(mapContains(properties, {key}) AND if(mapContains(comparables, {key}), comparables[{key}], properties[{key}]) IN ({values}))")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{RowFilter, UsageQuery};

    fn text(by: &[GroupKey], filter: RowFilter) -> String {
        let period = Period::new("2024-01-01T00:00:00Z".parse().unwrap(), "2024-02-01T00:00:00Z".parse().unwrap());
        let query = UsageQuery { external_customer_ids: Vec::new(), meter_id: "m".into(), period };
        query_text(&GroupedQuery { query, filter, by: by.to_vec(), window: None, groups_max: 10 }, "toUInt64(0)", "1", 3)
    }

    #[test]
    fn markers_are_read_for_properties_alone() {
        let sources = RowFilter { sources: vec!["a'b".to_owned()], properties: BTreeMap::new() };
        let plain = text(&[GroupKey::Source, GroupKey::Meter], sources);
        assert!(plain.contains("FROM usage_ledger WHERE 1 AND meter_id = 'm' AND source IN ('a\\'b') GROUP BY key"), "{plain}");
        assert!(plain.contains("CAST([source, ifNull(group_value, '')], 'Array(String)')") && plain.ends_with("LIMIT 8"), "{plain}");
        let twice = [GroupKey::Property("b".to_owned()), GroupKey::Property("a".to_owned()), GroupKey::Property("b".to_owned())];
        let joined = text(&twice, RowFilter::default());
        assert!(joined.contains("CAST([sent_1, sent_0, sent_1], 'Array(String)')") && joined.contains("meter_id IN ('', 'm')"), "{joined}");
    }

    #[test]
    fn values_are_compared_in_their_comparable_form() {
        let properties = BTreeMap::from([("k".to_owned(), vec!["5.0".to_owned(), "x'".to_owned()]), ("none".to_owned(), Vec::new())]);
        let filtered = text(&[], RowFilter { sources: Vec::new(), properties });
        assert!(filtered.contains("properties['k']) IN ('5','x\\'')) AND 0)"), "{filtered}");
    }
}

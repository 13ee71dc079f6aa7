//! Usage told apart by group. Source and the meter's own group stand in each row; properties stand in the markers, so rows of one event are
//! brought together first where a question needs them. That is a grouping and no join, which a cluster answers like any other.

use std::collections::{BTreeMap, BTreeSet};

use domain::meter::{Window, comparable};
use domain::scope::Scope;
use domain::time::Period;

use super::aggregate::{AggregateRow, PARTS, UNITED, belongs};
use super::count::HOUR;
use super::piece::{INSTANT, ledger_pieces, within};
use super::usage::{between, usage};
use super::window::usage_by_window;
use crate::clickhouse::engine::Engine;
use crate::clickhouse::sql;
use crate::room::Room;
use crate::{EventStoreError, GroupKey, GroupUsage, GroupedPart, GroupedQuery, RowFilter, UsageQuery};

/// The usage per window and group that has rows, ascending by both, in the order of the parts.
pub(in crate::clickhouse) async fn usage_by_group(
    engine: &Engine,
    scope: &Scope,
    asked: &GroupedQuery,
) -> Result<Vec<Vec<GroupUsage>>, EventStoreError> {
    let is_whole = |part: &GroupedPart| asked.filter == RowFilter::default() && part.by.is_empty();
    let mut answers = vec![Vec::new(); asked.parts.len()];
    let totals: Vec<usize> = (0..answers.len()).filter(|n| is_whole(&asked.parts[*n]) && asked.parts[*n].window.is_none()).collect();
    let mut room = Room::new(asked.groups_max);
    for (number, total) in totals.iter().zip(usage(engine, scope, &total_queries(asked, &totals)).await?) {
        if total.events > 0 {
            room.take(1)?;
            answers[*number].push(GroupUsage { group: Vec::new(), window: asked.parts[*number].period, usage: total });
        }
    }
    let belongs = belongs(scope, &asked.external_customer_ids);
    for set in sets(asked, |number| !totals.contains(&number)) {
        let mut found = Found { set: &set, answers: &mut answers, room: &mut room };
        let period = Period::new(sql::clamped(set.period.start), sql::clamped(set.period.end));
        if period.is_empty() {
            continue;
        }
        let of_meters = format!("{belongs} AND meter_id IN ({})", set.meter_list());
        match set.window {
            Some(window) if asked.filter == RowFilter::default() && set.by.is_empty() => {
                usage_by_window(engine, &of_meters, period, window, &mut found).await?;
            }
            Some(window) => {
                for piece in ledger_pieces(engine, &of_meters, period, window).await? {
                    let hours: BTreeSet<i64> = piece.whole.iter().chain(&piece.split).copied().collect();
                    let hours: Vec<i64> = hours.into_iter().collect();
                    let condition = format!("{belongs} AND {}", within(&hours, period, HOUR));
                    let text = query_text(engine.ledger_table(), &asked.filter, &set, &piece.window_of(INSTANT), &condition, found.limit());
                    for row in engine.rows::<AggregateRow>(&text).await? {
                        found.add(piece.window(row.key)?, row)?;
                    }
                }
            }
            None => {
                let condition = format!("{belongs} AND {}", between(period.start.micros(), period.end.micros()));
                let text = query_text(engine.ledger_table(), &asked.filter, &set, "toUInt64(0)", &condition, found.limit());
                for row in engine.rows::<AggregateRow>(&text).await? {
                    found.add(set.period, row)?;
                }
            }
        }
    }
    Ok(answers)
}

fn total_queries(asked: &GroupedQuery, numbers: &[usize]) -> Vec<UsageQuery> {
    let query = |number: &usize| {
        let GroupedPart { meter_id, period, .. } = &asked.parts[*number];
        UsageQuery { external_customer_ids: asked.external_customer_ids.clone(), meter_id: meter_id.clone(), period: *period }
    };
    numbers.iter().map(query).collect()
}

/// Parts that differ in their meter alone: they are asked together.
struct Set<'a> {
    by: &'a [GroupKey],
    window: Option<Window>,
    period: Period,
    /// The places of their parts.
    meters: BTreeMap<&'a str, Vec<usize>>,
}

impl Set<'_> {
    /// For `IN`.
    fn meter_list(&self) -> String {
        sql::texts(self.meters.keys().copied())
    }
}

fn sets(asked: &GroupedQuery, is_wanted: impl Fn(usize) -> bool) -> Vec<Set<'_>> {
    let mut sets: Vec<Set<'_>> = Vec::new();
    for (number, part) in asked.parts.iter().enumerate().filter(|(number, _)| is_wanted(*number)) {
        let known = sets.iter().position(|set| set.by == part.by && set.window == part.window && set.period == part.period);
        let set = known.unwrap_or_else(|| {
            sets.push(Set { by: &part.by, window: part.window, period: part.period, meters: BTreeMap::new() });
            sets.len() - 1
        });
        sets[set].meters.entry(part.meter_id.as_str()).or_default().push(number);
    }
    sets
}

/// Takes in the answers to a set.
pub(super) struct Found<'a> {
    set: &'a Set<'a>,
    answers: &'a mut [Vec<GroupUsage>],
    /// For the answers to all sets.
    room: &'a mut Room,
}

impl Found<'_> {
    /// One row more than the answer may still have tells that it has too many.
    pub(super) fn limit(&self) -> usize {
        self.room.left().saturating_add(1)
    }

    /// Takes in a row, whose first name is its meter.
    pub(super) fn add(&mut self, window: Period, mut row: AggregateRow) -> Result<(), EventStoreError> {
        let mut group = std::mem::take(&mut row.names);
        let meter = if group.is_empty() { String::new() } else { group.remove(0) };
        let numbers = self.set.meters.get(meter.as_str()).ok_or_else(|| EventStoreError::Corrupt(format!("{meter} was not asked for")))?;
        self.room.take(numbers.len())?;
        let usage = row.aggregate()?;
        for number in numbers {
            self.answers[*number].push(GroupUsage { group: group.clone(), window, usage: usage.clone() });
        }
        Ok(())
    }
}

fn query_text(table: &str, filter: &RowFilter, set: &Set<'_>, key: &str, condition: &str, limit: usize) -> String {
    let properties: Vec<&str> = set.by.iter().filter_map(property).collect::<BTreeSet<_>>().into_iter().collect();
    let rows = if properties.is_empty() && filter.properties.is_empty() {
        format!("{table} WHERE {condition} AND meter_id IN ({}){}", set.meter_list(), of_sources(filter))
    } else {
        format!("({})", by_event(table, filter, set, &properties, condition))
    };
    let names: Vec<String> =
        std::iter::once("toString(meter_id)".to_owned()).chain(set.by.iter().map(|key| name(key, &properties))).collect();
    let names = format!("CAST([{}], 'Array(String)')", names.join(", "));
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

/// The rows of the meters, each with properties of its event, by the columns that aggregates read.
fn by_event(table: &str, filter: &RowFilter, set: &Set<'_>, properties: &[&str], condition: &str) -> String {
    const COLUMNS: [&str; 7] = ["meter_id", "timestamp", "quantity", "unique_hash", "group_value", "weighted", "source"];
    let mut outer: Vec<String> = COLUMNS.iter().zip(1..).map(|(column, number)| format!("entry.{number} AS {column}")).collect();
    let mut inner = vec![format!("groupArrayIf(({}), meter_id != '') AS entries", COLUMNS.join(", "))];
    for (number, name) in properties.iter().enumerate() {
        let sent = sent(number);
        inner.push(format!("anyIf(properties[{}], meter_id = '') AS {sent}", sql::text(name)));
        outer.push(sent);
    }
    let filters = if filter.properties.is_empty() {
        String::new()
    } else {
        let filters = filter.properties.iter().map(|(key, values)| has_property(key, values));
        format!(" AND (meter_id != '' OR ({}))", filters.collect::<Vec<_>>().join(" AND "))
    };
    format!(
        "SELECT event_id, {} FROM (SELECT event_id, {} FROM {table} WHERE {condition} AND meter_id IN ('', {}){}{filters} \
         GROUP BY event_id HAVING countIf(meter_id = '') > 0) ARRAY JOIN entries AS entry",
        outer.join(", "),
        inner.join(", "),
        set.meter_list(),
        of_sources(filter)
    )
}

fn of_sources(filter: &RowFilter) -> String {
    let sources = &filter.sources;
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
    use super::*;

    fn text(by: &[GroupKey], filter: RowFilter) -> String {
        let period = Period::new("2024-01-01T00:00:00Z".parse().unwrap(), "2024-02-01T00:00:00Z".parse().unwrap());
        let part = |meter: &str| GroupedPart { meter_id: meter.into(), period, by: by.to_vec(), window: None };
        let parts = vec![part("m"), part("n"), part("m")];
        let asked = GroupedQuery { external_customer_ids: Vec::new(), filter, parts, groups_max: 10 };
        let sets = sets(&asked, |_| true);
        assert_eq!((sets.len(), &sets[0].meters), (1, &BTreeMap::from([("m", vec![0, 2]), ("n", vec![1])])));
        query_text("usage_ledger", &asked.filter, &sets[0], "toUInt64(0)", "1", 8)
    }

    #[test]
    fn markers_are_read_for_properties_alone() {
        let sources = RowFilter { sources: vec!["a'b".to_owned()], properties: BTreeMap::new() };
        let plain = text(&[GroupKey::Source, GroupKey::Meter], sources);
        assert!(plain.contains("FROM usage_ledger WHERE 1 AND meter_id IN ('m','n') AND source IN ('a\\'b') GROUP BY key"), "{plain}");
        assert!(plain.contains("CAST([toString(meter_id), source, ifNull(group_value, '')], 'Array(String)')"), "{plain}");
        assert!(plain.ends_with("LIMIT 8"), "{plain}");
        let twice = [GroupKey::Property("b".to_owned()), GroupKey::Property("a".to_owned()), GroupKey::Property("b".to_owned())];
        let joined = text(&twice, RowFilter::default());
        assert!(joined.contains("CAST([toString(meter_id), sent_1, sent_0, sent_1], 'Array(String)')"), "{joined}");
        assert!(joined.contains("meter_id IN ('', 'm','n')"), "{joined}");
    }

    #[test]
    fn values_are_compared_in_their_comparable_form() {
        let properties = BTreeMap::from([("k".to_owned(), vec!["5.0".to_owned(), "x'".to_owned()]), ("none".to_owned(), Vec::new())]);
        let filtered = text(&[], RowFilter { sources: Vec::new(), properties });
        assert!(filtered.contains("properties['k']) IN ('5','x\\'')) AND 0)"), "{filtered}");
    }
}

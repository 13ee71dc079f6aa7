//! Usage told apart by what rows and their events carry: from single rows, in bounded memory.

use std::collections::HashMap;

use domain::event::Properties;
use domain::meter::{Aggregate, Filter};
use domain::scope::Scope;
use domain::time::Period;

use super::bodies::Bodies;
use super::events::{has_properties, property_filters};
use super::held::Held;
use super::usage::{Question, add_entry, usage_by_window};
use super::view::View;
use super::walk::{Walk, Windows};
use crate::embedded::codec::put_text;
use crate::embedded::ledger::{Entry, Head, Row};
use crate::embedded::span::{Level, Span};
use crate::{EventStoreError, GroupKey, GroupUsage, GroupedQuery, RowFilter};

/// Bytes of all groups' texts together. Properties may be long: beyond this there are too many groups, however few were asked for.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// The usage per window and group that has rows, ascending by window and group.
pub(in crate::embedded) fn usage_by_group(
    view: &View,
    scope: &Scope,
    asked: GroupedQuery,
    hashes_max: usize,
) -> Result<Vec<GroupUsage>, EventStoreError> {
    let groups_max = asked.groups_max;
    let groups = if asked.by.is_empty() && asked.filter == RowFilter::default() {
        ungrouped(view, scope, &asked, hashes_max)?
    } else {
        let Some(question) = Question::find(view, scope, &asked.query, asked.window)? else { return Ok(Vec::new()) };
        Grouping::new(question, &asked).answer(hashes_max)?
    };
    if groups.len() > groups_max { Err(EventStoreError::TooManyGroups(groups_max)) } else { Ok(groups) }
}

/// One group of all rows: aggregates know it.
fn ungrouped(view: &View, scope: &Scope, asked: &GroupedQuery, hashes_max: usize) -> Result<Vec<GroupUsage>, EventStoreError> {
    let windows = match asked.window {
        Some(window) => usage_by_window(view, scope, &asked.query, window, hashes_max)?,
        None => Question::find(view, scope, &asked.query, None)?.map_or_else(|| Ok(Vec::new()), |question| question.answer(hashes_max))?,
    };
    Ok(windows.into_iter().map(|found| GroupUsage { group: Vec::new(), window: found.window, usage: found.usage }).collect())
}

/// A question about groups.
struct Grouping<'a> {
    question: Question<'a>,
    sources: &'a [String],
    properties: Vec<Filter>,
    by: &'a [GroupKey],
    groups_max: usize,
}

/// Groups in the order in which they were met.
#[derive(Default)]
struct Groups {
    found: Vec<GroupUsage>,
    /// By window and texts.
    places: HashMap<Vec<u8>, u32>,
    text_bytes: usize,
}

/// A row that passed the filter.
struct Passed<'r> {
    head: &'r Head<'r>,
    entry: &'r Entry<'r>,
    window: Period,
    /// The values of its group.
    group: &'r [String],
}

impl<'a> Grouping<'a> {
    fn new(question: Question<'a>, asked: &'a GroupedQuery) -> Self {
        let properties = property_filters(&asked.filter.properties);
        Self { question, sources: &asked.filter.sources, properties, by: &asked.by, groups_max: asked.groups_max }
    }

    fn answer(&self, hashes_max: usize) -> Result<Vec<GroupUsage>, EventStoreError> {
        let mut groups = Groups::default();
        let mut held: Held<([u8; 16], u32)> = Held::new(hashes_max);
        self.each(&mut |row| {
            let place = groups.place(row, self.groups_max)?;
            if let Some(hash) = row.entry.unique {
                held.insert((hash, place));
            }
            add_entry(&mut groups.found[place as usize].usage, row.entry, row.head.timestamp, row.head.event_id)
        })?;
        loop {
            for (_, place) in held.values() {
                groups.found[*place as usize].usage.unique += 1;
            }
            if !held.next_pass() {
                break;
            }
            self.each(&mut |row| {
                if let Some(hash) = row.entry.unique {
                    held.insert((hash, groups.place(row, self.groups_max)?));
                }
                Ok(())
            })?;
        }
        let mut found = groups.found;
        found.sort_unstable_by(|one, two| (one.window.start, &one.group).cmp(&(two.window.start, &two.group)));
        Ok(found)
    }

    /// Hands out every row that passes the filter.
    fn each(&self, receive: &mut dyn FnMut(&Passed<'_>) -> Result<(), EventStoreError>) -> Result<(), EventStoreError> {
        let Walk { view, meter, period, window } = self.question.walk;
        if period.is_empty() {
            return Ok(());
        }
        let hours = (Span::around(Level::Hour, period.start), Span::around(Level::Hour, period.end.plus_micros(-1)));
        let mut windows = Windows::new(window, period);
        let mut bodies = Bodies::new(view);
        let mut group = vec![String::new(); self.by.len()];
        self.question.customers.each(view, &mut |customer| {
            view.rows(customer, hours, |row: &Row<'_>| {
                let timestamp = row.head.timestamp;
                if !period.contains(timestamp) {
                    return Ok(());
                }
                row.each_entry(meter.number, |entry| {
                    let Some(window) = windows.of_both(timestamp, timestamp) else { return Ok(()) };
                    if self.passes(&row.head, &entry, &mut bodies, &mut group)? {
                        receive(&Passed { head: &row.head, entry: &entry, window, group: &group })?;
                    }
                    Ok(())
                })
            })
        })
    }

    /// Whether a row passes the filter; then its group's values are noted.
    fn passes(&self, head: &Head<'_>, entry: &Entry<'_>, bodies: &mut Bodies<'_>, group: &mut [String]) -> Result<bool, EventStoreError> {
        let asks_event = !self.sources.is_empty() || !self.properties.is_empty() || self.by.iter().any(|key| *key != GroupKey::Meter);
        let body = if asks_event { Some(bodies.body(head.place)?) } else { None };
        let (source, sent) = body.map_or(("", ""), |body| (body.source, body.properties));
        if !self.sources.is_empty() && !self.sources.iter().any(|wanted| wanted == source) || !has_properties(sent, &self.properties) {
            return Ok(false);
        }
        let mut properties = None;
        for (key, value) in self.by.iter().zip(group) {
            value.clear();
            match key {
                GroupKey::Meter => value.push_str(entry.group.unwrap_or_default()),
                GroupKey::Source => value.push_str(source),
                GroupKey::Property(name) => {
                    let properties = properties.get_or_insert_with(|| Properties::parse(sent).unwrap_or_default());
                    if let Some(property) = properties.get(name) {
                        value.push_str(&property.text());
                    }
                }
            }
        }
        Ok(true)
    }
}

impl Groups {
    /// The place of a row's group; a new one is begun unless there are too many.
    fn place(&mut self, row: &Passed<'_>, groups_max: usize) -> Result<u32, EventStoreError> {
        let mut key = row.window.start.micros().to_be_bytes().to_vec();
        row.group.iter().for_each(|value| put_text(&mut key, value));
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        self.text_bytes += 2 * key.len();
        let place = u32::try_from(self.found.len()).unwrap_or(u32::MAX);
        if self.found.len() == groups_max || self.text_bytes > TEXT_BYTES_MAX || place == u32::MAX {
            return Err(EventStoreError::TooManyGroups(groups_max));
        }
        self.places.insert(key, place);
        self.found.push(GroupUsage { group: row.group.to_vec(), window: row.window, usage: Aggregate::default() });
        Ok(place)
    }
}

//! Usage told apart by what rows and their events carry: all meters of a question in one walk through single rows, in bounded memory.

use std::collections::HashMap;

use domain::event::Properties;
use domain::meter::{Aggregate, Filter, Window, matches};
use domain::scope::Scope;
use domain::time::Period;

use super::bodies::Bodies;
use super::events::property_filters;
use super::held::Held;
use super::usage::{Asked, Customers, add_entry, usage_by_window};
use super::view::View;
use super::walk::Windows;
use crate::embedded::body::Place;
use crate::embedded::codec::put_text;
use crate::embedded::key::{Kind, Number};
use crate::embedded::ledger::{Entry, Head, Row};
use crate::embedded::span::{Level, Span};
use crate::room::Room;
use crate::{EventStoreError, GroupKey, GroupUsage, GroupedQuery, RowFilter};

/// Bytes of all groups' texts together. Properties may be long: beyond this there are too many groups, however few were asked for.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// The usage per window and group that has rows, ascending by window and group, in the order of the parts.
pub(in crate::embedded) fn usage_by_group(
    view: &View,
    scope: &Scope,
    asked: &GroupedQuery,
    hashes_max: usize,
) -> Result<Vec<Vec<GroupUsage>>, EventStoreError> {
    let mut answers = vec![Vec::new(); asked.parts.len()];
    let mut room = Room::new(asked.groups_max);
    // One group of all rows: cells know it.
    let is_whole = |number: &usize| asked.filter == RowFilter::default() && asked.parts[*number].by.is_empty();
    let (whole, divided): (Vec<usize>, Vec<usize>) = (0..asked.parts.len()).partition(is_whole);
    let questions: Vec<Asked<'_>> = whole.iter().map(|number| of_cells(asked, *number)).collect();
    for (number, found) in whole.into_iter().zip(usage_by_window(view, scope, &questions, &mut room, hashes_max)?) {
        answers[number] = found;
    }
    if let Some(grouping) = Grouping::find(view, scope, asked, &divided)? {
        grouping.answer(&mut room, hashes_max, &mut answers)?;
    }
    Ok(answers)
}

fn of_cells(asked: &GroupedQuery, number: usize) -> Asked<'_> {
    let part = &asked.parts[number];
    Asked { customers: &asked.external_customer_ids, meter_id: &part.meter_id, period: part.period, window: part.window }
}

/// A question about groups.
struct Grouping<'a> {
    view: &'a View,
    customers: Customers,
    sources: &'a [String],
    properties: Vec<Filter>,
    /// What of events tells rows apart.
    keys: Vec<&'a GroupKey>,
    /// By their meters.
    parts: Vec<Part>,
    /// Holds the periods of all parts.
    span: Period,
}

/// One meter of the question.
struct Part {
    /// Its place in the question.
    number: usize,
    meter: Number,
    period: Period,
    window: Option<Window>,
    by: Vec<Value>,
}

/// What is a value of a group.
enum Value {
    /// That of the meter's own group.
    OfEntry,
    /// The text of one of the question's keys.
    OfEvent(usize),
}

/// Groups in the order in which they were met, each with the place of its part.
#[derive(Default)]
struct Groups {
    found: Vec<(usize, GroupUsage)>,
    /// By part, window and texts.
    places: HashMap<Vec<u8>, u32>,
    text_bytes: usize,
    /// The last key that was looked up.
    key: Vec<u8>,
}

/// A row that passed the filter.
struct Passed<'r> {
    part: usize,
    head: &'r Head<'r>,
    entry: &'r Entry<'r>,
    window: Period,
    /// What its event has for the keys of the question.
    texts: &'r [String],
}

impl<'a> Grouping<'a> {
    /// `None` when none of the parts can have rows.
    fn find(view: &'a View, scope: &Scope, asked: &'a GroupedQuery, divided: &[usize]) -> Result<Option<Self>, EventStoreError> {
        let Some(scope) = view.scope(scope)? else { return Ok(None) };
        let (mut keys, mut parts) = (Vec::new(), Vec::new());
        for number in divided.iter().copied() {
            let part = &asked.parts[number];
            let Some(meter) = view.numbered(Kind::Meter, scope, part.meter_id.as_str().as_bytes())? else { continue };
            if !part.period.is_empty() {
                let by = part.by.iter().map(|key| value(key, &mut keys)).collect();
                parts.push(Part { number, meter: meter.number, period: part.period, window: part.window, by });
            }
        }
        parts.sort_by_key(|part| part.meter);
        let start = parts.iter().map(|part| part.period.start).min();
        let Some((start, end)) = start.zip(parts.iter().map(|part| part.period.end).max()) else { return Ok(None) };
        let customers = Customers::find(view, scope, &asked.external_customer_ids)?;
        let properties = property_filters(&asked.filter.properties);
        let span = Period::new(start, end);
        Ok(Some(Self { view, customers, sources: &asked.filter.sources, properties, keys, parts, span }))
    }

    fn answer(&self, room: &mut Room, hashes_max: usize, answers: &mut [Vec<GroupUsage>]) -> Result<(), EventStoreError> {
        let mut groups = Groups::default();
        let mut held: Held<([u8; 16], u32)> = Held::new(hashes_max);
        self.each(&mut |row| {
            let place = groups.place(row, &self.parts[row.part].by, room)?;
            if let Some(hash) = row.entry.unique {
                held.insert((hash, place));
            }
            let (_, group) = &mut groups.found[place as usize];
            add_entry(&mut group.usage, row.entry, row.head.timestamp, row.head.event_id)
        })?;
        loop {
            for (_, place) in held.values() {
                groups.found[*place as usize].1.usage.unique += 1;
            }
            if !held.next_pass() {
                break;
            }
            self.each(&mut |row| {
                if let Some(hash) = row.entry.unique {
                    held.insert((hash, groups.place(row, &self.parts[row.part].by, room)?));
                }
                Ok(())
            })?;
        }
        for (part, group) in groups.found {
            answers[self.parts[part].number].push(group);
        }
        for part in &self.parts {
            answers[part.number].sort_unstable_by(|one, two| (one.window.start, &one.group).cmp(&(two.window.start, &two.group)));
        }
        Ok(())
    }

    /// Hands out every row that passes the filter, once for each part that it belongs to. An event is read once for all of them.
    fn each(&self, receive: &mut dyn FnMut(&Passed<'_>) -> Result<(), EventStoreError>) -> Result<(), EventStoreError> {
        let hours = (Span::around(Level::Hour, self.span.start), Span::around(Level::Hour, self.span.end.plus_micros(-1)));
        let mut windows: Vec<Windows> = self.parts.iter().map(|part| Windows::new(part.window, part.period)).collect();
        let mut bodies = Bodies::new(self.view);
        let mut texts = vec![String::new(); self.keys.len()];
        self.customers.each(self.view, &mut |customer| {
            self.view.rows(customer, hours, |row: &Row<'_>| {
                let timestamp = row.head.timestamp;
                let mut is_read = false;
                for entry in row.entries() {
                    let entry = entry?;
                    let first = self.parts.partition_point(|part| part.meter < entry.meter);
                    for (place, part) in self.parts.iter().enumerate().skip(first).take_while(|(_, part)| part.meter == entry.meter) {
                        if !part.period.contains(timestamp) {
                            continue;
                        }
                        if !is_read && !self.passes(row.head.place, &mut bodies, &mut texts)? {
                            return Ok(());
                        }
                        is_read = true;
                        if let Some(window) = windows[place].of_both(timestamp, timestamp) {
                            receive(&Passed { part: place, head: &row.head, entry: &entry, window, texts: &texts })?;
                        }
                    }
                }
                Ok(())
            })
        })
    }

    /// Whether an event passes the filter; then its texts are noted.
    fn passes(&self, place: Place, bodies: &mut Bodies<'_>, texts: &mut [String]) -> Result<bool, EventStoreError> {
        if self.keys.is_empty() && self.sources.is_empty() && self.properties.is_empty() {
            return Ok(true);
        }
        let body = bodies.body(place)?;
        if !self.sources.is_empty() && !self.sources.iter().any(|wanted| wanted == body.source) {
            return Ok(false);
        }
        let asks = !self.properties.is_empty() || self.keys.iter().any(|key| matches!(key, GroupKey::Property(_)));
        let properties = if asks { Properties::parse(body.properties).ok() } else { None };
        let is_match = |filter: &Filter| properties.as_ref().is_some_and(|sent| matches(filter, sent));
        if !self.properties.iter().all(is_match) {
            return Ok(false);
        }
        for (key, text) in self.keys.iter().zip(texts) {
            text.clear();
            match key {
                GroupKey::Source => text.push_str(body.source),
                GroupKey::Property(name) => {
                    if let Some(property) = properties.as_ref().and_then(|sent| sent.get(name)) {
                        text.push_str(&property.text());
                    }
                }
                GroupKey::Meter => {}
            }
        }
        Ok(true)
    }
}

/// Where the value of a key is found; keys of events are noted, each once.
fn value<'a>(key: &'a GroupKey, keys: &mut Vec<&'a GroupKey>) -> Value {
    if *key == GroupKey::Meter {
        return Value::OfEntry;
    }
    Value::OfEvent(keys.iter().position(|known| *known == key).unwrap_or_else(|| {
        keys.push(key);
        keys.len() - 1
    }))
}

impl Groups {
    /// The place of a row's group; a new one is begun unless there are too many.
    fn place(&mut self, row: &Passed<'_>, by: &[Value], room: &mut Room) -> Result<u32, EventStoreError> {
        let text = |value: &Value| match value {
            Value::OfEntry => row.entry.group.unwrap_or_default(),
            Value::OfEvent(key) => &row.texts[*key],
        };
        self.key.clear();
        self.key.extend_from_slice(&row.part.to_be_bytes());
        self.key.extend_from_slice(&row.window.start.micros().to_be_bytes());
        by.iter().for_each(|value| put_text(&mut self.key, text(value)));
        if let Some(place) = self.places.get(&self.key) {
            return Ok(*place);
        }
        room.take(1)?;
        self.text_bytes += 2 * self.key.len();
        if self.text_bytes > TEXT_BYTES_MAX {
            return Err(room.refusal());
        }
        let place = u32::try_from(self.found.len()).map_err(|_| room.refusal())?;
        self.places.insert(self.key.clone(), place);
        let group = by.iter().map(|value| text(value).to_owned()).collect();
        self.found.push((row.part, GroupUsage { group, window: row.window, usage: Aggregate::default() }));
        Ok(place)
    }
}

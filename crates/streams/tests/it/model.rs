//! The plain formula: keeps accepted events in a list and answers by going through all of them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use domain::event::{Event, Properties};
use domain::ids::MeterId;
use domain::meter::{Aggregate, Filter, LedgerEntry, UniqueHash, Window, matches};
use domain::money::Quantity;
use domain::scope::Scope;
use domain::time::{Period, Timestamp};
use streams::{
    Appended, COPIES_KEPT, EventFilter, EventOrder, EventStore, GroupKey, GroupUsage, GroupedPart, GroupedQuery, LateEntry, MeteredEvent,
    RefusedCopy, RowFilter, ScannedEvent, UsageQuery,
};

/// The events of one scope.
#[derive(Clone, Default)]
pub(crate) struct Model {
    accepted: HashMap<String, MeteredEvent>,
    /// Oldest first.
    refused: HashMap<String, Vec<Event>>,
}

impl Model {
    pub(crate) fn append(&mut self, events: &[MeteredEvent]) -> Vec<Appended> {
        let mut outcomes = Vec::new();
        for event in events {
            outcomes.push(match self.accepted.entry(event.event.id.clone()) {
                Entry::Occupied(known) => {
                    self.refused.entry(known.key().clone()).or_default().push(event.event.clone());
                    Appended::Duplicate
                }
                Entry::Vacant(new) => {
                    new.insert(event.clone());
                    Appended::New
                }
            });
        }
        outcomes
    }

    /// Adds the entries that their events lack, and returns how many.
    pub(crate) fn add_entries(&mut self, late: &[LateEntry]) -> u64 {
        let mut added = 0;
        for LateEntry { event_id, entry, .. } in late {
            if let Some(event) = self.accepted.get_mut(event_id)
                && event.entries.iter().all(|known| known.meter_id != entry.meter_id)
            {
                event.entries.push(entry.clone());
                added += 1;
            }
        }
        added
    }

    /// As stores keep them.
    pub(crate) fn entries(&self, id: &str) -> Vec<LedgerEntry> {
        let mut entries = self.accepted.get(id).map(|event| event.entries.clone()).unwrap_or_default();
        entries.sort_by(|one, two| one.meter_id.as_str().cmp(two.meter_id.as_str()));
        entries.iter_mut().filter_map(|entry| entry.unique_hash.as_mut()).for_each(|hash| hash[16..].fill(0));
        entries
    }

    pub(crate) fn copies(&self, id: &str) -> Vec<RefusedCopy> {
        self.refused.get(id).into_iter().flatten().rev().take(COPIES_KEPT).map(|event| RefusedCopy { event: event.clone() }).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.accepted.len()
    }

    pub(crate) fn event(&self, id: &str) -> Option<&Event> {
        self.accepted.get(id).map(|event| &event.event)
    }

    pub(crate) fn usage(&self, query: &UsageQuery) -> Aggregate {
        sum(self.rows(query))
    }

    /// `None` when there are more rows than asked for.
    pub(crate) fn usage_by_group(&self, asked: &GroupedQuery) -> Option<Vec<Vec<GroupUsage>>> {
        let answers: Vec<_> = asked.parts.iter().map(|part| self.part(asked, part)).collect();
        (answers.iter().map(Vec::len).sum::<usize>() <= asked.groups_max).then_some(answers)
    }

    fn part(&self, asked: &GroupedQuery, GroupedPart { meter_id, period, by, window }: &GroupedPart) -> Vec<GroupUsage> {
        let query = UsageQuery { external_customer_ids: asked.external_customer_ids.clone(), meter_id: meter_id.clone(), period: *period };
        let mut groups: BTreeMap<(Timestamp, Vec<String>), (Period, Vec<_>)> = BTreeMap::new();
        for (event, entry) in self.rows(&query).filter(|(event, _)| passes(&asked.filter, event)) {
            let around = window.map_or(*period, |window| window.around(event.timestamp));
            let group = by.iter().map(|key| group_value(key, event, entry)).collect();
            groups.entry((around.start, group)).or_insert_with(|| (around, Vec::new())).1.push((event, entry));
        }
        let usage = |((_, group), (window, rows)): (_, (_, Vec<_>))| GroupUsage { group, window, usage: sum(rows.into_iter()) };
        groups.into_iter().map(usage).collect()
    }

    pub(crate) fn count_events_by_window(&self, period: Period, window: Window) -> Vec<(Period, u64)> {
        let mut counts: BTreeMap<Timestamp, (Period, u64)> = BTreeMap::new();
        for event in self.accepted.values().map(|event| &event.event).filter(|event| period.contains(event.timestamp)) {
            let around = window.around(event.timestamp);
            counts.entry(around.start).or_insert((around, 0)).1 += 1;
        }
        counts.into_values().collect()
    }

    pub(crate) fn events(&self, filter: &EventFilter, order: EventOrder) -> Vec<Event> {
        let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
        let mut found: Vec<Event> = self
            .accepted
            .values()
            .map(|event| event.event.clone())
            .filter(|event| {
                is(&filter.event_id, &event.id)
                    && is(&filter.external_customer_id, &event.external_customer_id)
                    && is(&filter.event_name, &event.name)
                    && is(&filter.source, &event.source)
                    && filter.from.is_none_or(|from| event.timestamp >= from)
                    && filter.until.is_none_or(|until| event.timestamp < until)
                    && has_properties(event, &filter.properties)
            })
            .collect();
        found.sort_by(|one, two| (one.timestamp, &one.id).cmp(&(two.timestamp, &two.id)));
        if order == EventOrder::Descending {
            found.reverse();
        }
        found
    }

    /// In the order of time and id.
    pub(crate) fn scanned(&self, filter: &EventFilter) -> Vec<ScannedEvent> {
        self.events(filter, EventOrder::Ascending).into_iter().map(ScannedEvent::from).collect()
    }

    fn rows<'a>(&'a self, query: &'a UsageQuery) -> impl Iterator<Item = (&'a Event, &'a LedgerEntry)> {
        self.accepted.values().flat_map(|event| event.entries.iter().map(|entry| (&event.event, entry))).filter(|(event, entry)| {
            (query.external_customer_ids.is_empty() || query.external_customer_ids.contains(&event.external_customer_id))
                && query.meter_id == entry.meter_id
                && query.period.contains(event.timestamp)
        })
    }
}

fn passes(filter: &RowFilter, event: &Event) -> bool {
    (filter.sources.is_empty() || filter.sources.contains(&event.source)) && has_properties(event, &filter.properties)
}

fn has_properties(event: &Event, wanted: &BTreeMap<String, Vec<String>>) -> bool {
    let sent = Properties::parse(&event.properties).unwrap();
    wanted.iter().all(|(key, values)| matches(&Filter { key: key.clone(), values: values.clone() }, &sent))
}

fn group_value(key: &GroupKey, event: &Event, entry: &LedgerEntry) -> String {
    match key {
        GroupKey::Meter => entry.group.as_deref().unwrap_or_default().to_owned(),
        GroupKey::Source => event.source.clone(),
        GroupKey::Property(name) => {
            let sent = Properties::parse(&event.properties).unwrap();
            sent.get(name).map(|value| value.text().into_owned()).unwrap_or_default()
        }
    }
}

fn sum<'a>(rows: impl Iterator<Item = (&'a Event, &'a LedgerEntry)>) -> Aggregate {
    let mut usage = Aggregate::default();
    let mut unique = BTreeSet::new();
    for (event, entry) in rows {
        usage.add_entry(entry, event.timestamp, &event.id).unwrap();
        unique.extend(entry.unique_hash);
    }
    usage.unique = unique.len() as u64;
    usage
}

/// What an event added to meters; `None` while it is not counted.
pub(crate) async fn entries_of(store: &dyn EventStore, scope: &Scope, event_id: &str) -> Option<Vec<LedgerEntry>> {
    let counted = store.counted(scope, &[event_id.to_owned()]).await.unwrap().remove(event_id)?;
    Some(counted.entries)
}

/// All events that match, brought into the order of time and id: scans have none.
pub(crate) async fn scanned(store: &dyn EventStore, scope: &Scope, filter: &EventFilter) -> Vec<ScannedEvent> {
    let mut found = Vec::new();
    let mut take = |chunk| {
        found.extend::<Vec<ScannedEvent>>(chunk);
        ControlFlow::Continue(())
    };
    store.scan(scope, filter.clone(), &mut take).await.unwrap();
    found.sort_by(|one, two| (one.timestamp, &one.id).cmp(&(two.timestamp, &two.id)));
    found
}

pub(crate) fn scope(tenant: &str) -> Scope {
    Scope { tenant_id: tenant.into(), environment_id: "env".into() }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn hash(value: u8) -> UniqueHash {
    let mut hash = [value; 32];
    // Spread, as real hashes are.
    hash[0] = value.wrapping_mul(151);
    hash
}

pub(crate) fn event(id: &str, customer: &str, timestamp: Timestamp) -> Event {
    Event {
        id: id.into(),
        name: "api".into(),
        external_customer_id: customer.into(),
        customer_id: String::new(),
        timestamp,
        ingested_at: at("2024-06-01T00:00:00Z"),
        source: String::new(),
        properties: String::new(),
    }
}

pub(crate) fn entry(meter: &str, units: i128, unique: Option<u8>) -> LedgerEntry {
    LedgerEntry {
        meter_id: MeterId::from(meter),
        quantity: Quantity::from_units(units),
        unique_hash: unique.map(hash),
        group: None,
        weighted: false,
    }
}

/// An entry of the meter's own group.
pub(crate) fn grouped(meter: &str, units: i128, group: &str) -> LedgerEntry {
    LedgerEntry { group: Some(group.into()), ..entry(meter, units, None) }
}

/// An entry that is weighted by time.
pub(crate) fn weighted(meter: &str, units: i128) -> LedgerEntry {
    LedgerEntry { weighted: true, ..entry(meter, units, None) }
}

/// An entry for an event that was appended before.
pub(crate) fn late(to: &MeteredEvent, entry: LedgerEntry) -> LateEntry {
    let Event { id, external_customer_id, timestamp, .. } = &to.event;
    LateEntry { event_id: id.clone(), external_customer_id: external_customer_id.clone(), timestamp: *timestamp, entry }
}

pub(crate) fn metered(id: &str, customer: &str, timestamp: &str, entries: Vec<LedgerEntry>) -> MeteredEvent {
    MeteredEvent { event: event(id, customer, at(timestamp)), entries }
}

pub(crate) fn query(customers: &[&str], meter: &str, start: &str, end: &str) -> UsageQuery {
    UsageQuery {
        external_customer_ids: customers.iter().map(|name| (*name).to_owned()).collect(),
        meter_id: meter.into(),
        period: Period::new(at(start), at(end)),
    }
}

/// The same question with windows alone.
pub(crate) fn by_window(query: UsageQuery, window: Window) -> GroupedQuery {
    grouped_query(query, RowFilter::default(), &[], Some(window))
}

/// One meter, told apart.
pub(crate) fn grouped_query(query: UsageQuery, filter: RowFilter, by: &[GroupKey], window: Option<Window>) -> GroupedQuery {
    let UsageQuery { external_customer_ids, meter_id, period } = query;
    let part = GroupedPart { meter_id, period, by: by.to_vec(), window };
    GroupedQuery { external_customer_ids, filter, parts: vec![part], groups_max: 10_000 }
}

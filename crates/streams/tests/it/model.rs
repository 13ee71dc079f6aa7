//! The plain formula: keeps accepted events in a list and answers by going through all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::event::Event;
use domain::ids::MeterId;
use domain::meter::{Aggregate, LedgerEntry, UniqueHash, Window};
use domain::money::Quantity;
use domain::scope::Scope;
use domain::time::{Period, Timestamp};
use streams::{Appended, EventFilter, EventOrder, MeteredEvent, UsageQuery, WindowUsage};

/// The events of one scope.
#[derive(Default)]
pub(crate) struct Model {
    accepted: HashMap<String, MeteredEvent>,
}

impl Model {
    pub(crate) fn append(&mut self, events: &[MeteredEvent]) -> Vec<Appended> {
        let mut outcomes = Vec::new();
        for event in events {
            let known = self.accepted.contains_key(&event.event.id);
            self.accepted.entry(event.event.id.clone()).or_insert_with(|| event.clone());
            outcomes.push(if known { Appended::Duplicate } else { Appended::New });
        }
        outcomes
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

    pub(crate) fn usage_by_window(&self, query: &UsageQuery, window: Window) -> Vec<WindowUsage> {
        let mut windows: BTreeMap<Timestamp, (Period, Vec<_>)> = BTreeMap::new();
        for (event, entry) in self.rows(query) {
            let around = window.around(event.timestamp);
            windows.entry(around.start).or_insert_with(|| (around, Vec::new())).1.push((event, entry));
        }
        windows.into_values().map(|(window, rows)| WindowUsage { window, usage: sum(rows.into_iter()) }).collect()
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
                    && filter
                        .properties
                        .iter()
                        .all(|(key, values)| values.iter().any(|value| event.properties.contains(&format!(r#""{key}":{value}"#))))
            })
            .collect();
        found.sort_by(|one, two| (one.timestamp, &one.id).cmp(&(two.timestamp, &two.id)));
        if order == EventOrder::Descending {
            found.reverse();
        }
        found
    }

    fn rows<'a>(&'a self, query: &'a UsageQuery) -> impl Iterator<Item = (&'a Event, &'a LedgerEntry)> {
        self.accepted.values().flat_map(|event| event.entries.iter().map(|entry| (&event.event, entry))).filter(|(event, entry)| {
            (query.external_customer_ids.is_empty() || query.external_customer_ids.contains(&event.external_customer_id))
                && query.meter_id == entry.meter_id
                && query.period.contains(event.timestamp)
        })
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

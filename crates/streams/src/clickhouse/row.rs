//! Rows as they are written, and the identity of an event.

use domain::event::{Event, Properties};
use domain::meter::{LedgerEntry, comparable};
use domain::scope::Scope;
use domain::time::Timestamp;
use sha2::{Digest, Sha256};

use super::block::{Block, Maps, TableRow};
use crate::Ledger;

/// The type of an instant: microseconds.
const INSTANT: &str = "DateTime64(6, 'UTC')";

/// The table that a ledger fills.
pub(super) const fn table(ledger: Ledger) -> &'static str {
    match ledger {
        Ledger::Events => EventRow::TABLE,
        Ledger::Usage => UsageRow::TABLE,
        Ledger::Costs => "costs_ledger",
    }
}

/// Half of the SHA-256 of (tenant, environment, event id): the identity of an event in 16 bytes, in one key over all scopes, so that one
/// lookup serves a batch of many tenants. A collision within 10^12 events has a chance of 10^-15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct IdHash {
    /// The sort key of the lookup; lets a few false ones through.
    pub(super) high: u64,
    /// What tells them apart.
    pub(super) low: u64,
}

impl IdHash {
    pub(super) fn of(scope: &Scope, event_id: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [scope.tenant_id.as_str(), scope.environment_id.as_str(), event_id] {
            // With their lengths, so that no two triples read the same.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let hash: [u8; 32] = hash.finalize().into();
        let number = |from: usize| hash[from..from + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Self { high: number(0), low: number(8) }
    }
}

/// Where a row came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// `topic/partition`.
    pub(super) partition: &'a str,
    /// The event's offset in it.
    pub(super) offset: i64,
    /// Which process wrote it.
    pub(super) writer: &'a str,
}

/// One accepted event.
pub(super) struct EventRow<'a> {
    scope: &'a Scope,
    event: &'a Event,
    id: IdHash,
    origin: Origin<'a>,
}

impl<'a> EventRow<'a> {
    pub(super) fn new(scope: &'a Scope, event: &'a Event, id: IdHash, origin: Origin<'a>) -> Self {
        Self { scope, event, id, origin }
    }
}

impl TableRow for EventRow<'_> {
    const TABLE: &'static str = "events";

    fn write(rows: &[Self], block: &mut Block) {
        write_events(rows.iter().map(|row| (row.scope, row.event)), block);
        write_ids(rows.iter().map(|row| row.id), block);
        write_places(rows.iter().map(|row| (row.origin.partition, row.origin.offset)), block);
        block.words("log_writer", rows.iter().map(|row| row.origin.writer));
    }
}

/// A copy that was refused.
pub(super) struct CopyRow<'a> {
    scope: &'a Scope,
    event: &'a Event,
    partition: &'a str,
    offset: i64,
}

impl<'a> CopyRow<'a> {
    pub(super) fn new(scope: &'a Scope, event: &'a Event, partition: &'a str, offset: i64) -> Self {
        Self { scope, event, partition, offset }
    }
}

impl TableRow for CopyRow<'_> {
    const TABLE: &'static str = "event_copies";

    fn write(rows: &[Self], block: &mut Block) {
        write_events(rows.iter().map(|row| (row.scope, row.event)), block);
        write_places(rows.iter().map(|row| (row.partition, row.offset)), block);
    }
}

/// What was sent.
fn write_events<'a>(rows: impl Iterator<Item = (&'a Scope, &'a Event)> + Clone, block: &mut Block) {
    let events = rows.clone().map(|(_, event)| event);
    write_scopes(rows.map(|(scope, _)| scope), block);
    block.texts("event_id", events.clone().map(|event| event.id.as_str()));
    block.words("event_name", events.clone().map(|event| event.name.as_str()));
    block.texts("external_customer_id", events.clone().map(|event| event.external_customer_id.as_str()));
    block.texts("customer_id", events.clone().map(|event| event.customer_id.as_str()));
    block.numbers("timestamp", INSTANT, events.clone().map(|event| event.timestamp.micros().to_le_bytes()));
    block.numbers("ingested_at", INSTANT, events.clone().map(|event| event.ingested_at.micros().to_le_bytes()));
    block.words("source", events.clone().map(|event| event.source.as_str()));
    block.texts("properties", events.map(|event| event.properties.as_str()));
}

fn write_scopes<'a>(scopes: impl Iterator<Item = &'a Scope> + Clone, block: &mut Block) {
    block.words("tenant_id", scopes.clone().map(|scope| scope.tenant_id.as_str()));
    block.words("environment_id", scopes.map(|scope| scope.environment_id.as_str()));
}

fn write_ids(ids: impl Iterator<Item = IdHash> + Clone, block: &mut Block) {
    block.numbers("id_high", "UInt64", ids.clone().map(|id| id.high.to_le_bytes()));
    block.numbers("id_low", "UInt64", ids.map(|id| id.low.to_le_bytes()));
}

fn write_places<'a>(places: impl Iterator<Item = (&'a str, i64)> + Clone, block: &mut Block) {
    block.words("log_partition", places.clone().map(|(partition, _)| partition));
    block.numbers("log_offset", "Int64", places.map(|(_, offset)| offset.to_le_bytes()));
}

/// What one event adds to one meter; or, without a meter, that it has been counted.
pub(super) struct UsageRow<'a> {
    of: Counted<'a>,
    /// None in a marker.
    entry: Option<&'a LedgerEntry>,
    /// None in a meter's row, so that the index of identities stays as small as the events are many.
    id: IdHash,
    /// The JSON of a marker.
    properties: &'a str,
    origin: Origin<'a>,
}

/// The event that a row of the usage ledger belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted<'a> {
    pub(super) scope: &'a Scope,
    pub(super) external_customer_id: &'a str,
    pub(super) timestamp: Timestamp,
    pub(super) event_id: &'a str,
    pub(super) source: &'a str,
}

impl<'a> Counted<'a> {
    pub(super) fn of(scope: &'a Scope, event: &'a Event) -> Self {
        let Event { id, external_customer_id, timestamp, source, .. } = event;
        Self { scope, external_customer_id, timestamp: *timestamp, event_id: id, source }
    }
}

impl<'a> UsageRow<'a> {
    /// The marker: it carries identity and properties, and is there also for an event that no meter reads.
    pub(super) fn marker(scope: &'a Scope, event: &'a Event, id: IdHash, origin: Origin<'a>) -> Self {
        Self { of: Counted::of(scope, event), entry: None, id, properties: &event.properties, origin }
    }

    /// The row of one meter.
    pub(super) fn entry(of: Counted<'a>, entry: &'a LedgerEntry, origin: Origin<'a>) -> Self {
        Self { of, entry: Some(entry), id: IdHash { high: 0, low: 0 }, properties: "", origin }
    }

    fn meter_id(&self) -> &'a str {
        self.entry.map_or("", |entry| entry.meter_id.as_str())
    }

    /// What the table is sorted by.
    #[cfg(test)]
    pub(super) fn place(&self) -> (&'a str, &'a str, &'a str, &'a str, Timestamp, &'a str) {
        let Counted { scope, external_customer_id, timestamp, event_id, .. } = self.of;
        (scope.tenant_id.as_str(), scope.environment_id.as_str(), self.meter_id(), external_customer_id, timestamp, event_id)
    }
}

impl TableRow for UsageRow<'_> {
    const TABLE: &'static str = "usage_ledger";

    fn write(rows: &[Self], block: &mut Block) {
        let entries = rows.iter().map(|row| row.entry);
        write_scopes(rows.iter().map(|row| row.of.scope), block);
        block.words("meter_id", rows.iter().map(UsageRow::meter_id));
        block.texts("external_customer_id", rows.iter().map(|row| row.of.external_customer_id));
        block.numbers("timestamp", INSTANT, rows.iter().map(|row| row.of.timestamp.micros().to_le_bytes()));
        block.texts("event_id", rows.iter().map(|row| row.of.event_id));
        block.words("source", rows.iter().map(|row| row.of.source));
        block.numbers("quantity", "Int128", entries.clone().map(|entry| entry.map_or(0, |entry| entry.quantity.to_units()).to_le_bytes()));
        block.optional_numbers("unique_hash", "UInt128", entries.clone().map(|entry| entry?.unique_hash.as_ref().map(half)));
        block.optional_texts("group_value", entries.clone().map(|entry| entry?.group.as_deref()));
        block.numbers("weighted", "UInt8", entries.map(|entry| [u8::from(entry.is_some_and(|entry| entry.weighted))]));
        let (mut properties, mut comparables) = (Maps::default(), Maps::default());
        for row in rows {
            each_property(row.properties, |name, text, comparable| {
                properties.push(name, text);
                if let Some(comparable) = comparable {
                    comparables.push(name, comparable);
                }
            });
            properties.end_row();
            comparables.end_row();
        }
        block.maps("properties", &properties);
        block.maps("comparables", &comparables);
        write_ids(rows.iter().map(|row| row.id), block);
        write_places(rows.iter().map(|row| (row.origin.partition, row.origin.offset)), block);
        block.words("log_writer", rows.iter().map(|row| row.origin.writer));
    }
}

/// The first half of a hash, as the number that it reads; it distinguishes as well, in half the room.
fn half(hash: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half.reverse();
    half
}

/// First-level properties: name, text and, where it compares in another form, that. What is no object has none.
fn each_property(json: &str, mut take: impl FnMut(&str, &str, Option<&str>)) {
    let Ok(sent) = Properties::parse(json) else { return };
    for (name, value) in sent.iter() {
        let text = value.text();
        let comparable = comparable(&text);
        take(name, &text, Some(comparable.as_ref()).filter(|comparable| **comparable != *text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_those_of_the_whole_triple() {
        let id = |tenant: &str, environment: &str, id: &str| {
            IdHash::of(&Scope { tenant_id: tenant.into(), environment_id: environment.into() }, id)
        };
        let all = [id("a", "b", "c"), id("ab", "", "c"), id("a", "bc", ""), id("", "", "abc"), id("a", "b", "d")];
        for (i, one) in all.iter().enumerate() {
            for other in &all[i + 1..] {
                assert_ne!(one, other);
            }
        }
        // Stored: it must never change.
        assert_eq!(id("a", "b", "c"), id("a", "b", "c"));
    }

    #[test]
    fn properties_are_texts_and_their_comparable_forms() {
        let read = |json: &str| {
            let mut read = Vec::new();
            each_property(json, |name, text, comparable| read.push(format!("{name}={text}|{}", comparable.unwrap_or_default())));
            read
        };
        let all = read(r#"{"b":5.0,"a":"5.0","c":null,"b":"x","d":1e6,"e":"+1e6"}"#);
        assert_eq!(all, ["a=5.0|5", "b=x|", "c=<nil>|", "d=1000000|", "e=+1e6|1000000"]);
        assert!(read("").is_empty() && read("[1]").is_empty());
    }

    #[test]
    fn half_a_hash_is_the_number_it_begins_with() {
        let mut hash = [7; 32];
        (hash[0], hash[15]) = (1, 2);
        assert_eq!(u128::from_le_bytes(half(&hash)), 0x0107_0707_0707_0707_0707_0707_0707_0702);
    }
}

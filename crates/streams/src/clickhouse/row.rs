//! Rows as they are written, and the identity of an event.

use std::borrow::Cow;

use clickhouse::Row;
use domain::event::{Event, Properties};
use domain::meter::{LedgerEntry, comparable};
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Ledger;

/// A row that knows its table.
pub(super) trait TableRow: clickhouse::RowWrite + Row {
    /// The table's name, without database.
    const TABLE: &'static str;
}

/// The table that a ledger fills.
pub(super) const fn table(ledger: Ledger) -> &'static str {
    match ledger {
        Ledger::Events => <EventRow<'static> as TableRow>::TABLE,
        Ledger::Usage => <UsageRow<'static> as TableRow>::TABLE,
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
#[derive(Row, Serialize)]
pub(super) struct EventRow<'a> {
    tenant_id: &'a str,
    environment_id: &'a str,
    event_id: &'a str,
    event_name: &'a str,
    external_customer_id: &'a str,
    customer_id: &'a str,
    timestamp: i64,
    ingested_at: i64,
    source: &'a str,
    properties: &'a str,
    id_high: u64,
    id_low: u64,
    log_partition: &'a str,
    log_offset: i64,
    log_writer: &'a str,
}

impl TableRow for EventRow<'static> {
    const TABLE: &'static str = "events";
}

impl<'a> EventRow<'a> {
    pub(super) fn new(scope: &'a Scope, event: &'a Event, id: IdHash, origin: Origin<'a>) -> Self {
        Self {
            tenant_id: scope.tenant_id.as_str(),
            environment_id: scope.environment_id.as_str(),
            event_id: &event.id,
            event_name: &event.name,
            external_customer_id: &event.external_customer_id,
            customer_id: &event.customer_id,
            timestamp: event.timestamp.micros(),
            ingested_at: event.ingested_at.micros(),
            source: &event.source,
            properties: &event.properties,
            id_high: id.high,
            id_low: id.low,
            log_partition: origin.partition,
            log_offset: origin.offset,
            log_writer: origin.writer,
        }
    }
}

/// A copy that was refused.
#[derive(Row, Serialize)]
pub(super) struct CopyRow<'a> {
    tenant_id: &'a str,
    environment_id: &'a str,
    event_id: &'a str,
    event_name: &'a str,
    external_customer_id: &'a str,
    customer_id: &'a str,
    timestamp: i64,
    ingested_at: i64,
    source: &'a str,
    properties: &'a str,
    log_partition: &'a str,
    log_offset: i64,
}

impl TableRow for CopyRow<'static> {
    const TABLE: &'static str = "event_copies";
}

impl<'a> CopyRow<'a> {
    pub(super) fn new(scope: &'a Scope, event: &'a Event, partition: &'a str, offset: i64) -> Self {
        Self {
            tenant_id: scope.tenant_id.as_str(),
            environment_id: scope.environment_id.as_str(),
            event_id: &event.id,
            event_name: &event.name,
            external_customer_id: &event.external_customer_id,
            customer_id: &event.customer_id,
            timestamp: event.timestamp.micros(),
            ingested_at: event.ingested_at.micros(),
            source: &event.source,
            properties: &event.properties,
            log_partition: partition,
            log_offset: offset,
        }
    }
}

/// What one event adds to one meter; or, without a meter, that it has been counted.
#[derive(Row, Serialize)]
pub(super) struct UsageRow<'a> {
    tenant_id: &'a str,
    environment_id: &'a str,
    meter_id: &'a str,
    external_customer_id: &'a str,
    timestamp: i64,
    event_id: &'a str,
    source: &'a str,
    quantity: i128,
    unique_hash: Option<u128>,
    group_value: Option<&'a str>,
    weighted: bool,
    properties: Vec<Property>,
    comparables: Vec<Property>,
    id_high: u64,
    id_low: u64,
    log_partition: &'a str,
    log_offset: i64,
    log_writer: &'a str,
}

/// Name and text.
type Property = (String, String);

impl TableRow for UsageRow<'static> {
    const TABLE: &'static str = "usage_ledger";
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
        let (properties, comparables) = texts(&event.properties);
        Self { id_high: id.high, id_low: id.low, properties, comparables, ..Self::empty(Counted::of(scope, event), origin) }
    }

    /// The row of one meter. It carries no identity, so that the index of identities stays as small as the events are many.
    pub(super) fn entry(of: Counted<'a>, entry: &'a LedgerEntry, origin: Origin<'a>) -> Self {
        Self {
            meter_id: entry.meter_id.as_str(),
            quantity: entry.quantity.to_units(),
            // Half of it distinguishes as well, in half the room.
            unique_hash: entry.unique_hash.map(|hash| hash[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte))),
            group_value: entry.group.as_deref(),
            weighted: entry.weighted,
            ..Self::empty(of, origin)
        }
    }

    fn empty(of: Counted<'a>, origin: Origin<'a>) -> Self {
        Self {
            tenant_id: of.scope.tenant_id.as_str(),
            environment_id: of.scope.environment_id.as_str(),
            meter_id: "",
            external_customer_id: of.external_customer_id,
            timestamp: of.timestamp.micros(),
            event_id: of.event_id,
            source: of.source,
            quantity: 0,
            unique_hash: None,
            group_value: None,
            weighted: false,
            properties: Vec::new(),
            comparables: Vec::new(),
            id_high: 0,
            id_low: 0,
            log_partition: origin.partition,
            log_offset: origin.offset,
            log_writer: origin.writer,
        }
    }
}

/// First-level properties as texts; and those of them that compare in another form, in it. What is no object has none.
fn texts(json: &str) -> (Vec<Property>, Vec<Property>) {
    let Ok(sent) = Properties::parse(json) else { return Default::default() };
    let (mut properties, mut comparables) = (Vec::new(), Vec::new());
    for (name, value) in sent.iter() {
        let text = value.text().into_owned();
        if let Cow::Owned(comparable) = comparable(&text)
            && comparable != text
        {
            comparables.push((name.to_owned(), comparable));
        }
        properties.push((name.to_owned(), text));
    }
    (properties, comparables)
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
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let (properties, comparables) = texts(r#"{"b":5.0,"a":"5.0","c":null,"b":"x","d":1e6,"e":"+1e6"}"#);
        assert_eq!(properties, [pair("a", "5.0"), pair("b", "x"), pair("c", "<nil>"), pair("d", "1000000"), pair("e", "+1e6")]);
        assert_eq!(comparables, [pair("a", "5"), pair("e", "1000000")]);
        assert_eq!(texts(""), Default::default());
        assert_eq!(texts("[1]"), Default::default());
    }
}

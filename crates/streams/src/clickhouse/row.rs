//! Rows as they are written, and the identity of an event.

use clickhouse::Row;
use domain::meter::LedgerEntry;
use domain::scope::Scope;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Ledger, MeteredEvent};

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
    pub(super) fn new(scope: &'a Scope, event: &'a MeteredEvent, id: IdHash, origin: Origin<'a>) -> Self {
        let event = &event.event;
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

/// What one event adds to one meter; or, without a meter, that it has been seen.
#[derive(Row, Serialize)]
pub(super) struct UsageRow<'a> {
    tenant_id: &'a str,
    environment_id: &'a str,
    meter_id: &'a str,
    external_customer_id: &'a str,
    timestamp: i64,
    event_id: &'a str,
    quantity: i128,
    unique_hash: Option<u128>,
    id_high: u64,
    id_low: u64,
    log_partition: &'a str,
    log_offset: i64,
    log_writer: &'a str,
}

impl TableRow for UsageRow<'static> {
    const TABLE: &'static str = "usage_ledger";
}

impl<'a> UsageRow<'a> {
    /// The marker: it carries the identity, and is there also for an event that no meter reads.
    pub(super) fn marker(scope: &'a Scope, event: &'a MeteredEvent, id: IdHash, origin: Origin<'a>) -> Self {
        Self {
            tenant_id: scope.tenant_id.as_str(),
            environment_id: scope.environment_id.as_str(),
            meter_id: "",
            external_customer_id: "",
            timestamp: event.event.timestamp.micros(),
            event_id: "",
            quantity: 0,
            unique_hash: None,
            id_high: id.high,
            id_low: id.low,
            log_partition: origin.partition,
            log_offset: origin.offset,
            log_writer: origin.writer,
        }
    }

    /// The row of one meter. It carries no identity, so that the index of identities stays as small as the events are many.
    pub(super) fn entry(scope: &'a Scope, event: &'a MeteredEvent, entry: &'a LedgerEntry, origin: Origin<'a>) -> Self {
        Self {
            meter_id: entry.meter_id.as_str(),
            external_customer_id: &event.event.external_customer_id,
            event_id: &event.event.id,
            quantity: entry.quantity.to_units(),
            // Half of it distinguishes as well, in half the room.
            unique_hash: entry.unique_hash.map(|hash| hash[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte))),
            id_high: 0,
            id_low: 0,
            ..Self::marker(scope, event, IdHash { high: 0, low: 0 }, origin)
        }
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
}

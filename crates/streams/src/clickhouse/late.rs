//! Entries that events get after they were counted.
//!
//! A live event is stored with all its entries in one insert, so where a marker stands without an entry of the meter, none comes from the log.
//! It can only come from here: by an insert under a partition of the meter's own, with the same compare-and-set as any batch.

use std::collections::{BTreeMap, HashMap};

use clickhouse::Row;
use domain::scope::Scope;
use serde::Deserialize;

use super::append::{RACES_MAX, token};
use super::engine::Engine;
use super::position::position;
use super::read::belongs;
use super::row::{Counted, Origin, UsageRow};
use super::sql;
use crate::{EventStoreError, LateEntry, Ledger, LogPartition};

/// Events of one look-up and insert.
const EVENTS_MAX: usize = 10_000;

/// Where late entries of a meter count their offsets.
pub(super) fn partition(scope: &Scope, meter_id: &str) -> LogPartition {
    LogPartition { topic: format!("late/{}/{}/{meter_id}", scope.tenant_id.as_str(), scope.environment_id.as_str()), partition: 0 }
}

/// Adds late entries of one meter. The caller sees to it that this process has only one at a time for it.
pub(super) struct LateWriter<'a> {
    pub(super) engine: &'a Engine,
    pub(super) scope: &'a Scope,
    pub(super) meter_id: &'a str,
    /// [`partition`] of both.
    pub(super) partition: &'a str,
    pub(super) name: &'a str,
}

/// What an insert should have left.
#[derive(Default)]
struct Attempt {
    after: Option<i64>,
    /// By event id.
    offsets: HashMap<String, i64>,
}

#[derive(Row, Deserialize)]
struct FoundRow {
    event_id: String,
    meter_id: String,
    external_customer_id: String,
    timestamp: i64,
    source: String,
    log_partition: String,
    log_offset: i64,
    log_writer: String,
}

/// What the ledger holds of some events, by event id.
#[derive(Default)]
struct Found {
    markers: HashMap<String, FoundRow>,
    entries: HashMap<String, FoundRow>,
}

impl LateWriter<'_> {
    /// Adds what is missing and returns how many that were.
    pub(super) async fn add(&self, entries: &[&LateEntry]) -> Result<u64, EventStoreError> {
        // Of several for one event the first counts.
        let mut first: BTreeMap<&str, &LateEntry> = BTreeMap::new();
        for late in entries {
            first.entry(&late.event_id).or_insert(late);
        }
        let mut entries: Vec<&LateEntry> = first.into_values().collect();
        // A look-up reads the customers' rows from the first event to the last.
        entries.sort_by_key(|late| late.timestamp);
        let mut added = 0;
        for entries in entries.chunks(EVENTS_MAX) {
            added += self.add_chunk(entries).await?;
        }
        Ok(added)
    }

    async fn add_chunk(&self, entries: &[&LateEntry]) -> Result<u64, EventStoreError> {
        let mut added = 0;
        let mut attempt: Option<Attempt> = None;
        for _ in 0..RACES_MAX {
            // In this order: whatever is added after the position was read makes the insert below lose.
            let after = position(self.engine, Ledger::Usage, self.partition, self.name).await?.last;
            let found = self.look_up(entries).await?;
            if let Some(attempt) = &attempt {
                if attempt.after == after {
                    return Err(EventStoreError::Unavailable(format!(
                        "clickhouse: {} does not yet show what it has acknowledged",
                        self.partition
                    )));
                }
                added += self.count(&found, attempt);
            }
            let missing: Vec<(&LateEntry, &FoundRow)> = entries
                .iter()
                .filter(|late| !found.entries.contains_key(&late.event_id))
                .filter_map(|late| Some((*late, found.markers.get(&late.event_id)?)))
                .filter(|(late, marker)| {
                    late.external_customer_id == marker.external_customer_id && late.timestamp.micros() == marker.timestamp
                })
                .collect();
            if missing.is_empty() {
                return Ok(added);
            }
            attempt = Some(self.insert(&missing, after).await?);
        }
        Err(EventStoreError::Overloaded)
    }

    /// Markers and entries of the meter, from all customers of the chunk between its first event and its last.
    async fn look_up(&self, entries: &[&LateEntry]) -> Result<Found, EventStoreError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Found::default()) };
        let mut customers: Vec<String> = entries.iter().map(|late| late.external_customer_id.clone()).collect();
        customers.sort_unstable();
        customers.dedup();
        let query = format!(
            "SELECT event_id, meter_id, external_customer_id, timestamp, source, log_partition, log_offset, log_writer FROM usage_ledger \
             WHERE {} AND meter_id IN ('', {}) AND timestamp >= {} AND timestamp <= {} AND event_id IN ({})",
            belongs(self.scope, &customers),
            sql::text(self.meter_id),
            sql::instant(first.timestamp),
            sql::instant(last.timestamp),
            sql::texts(entries.iter().map(|late| late.event_id.as_str()))
        );
        let mut found = Found::default();
        for row in self.engine.rows::<FoundRow>(&query).await? {
            let rows = if row.meter_id.is_empty() { &mut found.markers } else { &mut found.entries };
            rows.insert(row.event_id.clone(), row);
        }
        Ok(found)
    }

    /// How many entries are there because of an attempt.
    fn count(&self, found: &Found, attempt: &Attempt) -> u64 {
        let ours = |(event_id, offset): &(&String, &i64)| {
            found
                .entries
                .get(*event_id)
                .is_some_and(|row| row.log_partition == self.partition && row.log_writer == self.name && row.log_offset == **offset)
        };
        attempt.offsets.iter().filter(ours).map(|_| 1).sum()
    }

    async fn insert(&self, missing: &[(&LateEntry, &FoundRow)], after: Option<i64>) -> Result<Attempt, EventStoreError> {
        let first = after.map_or(0, |after| after + 1);
        let mut attempt = Attempt { after, offsets: HashMap::with_capacity(missing.len()) };
        let mut rows = Vec::with_capacity(missing.len());
        for ((late, marker), offset) in missing.iter().zip(first..) {
            let counted = Counted {
                scope: self.scope,
                external_customer_id: &marker.external_customer_id,
                timestamp: late.timestamp,
                event_id: &late.event_id,
                source: &marker.source,
            };
            rows.push(UsageRow::entry(counted, &late.entry, Origin { partition: self.partition, offset, writer: self.name }));
            attempt.offsets.insert(late.event_id.clone(), offset);
        }
        self.engine.insert(&rows, &token(self.partition, after)).await?;
        Ok(attempt)
    }
}

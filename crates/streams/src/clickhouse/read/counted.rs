//! What single events added to meters.

use std::collections::{BTreeSet, HashMap};

use clickhouse::Row;
use domain::meter::LedgerEntry;
use domain::money::Quantity;
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::Deserialize;

use super::aggregate::belongs;
use crate::clickhouse::engine::Engine;
use crate::clickhouse::row::IdHash;
use crate::clickhouse::sql;
use crate::{CountedEvent, EventStoreError};

#[derive(Row, Deserialize)]
struct MarkerRow {
    id_high: u64,
    id_low: u64,
    timestamp: i64,
    external_customer_id: String,
}

#[derive(Row, Deserialize)]
struct EntryRow {
    event_id: String,
    meter_id: String,
    quantity: i128,
    unique_hash: Option<u128>,
    group_value: Option<String>,
    weighted: u8,
}

impl From<EntryRow> for LedgerEntry {
    fn from(row: EntryRow) -> Self {
        let hash = |half: u128| {
            let mut hash = [0; 32];
            hash[..16].copy_from_slice(&half.to_be_bytes());
            hash
        };
        Self {
            meter_id: row.meter_id.into(),
            quantity: Quantity::from_units(row.quantity),
            unique_hash: row.unique_hash.map(hash),
            group: row.group_value.map(Into::into),
            weighted: row.weighted != 0,
        }
    }
}

/// Those of some events that have a marker. The projection by identity gives their customers and times, these and the ids give the rows.
pub(in crate::clickhouse) async fn counted(
    engine: &Engine,
    scope: &Scope,
    event_ids: &[String],
) -> Result<HashMap<String, CountedEvent>, EventStoreError> {
    let ids: HashMap<IdHash, &String> = event_ids.iter().map(|event_id| (IdHash::of(scope, event_id), event_id)).collect();
    let mut found = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let table = engine.ledger_table();
    let highs = sql::list(ids.keys().map(|id| id.high));
    let query = format!("SELECT id_high, id_low, timestamp, external_customer_id FROM {table} WHERE id_high IN ({highs})");
    for MarkerRow { id_high, id_low, timestamp, external_customer_id } in engine.rows(&query).await? {
        if let Some(event_id) = ids.get(&IdHash { high: id_high, low: id_low }) {
            let timestamp = Timestamp::from_micros(timestamp);
            found.insert((*event_id).clone(), CountedEvent { external_customer_id, timestamp, entries: Vec::new() });
        }
    }
    if found.is_empty() {
        return Ok(found);
    }
    let customers: BTreeSet<&String> = found.values().map(|event| &event.external_customer_id).collect();
    let customers: Vec<String> = customers.into_iter().cloned().collect();
    let times: BTreeSet<Timestamp> = found.values().map(|event| event.timestamp).collect();
    let query = format!(
        "SELECT event_id, meter_id, quantity, unique_hash, group_value, weighted FROM {table} \
         WHERE {} AND meter_id != '' AND timestamp IN ({}) AND event_id IN ({}) ORDER BY meter_id",
        belongs(scope, &customers),
        sql::list(times.into_iter().map(sql::instant)),
        sql::texts(found.keys().map(String::as_str))
    );
    for row in engine.rows::<EntryRow>(&query).await? {
        if let Some(event) = found.get_mut(&row.event_id) {
            event.entries.push(row.into());
        }
    }
    Ok(found)
}

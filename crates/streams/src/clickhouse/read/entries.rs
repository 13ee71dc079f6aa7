//! What one event added to meters.

use clickhouse::Row;
use domain::meter::LedgerEntry;
use domain::money::Quantity;
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::Deserialize;

use super::aggregate::belongs;
use crate::EventStoreError;
use crate::clickhouse::engine::Engine;
use crate::clickhouse::row::IdHash;
use crate::clickhouse::sql;

#[derive(Row, Deserialize)]
struct MarkerRow {
    timestamp: i64,
    external_customer_id: String,
}

#[derive(Row, Deserialize)]
struct EntryRow {
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

/// The entries of an event in the order of meter ids; `None` as long as it has no marker. The projection by identity gives customer and
/// time, these and the id give the rows.
pub(in crate::clickhouse) async fn entries(
    engine: &Engine,
    scope: &Scope,
    event_id: &str,
) -> Result<Option<Vec<LedgerEntry>>, EventStoreError> {
    let id = IdHash::of(scope, event_id);
    let query =
        format!("SELECT timestamp, external_customer_id FROM usage_ledger WHERE id_high = {} AND id_low = {} LIMIT 1", id.high, id.low);
    let Some(marker) = engine.rows::<MarkerRow>(&query).await?.pop() else { return Ok(None) };
    let query = format!(
        "SELECT meter_id, quantity, unique_hash, group_value, weighted FROM usage_ledger \
         WHERE {} AND meter_id != '' AND timestamp = {} AND event_id = {} ORDER BY meter_id",
        belongs(scope, &[marker.external_customer_id]),
        sql::instant(Timestamp::from_micros(marker.timestamp)),
        sql::text(event_id)
    );
    Ok(Some(engine.rows::<EntryRow>(&query).await?.into_iter().map(LedgerEntry::from).collect()))
}

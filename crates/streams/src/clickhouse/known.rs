//! Which identities a table already holds: one lookup for a whole batch.
//!
//! A filter in the consumer's memory (say, a Bloom filter of the identities it wrote) would stand in front of [`known`] and pass on only
//! what it may have seen; nothing else needs to know of it.

use std::collections::HashSet;

use clickhouse::Row;
use serde::Deserialize;

use super::engine::Engine;
use super::row::{IdHash, table};
use super::sql;
use crate::{EventStoreError, Ledger};

/// Identities of one query: 21 bytes each in its text.
const IDS_MAX: usize = 100_000;

#[derive(Row, Deserialize)]
struct IdRow {
    id_high: u64,
    id_low: u64,
}

/// Those of `ids` that the table holds.
pub(super) async fn known(engine: &Engine, ledger: Ledger, ids: &[IdHash]) -> Result<HashSet<IdHash>, EventStoreError> {
    let mut known = HashSet::new();
    for ids in ids.chunks(IDS_MAX) {
        let highs = sql::list(ids.iter().map(|id| id.high));
        // One text, which the server takes apart when it runs: as numbers of the query each would pass its parser and analyser alone.
        let highs = format!("SELECT toUInt64(arrayJoin(splitByChar(',', '{highs}')))");
        let query = format!("SELECT id_high, id_low FROM {} WHERE id_high IN ({highs})", table(ledger));
        let rows: Vec<IdRow> = engine.rows(&query).await?;
        known.extend(rows.into_iter().map(|row| IdHash { high: row.id_high, low: row.id_low }));
    }
    Ok(known)
}

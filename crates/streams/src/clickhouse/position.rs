//! How far a table has come in one partition of the log, and how far of that this process brought it.

use clickhouse::Row;
use serde::Deserialize;

use super::engine::Engine;
use super::row::table;
use super::sql;
use crate::{EventStoreError, Ledger};

/// Offsets of the last events stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// By anyone.
    pub(super) last: Option<i64>,
    /// By the asking writer.
    pub(super) mine: Option<i64>,
}

#[derive(Row, Deserialize)]
struct WriterRow {
    log_writer: String,
    position: i64,
}

/// Reads the position; from a projection of a few rows per part.
pub(super) async fn position(engine: &Engine, ledger: Ledger, partition: &str, writer: &str) -> Result<Position, EventStoreError> {
    let query = format!(
        "SELECT log_writer, max(log_offset) AS position FROM {} WHERE log_partition = {} GROUP BY log_writer",
        table(ledger),
        sql::text(partition)
    );
    let mut position = Position::default();
    for row in engine.rows::<WriterRow>(&query).await? {
        position.last = position.last.max(Some(row.position));
        if row.log_writer == writer {
            position.mine = Some(row.position);
        }
    }
    Ok(position)
}

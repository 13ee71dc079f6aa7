//! Usage of meters per window, whole hours from cells and the others from rows.

use domain::meter::Window;
use domain::time::Period;

use super::aggregate::{AggregateRow, PARTS, UNITED};
use super::group::Found;
use super::piece::{INSTANT, Piece, ledger_pieces, within};
use crate::EventStoreError;
use crate::clickhouse::engine::Engine;
use crate::clickhouse::sql;

/// The usage per window of rows that hold a condition, ascending: of all meters that it names, by one query of hours and mostly one more.
pub(super) async fn usage_by_window(
    engine: &Engine,
    condition: &str,
    period: Period,
    window: Window,
    found: &mut Found<'_>,
) -> Result<(), EventStoreError> {
    for piece in ledger_pieces(engine, condition, period, window).await? {
        for row in engine.rows::<AggregateRow>(&query_text(engine.ledger_table(), &piece, condition, period, found.limit())).await? {
            found.add(piece.window(row.key)?, row)?;
        }
    }
    Ok(())
}

fn query_text(table: &str, piece: &Piece, belongs: &str, period: Period, limit: usize) -> String {
    let mut branches = Vec::new();
    let mut branch = |instant: &str, condition: String| {
        let key = piece.window_of(instant);
        branches
            .push(format!("SELECT {key} AS key, meter_id, {PARTS} FROM {table} WHERE {belongs} AND {condition} GROUP BY key, meter_id"));
    };
    if !piece.whole.is_empty() {
        branch("toUInt64(hour) * 3600000000", format!("hour IN ({})", sql::list(&piece.whole)));
    }
    if !piece.split.is_empty() {
        branch(INSTANT, within(&piece.split, period, "hour"));
    }
    format!(
        "SELECT key, [toString(meter_id)] AS names, {UNITED} FROM ({}) GROUP BY key, meter_id ORDER BY key LIMIT {limit}",
        branches.join(" UNION ALL ")
    )
}

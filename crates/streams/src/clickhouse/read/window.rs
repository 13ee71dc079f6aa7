//! Usage per window, whole hours from cells and the others from rows.

use domain::meter::Window;
use domain::scope::Scope;
use domain::time::Period;

use super::aggregate::{AggregateRow, PARTS, UNITED, belongs};
use super::piece::{INSTANT, Piece, ledger_pieces, within};
use crate::clickhouse::engine::Engine;
use crate::clickhouse::sql;
use crate::{EventStoreError, UsageQuery, WindowUsage};

/// The usage per window that has rows, ascending.
pub(in crate::clickhouse) async fn usage_by_window(
    engine: &Engine,
    scope: &Scope,
    query: &UsageQuery,
    window: Window,
) -> Result<Vec<WindowUsage>, EventStoreError> {
    let period = Period::new(sql::clamped(query.period.start), sql::clamped(query.period.end));
    if period.is_empty() {
        return Ok(Vec::new());
    }
    let meter = sql::text(query.meter_id.as_str());
    let belongs = format!("{} AND meter_id = {meter}", belongs(scope, &query.external_customer_ids));
    let mut found = Vec::new();
    for piece in ledger_pieces(engine, &belongs, period, window).await? {
        let rows: Vec<AggregateRow> = engine.rows(&query_text(&piece, &belongs, period)).await?;
        for row in rows {
            found.push(WindowUsage { window: piece.window(row.key)?, usage: row.aggregate()? });
        }
    }
    Ok(found)
}

fn query_text(piece: &Piece, belongs: &str, period: Period) -> String {
    let mut branches = Vec::new();
    let mut branch = |instant: &str, condition: String| {
        let key = piece.window_of(instant);
        branches.push(format!("SELECT {key} AS key, {PARTS} FROM usage_ledger WHERE {belongs} AND {condition} GROUP BY key"));
    };
    if !piece.whole.is_empty() {
        branch("toUInt64(hour) * 3600000000", format!("hour IN ({})", sql::list(&piece.whole)));
    }
    if !piece.split.is_empty() {
        branch(INSTANT, within(&piece.split, period, "hour"));
    }
    format!("SELECT key, [''] AS names, {UNITED} FROM ({}) GROUP BY key ORDER BY key", branches.join(" UNION ALL "))
}

//! Usage per window. The windows are the domain's own: the server only learns where those begin that can have rows.

use std::collections::BTreeMap;

use clickhouse::Row;
use domain::meter::Window;
use domain::scope::Scope;
use domain::time::{Period, Timestamp};
use serde::Deserialize;

use super::aggregate::{AggregateRow, HOUR_MICROS, PARTS, UNITED, belongs};
use super::usage::between;
use crate::clickhouse::engine::Engine;
use crate::clickhouse::sql;
use crate::{EventStoreError, UsageQuery, WindowUsage};

/// Hours and windows of one query; several queries share the work of a long answer.
const LITERALS_MAX: usize = 20_000;

#[derive(Row, Deserialize)]
struct HourRow {
    hour: u32,
}

/// Hours with rows and the windows they touch, for one query.
#[derive(Default)]
struct Piece {
    /// Lie in the period and in one window each: answered by cells.
    whole: Vec<i64>,
    /// Cut by a window or by the period: answered by rows.
    split: Vec<i64>,
    /// By their beginning in microseconds, not before 1970.
    windows: BTreeMap<i64, Period>,
}

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
    let (first, last) = (period.start.micros().div_euclid(HOUR_MICROS), (period.end.micros() - 1).div_euclid(HOUR_MICROS));
    let hours: Vec<HourRow> = engine
        .rows(&format!("SELECT hour FROM usage_ledger WHERE {belongs} AND hour >= {first} AND hour <= {last} GROUP BY hour ORDER BY hour"))
        .await?;
    let mut found = Vec::new();
    for piece in pieces(hours.into_iter().map(|row| i64::from(row.hour)), period, window, LITERALS_MAX) {
        let rows: Vec<AggregateRow> = engine.rows(&piece.query_text(&belongs, period)).await?;
        for row in rows {
            let start = i64::try_from(row.key).unwrap_or(i64::MAX);
            let window = *piece.windows.get(&start).ok_or_else(|| EventStoreError::Corrupt(format!("{start} begins no window")))?;
            found.push(WindowUsage { window, usage: row.aggregate()? });
        }
    }
    Ok(found)
}

/// Divides hours into pieces, none of which shares a window with another.
fn pieces(hours: impl Iterator<Item = i64>, period: Period, window: Window, literals_max: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    for hour in hours {
        let start = Timestamp::from_micros(hour * HOUR_MICROS);
        let of_hour = Period::new(start, start.plus_micros(HOUR_MICROS));
        let asked = of_hour.intersection(period);
        let mut around = window.around(asked.start);
        if piece.whole.len() + piece.split.len() + piece.windows.len() > literals_max
            && piece.windows.last_key_value().is_some_and(|(_, last)| last.end <= around.start)
        {
            pieces.push(std::mem::take(&mut piece));
        }
        let whole = asked == of_hour && around.end >= of_hour.end;
        if whole { &mut piece.whole } else { &mut piece.split }.push(hour);
        loop {
            piece.windows.insert(around.start.micros().max(0), around);
            if around.end >= asked.end {
                break;
            }
            around = window.around(around.end);
        }
    }
    if !piece.windows.is_empty() {
        pieces.push(piece);
    }
    pieces
}

impl Piece {
    /// A row that arrives between the two queries, in an hour that had none, is left out: it came after the first.
    fn query_text(&self, belongs: &str, period: Period) -> String {
        let starts = sql::list(self.windows.keys().map(|start| format!("toUInt64({start})")));
        let mut branches = Vec::new();
        let mut branch = |instant: &str, condition: String| {
            branches.push(format!(
                "SELECT roundDown({instant}, [{starts}]) AS key, meter_id, {PARTS} FROM usage_ledger WHERE {belongs} AND {condition} GROUP BY key, meter_id"
            ));
        };
        if !self.whole.is_empty() {
            branch("toUInt64(hour) * 3600000000", format!("hour IN ({})", sql::list(&self.whole)));
        }
        if let (Some(first), Some(last)) = (self.split.first(), self.split.last()) {
            // The bounds are what the sort key can use; the list leaves out the hours between.
            let start = period.start.micros().max(first * HOUR_MICROS);
            let end = period.end.micros().min((last + 1) * HOUR_MICROS);
            let hours = sql::list(&self.split);
            branch("toUInt64(toUnixTimestamp64Micro(timestamp))", format!("{} AND hour IN ({hours})", between(start, end)));
        }
        format!("SELECT key, meter_id, {UNITED} FROM ({}) GROUP BY key, meter_id ORDER BY key", branches.join(" UNION ALL "))
    }
}

#[cfg(test)]
mod tests {
    use domain::meter::WindowSize;
    use domain::time::Zone;

    use super::*;

    fn cut(hours: &[i64], size: WindowSize, zone: &str, literals_max: usize) -> Vec<Piece> {
        let period = Period::new(Timestamp::from_micros(0), Timestamp::from_micros(1_000 * HOUR_MICROS));
        pieces(hours.iter().copied(), period, Window::new(size, Zone::parse(zone).unwrap()), literals_max)
    }

    #[test]
    fn hours_are_whole_where_no_window_cuts_them() {
        let hours: Vec<i64> = (24..72).collect();
        let days = cut(&hours, WindowSize::Day, "", 1_000);
        assert_eq!((days.len(), days[0].whole.len(), days[0].split.len(), days[0].windows.len()), (1, 48, 0, 2));
        // 18:30 UTC is midnight in Calcutta.
        let days = cut(&hours, WindowSize::Day, "Asia/Kolkata", 1_000);
        assert_eq!((days[0].split.as_slice(), days[0].windows.len()), (&[42, 66][..], 3));
        let quarters = cut(&hours, WindowSize::Minutes15, "", 1_000);
        assert_eq!((quarters[0].whole.len(), quarters[0].split.len(), quarters[0].windows.len()), (0, 48, 192));
    }

    #[test]
    fn pieces_share_no_window() {
        let hours: Vec<i64> = (0..200).collect();
        let pieces = cut(&hours, WindowSize::Day, "", 10);
        assert!(pieces.len() > 5);
        for pair in pieces.windows(2) {
            let (_, before) = pair[0].windows.last_key_value().unwrap();
            let (_, after) = pair[1].windows.first_key_value().unwrap();
            assert!(before.end <= after.start);
        }
        assert_eq!(pieces.iter().map(|piece| piece.whole.len()).sum::<usize>(), 200);
    }
}

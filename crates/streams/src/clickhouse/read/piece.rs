//! Windows in bounded pieces. They are the domain's own: the server only learns where those begin that can have rows.

use std::collections::BTreeMap;

use clickhouse::Row;
use domain::meter::Window;
use domain::time::{Period, Timestamp};
use serde::Deserialize;

use super::aggregate::HOUR_MICROS;
use super::usage::between;
use crate::EventStoreError;
use crate::clickhouse::engine::Engine;
use crate::clickhouse::sql;

/// Hours and windows of one query; several queries share the work of a long answer.
const LITERALS_MAX: usize = 20_000;

/// Hours with rows and the windows they touch, for one query.
#[derive(Default)]
pub(super) struct Piece {
    /// Lie in the period and in one window each: answered by cells.
    pub(super) whole: Vec<i64>,
    /// Cut by a window or by the period: answered by rows.
    pub(super) split: Vec<i64>,
    /// By their beginning in microseconds, not before 1970.
    pub(super) windows: BTreeMap<i64, Period>,
}

#[derive(Row, Deserialize)]
struct HourRow {
    hour: u32,
}

/// The hours of a period in which the ledger has rows that hold a condition, with their windows. A row that arrives afterwards, in an hour
/// that had none, is left out: it came after this.
pub(super) async fn ledger_pieces(engine: &Engine, condition: &str, period: Period, window: Window) -> Result<Vec<Piece>, EventStoreError> {
    let (first, last) = hours(period);
    let query = format!(
        "SELECT hour FROM {} WHERE {condition} AND hour >= {first} AND hour <= {last} GROUP BY hour ORDER BY hour",
        engine.ledger_table()
    );
    let hours: Vec<HourRow> = engine.rows(&query).await?;
    Ok(pieces(hours.into_iter().map(|row| i64::from(row.hour)), period, window))
}

/// The first and the last hour that a period touches; it is not empty.
fn hours(period: Period) -> (i64, i64) {
    (period.start.micros().div_euclid(HOUR_MICROS), (period.end.micros() - 1).div_euclid(HOUR_MICROS))
}

/// Divides ascending hours into pieces, none of which shares a window with another.
pub(super) fn pieces(hours: impl Iterator<Item = i64>, period: Period, window: Window) -> Vec<Piece> {
    divided(hours, period, window, LITERALS_MAX)
}

fn divided(hours: impl Iterator<Item = i64>, period: Period, window: Window, literals_max: usize) -> Vec<Piece> {
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
    /// The beginning of the window around an instant in microseconds, as SQL.
    pub(super) fn window_of(&self, instant: &str) -> String {
        format!("roundDown({instant}, [{}])", sql::list(self.windows.keys().map(|start| format!("toUInt64({start})"))))
    }

    /// The window that begins there.
    pub(super) fn window(&self, start: u64) -> Result<Period, EventStoreError> {
        let window = i64::try_from(start).ok().and_then(|start| self.windows.get(&start));
        window.copied().ok_or_else(|| EventStoreError::Corrupt(format!("{start} begins no window")))
    }
}

/// An event's time in microseconds, as SQL.
pub(super) const INSTANT: &str = "toUInt64(toUnixTimestamp64Micro(timestamp))";

/// The rows of some ascending hours within a period, `hour` being how the table tells one.
pub(super) fn within(hours: &[i64], period: Period, hour: &str) -> String {
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return "0".to_owned() };
    // The bounds are what the sort key can use; the list leaves out the hours between.
    let start = period.start.micros().max(first * HOUR_MICROS);
    let end = period.end.micros().min((last + 1) * HOUR_MICROS);
    format!("{} AND {hour} IN ({})", between(start, end), sql::list(hours))
}

#[cfg(test)]
mod tests {
    use domain::meter::WindowSize;
    use domain::time::Zone;

    use super::*;

    fn cut(hours: &[i64], size: WindowSize, zone: &str, literals_max: usize) -> Vec<Piece> {
        let period = Period::new(Timestamp::from_micros(0), Timestamp::from_micros(1_000 * HOUR_MICROS));
        divided(hours.iter().copied(), period, Window::new(size, Zone::parse(zone).unwrap()), literals_max)
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

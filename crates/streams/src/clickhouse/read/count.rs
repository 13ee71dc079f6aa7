//! The number of events per window.

use std::collections::BTreeMap;

use clickhouse::Row;
use domain::meter::Window;
use domain::scope::Scope;
use domain::time::{Period, Timestamp};
use serde::Deserialize;

use super::aggregate::{HOUR_MICROS, belongs};
use super::piece::{INSTANT, pieces, within};
use super::usage::between;
use crate::EventStoreError;
use crate::clickhouse::engine::Engine;
use crate::clickhouse::sql;

/// An event's hour, where the column does not tell it: events have none, and markers none that counts.
pub(super) const HOUR: &str = "toUInt64(intDiv(toUnixTimestamp64Micro(timestamp), 3600000000))";

#[derive(Row, Deserialize)]
struct CountRow {
    key: u64,
    count: u64,
}

/// The number of events per window that has any, ascending; refuses more than `windows_max`. Whole hours are counted by one query, those
/// that a window cuts by another.
pub(in crate::clickhouse) async fn count_events_by_window(
    engine: &Engine,
    scope: &Scope,
    period: Period,
    window: Window,
    windows_max: usize,
) -> Result<Vec<(Period, u64)>, EventStoreError> {
    let period = Period::new(sql::clamped(period.start), sql::clamped(period.end));
    if period.is_empty() {
        return Ok(Vec::new());
    }
    let belongs = belongs(scope, &[]);
    let all = between(period.start.micros(), period.end.micros());
    let count = async |key: &str, condition: &str| -> Result<Vec<CountRow>, EventStoreError> {
        let query = format!("SELECT {key} AS key, count() AS count FROM events WHERE {belongs} AND {condition} GROUP BY key ORDER BY key");
        engine.rows(&query).await
    };
    let hours: BTreeMap<i64, u64> =
        count(HOUR, &all).await?.into_iter().filter_map(|row| Some((i64::try_from(row.key).ok()?, row.count))).collect();
    let mut counts: BTreeMap<Timestamp, (Period, u64)> = BTreeMap::new();
    for piece in pieces(hours.keys().copied(), period, window) {
        for hour in &piece.whole {
            let around = window.around(Timestamp::from_micros(hour * HOUR_MICROS));
            add(&mut counts, around, hours.get(hour).copied().unwrap_or_default());
        }
        if !piece.split.is_empty() {
            for row in count(&piece.window_of(INSTANT), &within(&piece.split, period, HOUR)).await? {
                add(&mut counts, piece.window(row.key)?, row.count);
            }
        }
        if counts.len() > windows_max {
            return Err(EventStoreError::TooManyGroups(windows_max));
        }
    }
    Ok(counts.into_values().collect())
}

fn add(counts: &mut BTreeMap<Timestamp, (Period, u64)>, window: Period, count: u64) {
    counts.entry(window.start).or_insert((window, 0)).1 += count;
}

//! Usage in windows (spec 10 §11.5): of a standard meter the usage of each window alone, of a bucketed one its buckets, rolled up.

use std::collections::BTreeMap;

use domain::meter::{AggregationType, Window, WindowSize};
use domain::time::{Period, Timestamp};

use super::AnalyticsPoint;
use super::rows::AnalyticsRow;
use crate::usage::buckets::Bucket;

/// The size of a bucketed meter's points: the asked one, or the buckets' where that is finer.
pub(super) fn point_size(buckets: Window, asked: Window) -> WindowSize {
    asked.size.max(buckets.size)
}

/// Rolls the buckets of one group up to windows. A bucket belongs to the window that holds its start, whole: windows are cut in the
/// customer's zone, buckets in UTC. The usage of a MAX is that of the largest bucket, of a SUM that of all; costs and events add up.
pub(super) fn roll_up(row: &AnalyticsRow, buckets: &[Bucket], bucket_window: Window, asked: Window) -> Vec<AnalyticsPoint> {
    let finer = asked.size <= bucket_window.size;
    let mut points: BTreeMap<Timestamp, AnalyticsPoint> = BTreeMap::new();
    // Buckets come in the order of time, so most lie in the window of the one before.
    let mut current: Option<Period> = None;
    for bucket in buckets {
        let window = if finer {
            bucket.window
        } else {
            current.filter(|current| current.contains(bucket.window.start)).unwrap_or_else(|| asked.around(bucket.window.start))
        };
        current = Some(window);
        let cost = row.exact_cost_of(&bucket.value);
        match points.get_mut(&window.start) {
            Some(point) => {
                point.usage = match row.meter.aggregation.kind {
                    AggregationType::Max => point.usage.clone().max(bucket.value.clone()),
                    _ => &point.usage + &bucket.value,
                };
                point.events += bucket.events;
                point.cost += &cost;
            }
            None => {
                let point = AnalyticsPoint { start: window.start, usage: bucket.value.clone(), events: bucket.events, cost };
                points.insert(window.start, point);
            }
        }
    }
    points.into_values().collect()
}

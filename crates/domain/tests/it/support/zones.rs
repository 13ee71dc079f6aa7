//! Random zones, and instants that lie near a change of their clocks more often than chance would have it.

use chrono::{Offset, TimeZone};
use chrono_tz::Tz;
use domain::time::Timestamp;
use proptest::prelude::*;

/// 1970-01-01 and 2100-01-01: where events are dated and zones have rules.
const FIRST_SECOND: i64 = 0;
const LAST_SECOND: i64 = 4_102_444_800;
const DAY_SECONDS: i64 = 86_400;

/// Every zone of the database, half hours, skipped days and all.
pub(crate) fn any_zone() -> impl Strategy<Value = Tz> {
    prop_oneof![
        proptest::sample::select(chrono_tz::TZ_VARIANTS.as_slice()),
        // Half and three-quarter hours, changes of half an hour, gaps and overlaps at midnight, a skipped day.
        proptest::sample::select(
            [
                "Asia/Kolkata",
                "Asia/Kathmandu",
                "Australia/Lord_Howe",
                "America/St_Johns",
                "Atlantic/Azores",
                "America/Havana",
                "America/Santiago",
                "America/Asuncion",
                "Asia/Beirut",
                "Asia/Amman",
                "Pacific/Apia",
                "America/New_York",
                "Europe/Berlin",
                "UTC",
            ]
            .map(|name| name.parse::<Tz>().unwrap())
            .to_vec()
        ),
    ]
}

/// A zone and an instant: anywhere in time, or within two days of a change of the zone's clocks.
pub(crate) fn zone_and_instant() -> impl Strategy<Value = (Tz, Timestamp)> {
    (any_zone(), FIRST_SECOND..LAST_SECOND, 0..1_000_000_i64, any::<bool>(), -2 * DAY_SECONDS..2 * DAY_SECONDS).prop_map(
        |(zone, second, micros, near_change, distance)| {
            let second = if near_change { next_change(zone, second).map_or(second, |change| change + distance) } else { second };
            (zone, Timestamp::from_micros(second * 1_000_000 + micros))
        },
    )
}

/// The first second of the zone's next offset, within 400 days.
fn next_change(zone: Tz, from: i64) -> Option<i64> {
    let before = offset(zone, from);
    let day = (1..400).map(|day| from + day * DAY_SECONDS).find(|at| offset(zone, *at) != before)?;
    let (mut low, mut high) = (day - DAY_SECONDS, day);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if offset(zone, middle) == before { low = middle } else { high = middle }
    }
    Some(high)
}

fn offset(zone: Tz, second: i64) -> i32 {
    let utc = chrono::DateTime::from_timestamp(second, 0).unwrap().naive_utc();
    zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
}

//! Where billing periods end (spec 30 §5): the worked dates, and an oracle that walks the calendar day by day.

use chrono::{Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Timelike};
use chrono_tz::Tz;
use domain::invalid::Invalid;
use domain::time::{BillingPeriod, Cycle, Timestamp, Zone, calendar_anchor, next_boundary, previous_boundary};
use proptest::prelude::*;

use crate::support::zones::zone_and_instant;
use crate::support::{cases, instant, table, zone};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    chain: Vec<Chain>,
    anchor: Vec<Anchor>,
    previous: Vec<Previous>,
    invalid: Vec<Refused>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Chain {
    rule: String,
    period: BillingPeriod,
    #[serde(default = "one")]
    count: u32,
    #[serde(default)]
    zone: String,
    start: Timestamp,
    anchor: Option<Timestamp>,
    end: Option<Timestamp>,
    next: Vec<Timestamp>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Anchor {
    rule: String,
    period: BillingPeriod,
    #[serde(default)]
    zone: String,
    start: Timestamp,
    anchor: Timestamp,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Previous {
    rule: String,
    period: BillingPeriod,
    #[serde(default = "one")]
    count: u32,
    #[serde(default)]
    zone: String,
    anchor: Timestamp,
    before: Timestamp,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    rule: String,
    period: BillingPeriod,
    #[serde(default = "one")]
    count: u32,
    start: Timestamp,
    message: String,
}

fn one() -> u32 {
    1
}

fn golden() -> Table {
    table(include_str!("../golden/boundaries.toml"))
}

#[test]
fn boundaries_follow_one_another_as_the_table_says() {
    for row in golden().chain {
        let cycle =
            Cycle { anchor: row.anchor.unwrap_or(row.start), period: row.period, count: row.count, zone: zone(&row.zone), end: row.end };
        let mut at = row.start;
        for expected in row.next {
            let next = next_boundary(at, &cycle).unwrap();
            assert_eq!(next, expected, "{}: after {at}", row.rule);
            at = next;
        }
    }
}

#[test]
fn calendar_anchors_are_those_of_the_table() {
    for row in golden().anchor {
        assert_eq!(calendar_anchor(row.start, row.period, zone(&row.zone)), row.anchor, "{}", row.rule);
    }
}

#[test]
fn previous_boundaries_are_those_of_the_table() {
    for row in golden().previous {
        assert_eq!(previous_boundary(row.anchor, row.period, row.count, zone(&row.zone)), row.before, "{}", row.rule);
    }
}

#[test]
fn cycles_without_a_next_boundary_are_refused() {
    for row in golden().invalid {
        let cycle = Cycle { anchor: row.start, period: row.period, count: row.count, zone: Zone::UTC, end: None };
        let refusal: Invalid = next_boundary(row.start, &cycle).expect_err(&row.rule);
        assert!(refusal.message.contains(&row.message), "{}: {}", row.rule, refusal.message);
    }
}

/// The periods a subscription can have.
const PERIODS: [BillingPeriod; 6] = [
    BillingPeriod::Daily,
    BillingPeriod::Weekly,
    BillingPeriod::Monthly,
    BillingPeriod::Quarterly,
    BillingPeriod::HalfYearly,
    BillingPeriod::Annual,
];

fn wall(zone: Tz, at: Timestamp) -> NaiveDateTime {
    at.to_datetime().with_timezone(&zone).naive_local()
}

fn last_day_of_month(date: NaiveDate) -> u32 {
    (28..=31).rev().find(|day| date.with_day(*day).is_some()).unwrap()
}

/// Whether periods of one step may begin on the date. Quarters and half years of several counts hang on the anchor's month, so the
/// count is part of their step.
fn is_on_grid(date: NaiveDate, anchor: NaiveDate, period: BillingPeriod, count: u32) -> bool {
    let on_day = date.day() == anchor.day().min(last_day_of_month(date));
    let months_apart = (date.year() * 12 + date.month().cast_signed()) - (anchor.year() * 12 + anchor.month().cast_signed());
    match period {
        BillingPeriod::Daily | BillingPeriod::Onetime => true,
        BillingPeriod::Weekly => date.weekday() == anchor.weekday(),
        BillingPeriod::Monthly => on_day,
        BillingPeriod::Quarterly => on_day && months_apart.rem_euclid(3 * count.cast_signed()) == 0,
        BillingPeriod::HalfYearly => on_day && months_apart.rem_euclid(6 * count.cast_signed()) == 0,
        BillingPeriod::Annual => on_day && date.month() == anchor.month(),
    }
}

/// The boundary's date by walking the calendar: the first date of the grid for a short first period (in the start's month for MONTHLY,
/// in its year for ANNUAL), else as many grid dates on as the count says.
fn boundary_date(start: NaiveDate, anchor: NaiveDate, period: BillingPeriod, count: u32) -> NaiveDate {
    let mut grid = start.iter_days().skip(1).filter(|date| is_on_grid(*date, anchor, period, count));
    let first = grid.next().unwrap();
    let stub = match period {
        BillingPeriod::Quarterly | BillingPeriod::HalfYearly => true,
        BillingPeriod::Monthly => (first.year(), first.month()) == (start.year(), start.month()),
        BillingPeriod::Annual => first.year() == start.year(),
        BillingPeriod::Daily | BillingPeriod::Weekly | BillingPeriod::Onetime => false,
    };
    if stub || count == 1 { first } else { grid.nth(count as usize - 2).unwrap() }
}

/// Checks one boundary against the calendar: its local date, and its local time but for a gap in which that time does not exist.
fn check_boundary(start: Timestamp, boundary: Timestamp, cycle: &Cycle, tz: Tz) -> Result<(), TestCaseError> {
    prop_assert!(boundary > start, "{start} to {boundary}");
    let anchor = wall(tz, cycle.anchor);
    let expected_date = boundary_date(wall(tz, start).date(), anchor.date(), cycle.period, cycle.count);
    let expected = expected_date.and_time(anchor.time().with_nanosecond(0).unwrap());
    match tz.from_local_datetime(&expected) {
        LocalResult::Single(local) => prop_assert_eq!(boundary, Timestamp::from_datetime(local.to_utc())),
        LocalResult::Ambiguous(first, second) => {
            let candidates = [first, second].map(|local| Timestamp::from_datetime(local.to_utc()));
            // Clocks that went back over midnight can leave a start after both; then the date after counts.
            prop_assert!(candidates.contains(&boundary) || candidates.iter().any(|candidate| *candidate <= start), "{boundary}");
        }
        // A gap: another time of the same date; of a date that was skipped whole, the beginning of the next.
        LocalResult::None => {
            let skipped = (0..24).all(|hour| tz.from_local_datetime(&expected_date.and_hms_opt(hour, 30, 0).unwrap()).single().is_none());
            let lands_on = if skipped { expected_date + Days::new(1) } else { expected_date };
            prop_assert_eq!(wall(tz, boundary).date(), lands_on);
        }
    }
    Ok(())
}

/// A random cycle that is at work at a random instant; the anchor is that instant, lies within a day or within two years of it.
fn cycle_and_start() -> impl Strategy<Value = (Cycle, Timestamp, Tz)> {
    let anchor_distance_seconds = prop_oneof![Just(0_i64), -80_000..80_000_i64, -63_000_000..63_000_000_i64];
    (zone_and_instant(), anchor_distance_seconds, proptest::sample::select(&PERIODS[..]), 1..=4_u32).prop_map(
        |((tz, start), distance, period, count)| {
            let cycle = Cycle { anchor: start.plus_seconds(distance), period, count, zone: zone(tz.name()), end: None };
            (cycle, start, tz)
        },
    )
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn periods_tile_time_and_stand_on_the_calendar((cycle, start, tz) in cycle_and_start()) {
        let mut period = cycle.period_from(start).unwrap();
        for _ in 0..8 {
            check_boundary(period.start, period.end, &cycle, tz)?;
            let next = cycle.period_from(period.end).unwrap();
            prop_assert_eq!(next.start, period.end, "no gap, no overlap");
            period = next;
        }
    }

    #[test]
    fn month_ends_come_back_after_february(year in 1970..2090_i32, month in 1..=12_u32, time in 0..86_400_u32, count in 1..=3_u32) {
        let day = last_day_of_month(NaiveDate::from_ymd_opt(year, month, 1).unwrap());
        let anchor = NaiveDate::from_ymd_opt(year, month, day).unwrap().and_hms_opt(time / 3600, time / 60 % 60, time % 60).unwrap();
        let anchor = Timestamp::from_datetime(anchor.and_utc());
        let cycle = Cycle { anchor, period: BillingPeriod::Monthly, count, zone: Zone::UTC, end: None };
        let mut at = anchor;
        for _ in 0..14 {
            at = next_boundary(at, &cycle).unwrap();
            let date = at.to_datetime().date_naive();
            prop_assert_eq!(date.day(), day.min(last_day_of_month(date)));
            prop_assert_eq!(at.micros().rem_euclid(86_400_000_000), anchor.micros().rem_euclid(86_400_000_000));
        }
    }

    #[test]
    fn an_end_caps_every_boundary((cycle, start, _) in cycle_and_start(), distance in -10_000_000..100_000_000_i64) {
        let open = next_boundary(start, &cycle).unwrap();
        let end = start.plus_seconds(distance);
        prop_assert_eq!(next_boundary(start, &Cycle { end: Some(end), ..cycle }).unwrap(), open.min(end));
    }

    #[test]
    fn a_calendar_anchor_is_the_first_calendar_boundary_after_the_start(
        (tz, start) in zone_and_instant(),
        period in proptest::sample::select(&PERIODS[..]),
    ) {
        let anchor = calendar_anchor(start, period, zone(tz.name()));
        prop_assert!(anchor > start);
        let begins = |date: NaiveDate| match period {
            BillingPeriod::Daily | BillingPeriod::Onetime => true,
            BillingPeriod::Weekly => date.weekday() == chrono::Weekday::Mon,
            BillingPeriod::Monthly => date.day() == 1,
            BillingPeriod::Quarterly => date.day() == 1 && [1, 4, 7, 10].contains(&date.month()),
            BillingPeriod::HalfYearly => date.day() == 1 && [1, 7].contains(&date.month()),
            BillingPeriod::Annual => date.day() == 1 && date.month() == 1,
        };
        // Where clocks went back over midnight, a date may have begun before: then it is no boundary ahead.
        let is_ahead = |date: NaiveDate| {
            let midnight = tz.from_local_datetime(&date.and_time(chrono::NaiveTime::MIN)).earliest();
            midnight.is_none_or(|midnight| Timestamp::from_datetime(midnight.to_utc()) > start)
        };
        let expected = wall(tz, start).date().iter_days().skip(1).find(|date| begins(*date) && is_ahead(*date)).unwrap();
        let reached = wall(tz, anchor).date();
        // Only a date that the zone skipped whole is not reached, and the next one is.
        prop_assert!(reached == expected || reached == expected + Days::new(1), "{reached} for {expected}");
        prop_assert!(reached == expected || tz.from_local_datetime(&expected.and_hms_opt(12, 0, 0).unwrap()).single().is_none());
        // It is the first instant of that date.
        prop_assert!(wall(tz, anchor.plus_micros(-1)).date() < reached);
    }

    #[test]
    fn the_boundary_after_the_previous_one_is_the_anchor(
        (tz, start) in zone_and_instant(),
        period in proptest::sample::select(&PERIODS[..]),
        count in 1..=4_u32,
    ) {
        let zone = zone(tz.name());
        let anchor = calendar_anchor(start, period, zone);
        let before = previous_boundary(anchor, period, count, zone);
        prop_assert!(before < anchor);
        // Where the anchor's own midnight is missing its time of day is another, and so is that of the boundary before it.
        if wall(tz, anchor).time() == chrono::NaiveTime::MIN && wall(tz, before).time() == chrono::NaiveTime::MIN {
            let cycle = Cycle { anchor, period, count, zone, end: None };
            let next = next_boundary(before, &cycle).unwrap();
            prop_assert_eq!(wall(tz, next), wall(tz, anchor));
        }
    }

    #[test]
    fn no_count_and_no_date_hangs_or_panics(
        micros in prop_oneof![
            any::<i64>(),
            Timestamp::MAX.micros() - 100_000_000_000_000..=Timestamp::MAX.micros(),
            Timestamp::MIN.micros()..=Timestamp::MIN.micros() + 100_000_000_000_000,
        ],
        anchor in any::<i64>(),
        period in proptest::sample::select(&PERIODS[..]),
        count in prop_oneof![1..=5_u32, any::<u32>()],
        zone_name in proptest::sample::select(&["UTC", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata"][..]),
    ) {
        let start = Timestamp::from_micros(micros);
        let cycle = Cycle { anchor: Timestamp::from_micros(anchor), period, count, zone: zone(zone_name), end: None };
        match next_boundary(start, &cycle) {
            Ok(boundary) => prop_assert!(boundary > start),
            Err(refusal) => prop_assert!(count == 0 || refusal.message.contains("beyond the year 9999"), "{}", refusal.message),
        }
        previous_boundary(start, period, count, cycle.zone);
        calendar_anchor(start, period, cycle.zone);
    }
}

#[test]
fn a_count_of_four_thousand_million_days_is_refused_in_western_zones_too() {
    let start = instant("2025-01-01T00:00:00Z");
    for period in PERIODS {
        let cycle = Cycle { anchor: start, period, count: u32::MAX, zone: zone("America/New_York"), end: None };
        // Not cut to the last date of the calendar: that would be a period of another length.
        assert!(next_boundary(start, &cycle).unwrap_err().message.contains("beyond the year 9999"), "{period}");
    }
}

/// Newfoundland's clocks went back at 00:01, from the 25th to the 24th of October 1987: the 25th began before this start.
#[test]
fn a_calendar_anchor_lies_after_a_start_in_the_hour_before_a_repeated_midnight() {
    let start: Timestamp = "1987-10-25T02:31:00Z".parse().unwrap();
    let anchor = calendar_anchor(start, BillingPeriod::Daily, zone("America/St_Johns"));
    assert_eq!(anchor.to_string(), "1987-10-26T03:30:00Z");
}

/// Each zone of the database, for thirty years from each end of January 2000, in an hour that clocks skip and repeat: months for all of them,
/// every other period and count where the calendar is at its oddest.
#[test]
fn thirty_years_are_tiled_in_every_zone() {
    let odd = ["Pacific/Apia", "Australia/Lord_Howe", "America/Havana", "America/Santiago", "Atlantic/Azores", "Asia/Beirut", "UTC"];
    let begin = |tz: Tz, day: u32, hour: u32| {
        let wall = NaiveDate::from_ymd_opt(2000, 1, day).unwrap().and_hms_opt(hour, 30, 0).unwrap();
        Timestamp::from_datetime(tz.from_local_datetime(&wall).earliest().unwrap().to_utc())
    };
    let mut walked = 0;
    for tz in chrono_tz::TZ_VARIANTS {
        let is_odd = odd.contains(&tz.name());
        for (period, count) in PERIODS.into_iter().flat_map(|period| (1..=3).map(move |count| (period, count))) {
            if (period, count) != (BillingPeriod::Monthly, 1) && !(is_odd && period != BillingPeriod::Daily) {
                continue;
            }
            for (day, hour) in [(28, 2), (29, 0), (30, 1), (31, 2)] {
                let start = begin(tz, day, hour);
                let cycle = Cycle { anchor: start, period, count, zone: zone(tz.name()), end: None };
                let mut at = start;
                while at.to_datetime().year() < 2030 {
                    let next = next_boundary(at, &cycle).unwrap();
                    check_boundary(at, next, &cycle, tz).unwrap_or_else(|error| panic!("{tz} {period} x {count} from {start}: {error}"));
                    (at, walked) = (next, walked + 1);
                }
            }
        }
    }
    assert!(walked > 800_000, "only {walked} periods were walked");
}

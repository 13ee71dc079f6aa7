//! Which window holds an instant (spec 10 §8.1).

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use domain::meter::{Window, WindowSize};
use domain::time::Timestamp;
use proptest::prelude::*;

use crate::support::zones::zone_and_instant;
use crate::support::{cases, table, zone};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    window: Vec<Row>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    rule: String,
    size: WindowSize,
    #[serde(default)]
    zone: String,
    day: Option<u32>,
    anchor: Option<Timestamp>,
    at: Timestamp,
    start: Timestamp,
    end: Timestamp,
}

#[test]
fn windows_are_those_of_the_table() {
    let table: Table = table(include_str!("../golden/windows.toml"));
    for row in table.window {
        let zone = zone(&row.zone);
        let window = match (row.anchor, row.day) {
            (Some(anchor), _) => Window::anchored(row.size, zone, anchor),
            (None, day) => Window { month_day: day.unwrap_or(1), ..Window::new(row.size, zone) },
        };
        let found = window.around(row.at);
        assert_eq!((found.start, found.end), (row.start, row.end), "{}: {} at {}", row.rule, row.size, row.at);
    }
}

#[test]
fn an_unknown_size_or_zone_is_refused() {
    for bad in ["", "day", "2HOUR", "YEAR"] {
        assert_eq!(WindowSize::parse(bad), None, "{bad}");
    }
    // The reference reads an unknown zone as UTC (spec 10 §18.9); the domain refuses it and leaves the fallback to the caller.
    assert!(domain::time::Zone::parse("Mars/X").is_err());
}

fn date(tz: Tz, at: Timestamp) -> NaiveDate {
    at.to_datetime().with_timezone(&tz).date_naive()
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn windows_hold_their_instants_and_tile_time(
        (tz, at) in zone_and_instant(),
        size in proptest::sample::select(WindowSize::ALL),
        month_day in 1..=31_u32,
        inside in 0.0..1.0_f64,
    ) {
        let window = Window { size, zone: zone(tz.name()), month_day };
        let found = window.around(at);
        prop_assert!(found.contains(at), "{found:?}");
        prop_assert_eq!(window.around(found.start), found, "the first instant is in the same window");
        prop_assert_eq!(window.around(found.end.plus_micros(-1)), found, "and so is the last");
        #[expect(clippy::cast_possible_truncation, reason = "any instant inside will do")]
        let within = found.start.plus_micros((found.micros() as f64 * inside) as i64);
        prop_assert_eq!(window.around(within), found, "and so is any between");
        prop_assert_eq!(window.around(found.end).start, found.end, "the next begins where this ends");
        prop_assert_eq!(window.around(found.start.plus_micros(-1)).end, found.start, "this begins where the one before ends");
    }

    #[test]
    fn windows_are_as_long_as_their_name_says_but_for_a_change_of_clocks(
        (tz, at) in zone_and_instant(),
        size in proptest::sample::select(WindowSize::ALL),
    ) {
        let (shortest_hours, longest_hours) = match size {
            WindowSize::Month => (28 * 24, 31 * 24),
            WindowSize::Week => (7 * 24, 7 * 24),
            WindowSize::Day => (24, 24),
            WindowSize::Hours12 => (12, 12),
            WindowSize::Hours6 => (6, 6),
            WindowSize::Hours3 => (3, 3),
            _ => (0, 1),
        };
        let window = Window::new(size, zone(tz.name())).around(at);
        let hour_micros = 3_600_000_000;
        let day_before = at.plus_seconds(-40 * 86_400).to_datetime().with_timezone(&tz).naive_local() - at.plus_seconds(-40 * 86_400).to_datetime().naive_utc();
        // Two hours is the largest change of clocks; a zone that moved over the date line, or changed for good, is left out.
        if (-40..=40).all(|day| {
            let there = at.plus_seconds(day * 86_400).to_datetime();
            let offset = there.with_timezone(&tz).naive_local() - there.naive_utc();
            (offset - day_before).num_minutes().abs() <= 120
        }) {
            prop_assert!(window.micros() <= (longest_hours + 2) * hour_micros, "{window:?}");
            prop_assert!(window.micros() >= (shortest_hours - 2) * hour_micros, "{window:?}");
        }
    }

    #[test]
    fn windows_in_utc_are_exactly_as_long_as_their_name_says(
        (_, at) in zone_and_instant(),
        (size, minutes) in proptest::sample::select(
            &[
                (WindowSize::Minute, 1),
                (WindowSize::Minutes15, 15),
                (WindowSize::Minutes30, 30),
                (WindowSize::Hour, 60),
                (WindowSize::Hours3, 180),
                (WindowSize::Hours6, 360),
                (WindowSize::Hours12, 720),
                (WindowSize::Day, 1440),
                (WindowSize::Week, 10_080),
            ][..],
        ),
    ) {
        let window = Window::new(size, zone("")).around(at);
        prop_assert_eq!(window.micros(), minutes * 60_000_000);
        // 1970-01-05 was a Monday.
        let origin = if size == WindowSize::Week { 4 * 86_400_000_000 } else { 0 };
        prop_assert_eq!((window.start.micros() - origin).rem_euclid(window.micros()), 0);
    }

    #[test]
    fn windows_of_whole_hours_are_hours_of_utc_where_offsets_are_whole(
        at in 0..4_000_000_000_i64,
        name in proptest::sample::select(&["America/New_York", "Europe/Berlin", "Atlantic/Azores", "America/Havana", "Asia/Beirut"][..]),
    ) {
        let at = Timestamp::from_micros(at * 1_000_000);
        prop_assert_eq!(Window::new(WindowSize::Hour, zone(name)).around(at), Window::new(WindowSize::Hour, zone("")).around(at));
    }

    #[test]
    fn days_weeks_and_months_begin_on_their_dates((tz, at) in zone_and_instant(), month_day in 1..=31_u32) {
        let zone = zone(tz.name());
        let around = |size| Window { size, zone, month_day }.around(at);
        let starts_on = |size| date(tz, around(size).start);
        // The first instant of a date: one microsecond before, it is an earlier one.
        for size in [WindowSize::Day, WindowSize::Week, WindowSize::Month] {
            let start = around(size).start;
            prop_assert!(date(tz, start.plus_micros(-1)) < date(tz, start), "{size}");
        }
        let last_of_month = |date: NaiveDate| (28..=31).rev().find(|day| date.with_day(*day).is_some()).unwrap();
        let month = starts_on(WindowSize::Month);
        let week = starts_on(WindowSize::Week);
        // On a day that the zone skipped whole a window begins with the next; no such day is near the others.
        if tz.name() != "Pacific/Apia" && tz.name() != "Pacific/Kwajalein" && tz.name() != "Kwajalein" && tz.name() != "Pacific/Fakaofo"
            && tz.name() != "Pacific/Kiritimati" && tz.name() != "Pacific/Enderbury" && tz.name() != "Pacific/Kanton" {
            prop_assert_eq!(month.day(), month_day.min(last_of_month(month)));
            prop_assert_eq!(week.weekday(), chrono::Weekday::Mon);
        }
    }
}

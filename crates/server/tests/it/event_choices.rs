//! What a deployment may choose about events is checked before it starts.

use server::config::{Problem, check};

use crate::support::Place;

fn refused(name: &str, value: &str) -> Vec<&'static str> {
    match check(&Place::new().env(name, value).loaded()) {
        Ok(()) => vec![],
        Err(problems) => {
            let path = |problem: &Problem| match problem {
                Problem::Refused { path, .. } | Problem::Value { path, .. } => *path,
                Problem::File { .. } => "a file",
            };
            problems.0.iter().map(path).collect()
        }
    }
}

#[test]
fn choices_are_off_by_default_and_read_from_the_environment() {
    let defaults = Place::new().loaded().config.event;
    assert!(!defaults.keep_negative_quantities && !defaults.plain_weighted_sums);
    let place = Place::new().env("FLEXPRICE_EVENT_KEEP_NEGATIVE_QUANTITIES", "true").env("FLEXPRICE_EVENT_PLAIN_WEIGHTED_SUMS", "1");
    let chosen = place.loaded().config.event;
    assert!(chosen.keep_negative_quantities && chosen.plain_weighted_sums);
}

#[test]
fn event_times_lie_within_what_the_stores_hold() {
    const EARLIEST: &str = "FLEXPRICE_EVENT_EARLIEST_TIMESTAMP";
    const END: &str = "FLEXPRICE_EVENT_TIMESTAMP_END";
    for (name, value) in [(EARLIEST, "2024-01-01T00:00:00+02:00"), (EARLIEST, "1970-01-01T00:00:00Z"), (END, "2050-01-01T00:00:00Z")] {
        assert_eq!(refused(name, value), [""; 0], "{name}={value}");
    }
    for (value, path) in [("yesterday", "event.earliest_timestamp"), ("1969-12-31T23:59:59Z", "event.earliest_timestamp")] {
        assert_eq!(refused(EARLIEST, value), [path], "{value}");
    }
    assert_eq!(refused(EARLIEST, "2106-01-01T00:00:00Z"), ["event.timestamp_end"], "no time is left");
    for value in ["2024", "2106-01-01T00:00:00.000001Z", "1970-01-01T00:00:00Z"] {
        assert_eq!(refused(END, value), ["event.timestamp_end"], "{value}");
    }
}

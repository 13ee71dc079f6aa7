//! Instants as text: RFC 3339, microseconds, the years 1 to 9999.

use chrono::{FixedOffset, SecondsFormat};
use domain::time::Timestamp;
use proptest::prelude::*;

use crate::support::cases;

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn text_and_json_give_the_instant_back(micros in Timestamp::MIN.micros()..=Timestamp::MAX.micros()) {
        let instant = Timestamp::from_micros(micros);
        prop_assert_eq!(instant.micros(), micros);
        prop_assert_eq!(instant.to_string().parse::<Timestamp>().unwrap(), instant);
        let json = serde_json::to_string(&instant).unwrap();
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), instant);
    }

    #[test]
    fn an_instant_is_the_same_in_every_offset(micros in 0..253_000_000_000_000_000_i64, minutes in -14 * 60..=14 * 60_i32) {
        let instant = Timestamp::from_micros(micros);
        let local = instant.to_datetime().with_timezone(&FixedOffset::east_opt(minutes * 60).unwrap());
        prop_assert_eq!(local.to_rfc3339_opts(SecondsFormat::Micros, false).parse::<Timestamp>().unwrap(), instant);
    }

    #[test]
    fn nanoseconds_are_cut_also_before_1970(seconds in -60_000_000_000..250_000_000_000_i64, nanos in 0..1_000_000_000_u32) {
        let datetime = chrono::DateTime::from_timestamp(seconds, nanos).unwrap();
        let expected = seconds * 1_000_000 + i64::from(nanos / 1_000);
        prop_assert_eq!(Timestamp::from_datetime(datetime).micros(), expected);
        prop_assert_eq!(datetime.to_rfc3339_opts(SecondsFormat::Nanos, true).parse::<Timestamp>().unwrap().micros(), expected);
    }

    #[test]
    fn order_is_the_order_of_time_and_arithmetic_stays_in_range(a in any::<i64>(), b in any::<i64>()) {
        let (earlier, later) = (Timestamp::from_micros(a.min(b)), Timestamp::from_micros(a.max(b)));
        prop_assert!(earlier <= later);
        for moved in [earlier.plus_micros(b), later.plus_seconds(a), Timestamp::from_micros(a).truncate_to_millis()] {
            prop_assert!(Timestamp::MIN <= moved && moved <= Timestamp::MAX);
        }
    }
}

#[test]
fn texts_without_a_zone_or_a_date_are_refused() {
    for bad in [
        "",
        "2024-06-12",
        "2024-06-12T12:00:00",
        "2024-02-30T00:00:00Z",
        "2024-06-12T25:00:00Z",
        "12.06.2024",
        "10000-01-01T00:00:00Z",
        "now",
    ] {
        assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
    }
}

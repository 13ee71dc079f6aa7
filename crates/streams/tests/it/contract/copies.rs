//! Copies that were refused, and events counted by time.

use domain::meter::{Window, WindowSize};
use domain::time::{Period, Timestamp, Zone};
use streams::{Appended, COPIES_KEPT, EventStore, EventStoreError, MeteredEvent};

use crate::model::{Model, at, entry, metered, scope};

pub(super) async fn run(store: &dyn EventStore) {
    refused_copies_are_kept(store).await;
    only_the_newest_copies_are_kept(store).await;
    events_are_counted_by_window(store).await;
}

/// A copy that tells by its source which one it is, sent in that second.
fn copy(id: &str, number: usize) -> MeteredEvent {
    let mut event = metered(id, "c", "2024-05-01T10:00:00Z", vec![entry("m", 1, None)]);
    event.event.source = format!("copy {number}");
    event.event.timestamp = at("2024-05-01T10:00:00Z").plus_seconds(i64::try_from(number % 3).unwrap());
    event.event.ingested_at = at("2024-06-01T00:00:00Z").plus_seconds(i64::try_from(number).unwrap());
    event
}

async fn refused_copies_are_kept(store: &dyn EventStore) {
    let scope = scope("refused_copies_are_kept");
    let sources =
        async |id: &str| -> Vec<String> { store.copies(&scope, id).await.unwrap().into_iter().map(|copy| copy.event.source).collect() };
    assert_eq!(sources("e").await, [""; 0]);
    // Within the batch that brings the event, the first is the event and the others are copies.
    let outcomes = store.append(&scope, vec![copy("e", 0), copy("f", 1), copy("e", 2), copy("e", 3)]).await.unwrap();
    assert_eq!(outcomes, [Appended::New, Appended::New, Appended::Duplicate, Appended::Duplicate]);
    assert_eq!(sources("e").await, ["copy 3", "copy 2"]);
    assert_eq!(sources("f").await, [""; 0]);
    // Two in one later batch.
    store.append(&scope, vec![copy("e", 4), copy("f", 5), copy("e", 6)]).await.unwrap();
    assert_eq!(sources("e").await, ["copy 6", "copy 4", "copy 3", "copy 2"]);
    assert_eq!(sources("f").await, ["copy 5"]);
    // As they were sent.
    assert_eq!(store.copies(&scope, "f").await.unwrap()[0].event, copy("f", 5).event);
    let stranger = super::scope("refused_copies_are_kept by their scope");
    assert_eq!(store.copies(&stranger, "e").await.unwrap(), []);
}

async fn only_the_newest_copies_are_kept(store: &dyn EventStore) {
    let scope = scope("only_the_newest_copies_are_kept");
    let mut model = Model::default();
    let mut number = 0;
    for batch in [1, COPIES_KEPT - 1, 1, 1, 5, 3 * COPIES_KEPT, 2] {
        let copies: Vec<_> = (number..number + batch).map(|number| copy("e", number)).collect();
        number += batch;
        assert_eq!(store.append(&scope, copies.clone()).await.unwrap(), model.append(&copies));
        let kept = store.copies(&scope, "e").await.unwrap();
        assert_eq!(kept, model.copies("e"), "after {number}");
        assert_eq!(kept.len(), COPIES_KEPT.min(number - 1));
    }
}

async fn events_are_counted_by_window(store: &dyn EventStore) {
    let scope = scope("events_are_counted_by_window");
    let mut model = Model::default();
    // Around both changes of New York's clocks and a leap day, with and without meters, copies among them.
    let events: Vec<_> = (0..200_i64)
        .map(|i| {
            let base = ["2024-03-10T04:00:00Z", "2024-11-03T03:00:00Z", "2024-02-28T20:00:00Z", "2024-12-31T22:00:00Z"]
                [usize::try_from(i % 4).unwrap()];
            let entries = if i % 3 == 0 { Vec::new() } else { vec![entry("m", 1, None)] };
            let mut event = metered(&format!("e{}", i % 190), &format!("c{}", i % 5), base, entries);
            event.event.timestamp = at(base).plus_seconds(i * 613);
            event
        })
        .collect();
    store.append(&scope, events.clone()).await.unwrap();
    model.append(&events);
    for zone in ["", "America/New_York", "Asia/Kolkata"] {
        for size in WindowSize::ALL {
            for (start, end) in [
                (Timestamp::MIN, Timestamp::MAX),
                (at("2024-03-10T07:00:00.000001Z"), at("2024-11-04T05:00:00Z")),
                (at("2024-11-04T05:00:00Z"), at("2024-03-10T07:00:00Z")),
                (at("2024-11-03T04:00:00Z"), at("2024-11-03T04:00:00Z")),
            ] {
                let (period, window) = (Period::new(start, end), Window::new(*size, Zone::parse(zone).unwrap()));
                let counted = store.count_events_by_window(&scope, period, window, 1_000).await.unwrap();
                assert_eq!(counted, model.count_events_by_window(period, window), "{period:?} {window:?}");
            }
        }
    }
    let anchored = Window { size: WindowSize::Month, zone: Zone::UTC, month_day: 31 };
    let (all, stranger) = (Period::new(Timestamp::MIN, Timestamp::MAX), super::scope("events_are_counted_by_window of others"));
    assert_eq!(store.count_events_by_window(&scope, all, anchored, 1_000).await.unwrap(), model.count_events_by_window(all, anchored));
    assert_eq!(store.count_events_by_window(&stranger, all, anchored, 1_000).await.unwrap(), []);
    // Quarters of an hour do not come from whole hours.
    for size in [WindowSize::Hour, WindowSize::Minutes15] {
        let window = Window::new(size, Zone::UTC);
        let most = model.count_events_by_window(all, window).len();
        assert_eq!(store.count_events_by_window(&scope, all, window, most).await.unwrap().len(), most);
        for windows_max in [0, 1, most - 1] {
            let refused = store.count_events_by_window(&scope, all, window, windows_max).await;
            assert!(matches!(refused, Err(EventStoreError::TooManyGroups(max)) if max == windows_max), "{refused:?}");
        }
    }
}

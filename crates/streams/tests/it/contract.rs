//! What every event store must do. Each part works in scopes of its own, so that all may share one store.

mod copies;
mod groups;
mod late;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use domain::meter::{Aggregate, Window, WindowSize};
use domain::money::Quantity;
use domain::time::{Period, Timestamp, Zone};
use streams::{Appended, EventFilter, EventOrder, EventStore, EventStoreError, MeteredEvent, ScannedEvent};

use crate::model::{Model, at, by_window, entry, metered, query, scanned, scope};

/// Runs the whole contract.
pub(crate) async fn run(store: &dyn EventStore) {
    first_accepted_wins(store).await;
    concurrent_copies_count_once(store).await;
    usage_is_cut_at_the_bounds(store).await;
    late_events_count_where_they_belong(store).await;
    unique_values_unite(store).await;
    the_greatest_time_and_id_is_latest(store).await;
    the_latest_of_one_instant_has_the_greatest_id(store).await;
    windows_follow_the_zone(store).await;
    scopes_are_apart(store).await;
    events_without_meters_are_listed(store).await;
    pages_are_complete_and_ordered(store).await;
    filters_hold_together(store).await;
    scans_are_complete_in_bounded_chunks(store).await;
    strange_names_are_names(store).await;
    unknown_names_are_empty(store).await;
    sums_beyond_128_bits_are_refused(store).await;
    groups::run(store).await;
    late::run(store).await;
    copies::run(store).await;
    store.check().await.unwrap();
}

async fn first_accepted_wins(store: &dyn EventStore) {
    let scope = scope("first_accepted_wins");
    let first = metered("e", "c", "2024-05-01T10:00:00Z", vec![entry("m", 5, None)]);
    let other = metered("e", "d", "2024-06-01T10:00:00Z", vec![entry("m", 7, None)]);
    let outcomes = store.append(&scope, vec![first.clone(), other.clone(), first.clone()]).await.unwrap();
    assert_eq!(outcomes, [Appended::New, Appended::Duplicate, Appended::Duplicate]);
    assert_eq!(store.append(&scope, vec![other]).await.unwrap(), [Appended::Duplicate]);
    assert_eq!(store.append(&scope, Vec::new()).await.unwrap(), []);
    let all = query(&[], "m", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
    assert_eq!(store.usage(&scope, vec![all]).await.unwrap()[0].sum, Quantity::from_units(5));
    assert_eq!(store.event(&scope, "e").await.unwrap(), Some(first.event));
    assert_eq!(store.event(&scope, "f").await.unwrap(), None);
    assert_eq!(store.count_events(&scope, EventFilter::default()).await.unwrap(), 1);
}

async fn concurrent_copies_count_once(store: &dyn EventStore) {
    let scope = scope("concurrent_copies_count_once");
    let batch = |_: usize| -> Vec<MeteredEvent> {
        (0..200).map(|i| metered(&format!("e{i}"), "c", "2024-05-01T10:00:00Z", vec![entry("m", 1, Some(i % 7))])).collect()
    };
    let appended = futures_join((0..8).map(|i| store.append(&scope, batch(i))).collect()).await;
    let new = appended.into_iter().flat_map(Result::unwrap).filter(|outcome| *outcome == Appended::New).count();
    assert_eq!(new, 200);
    let usage = store.usage(&scope, vec![query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z")]).await.unwrap();
    assert_eq!((usage[0].events, usage[0].sum, usage[0].unique), (200, Quantity::from_units(200), 7));
}

async fn usage_is_cut_at_the_bounds(store: &dyn EventStore) {
    let scope = scope("usage_is_cut_at_the_bounds");
    let times = ["2024-01-31T23:59:59.999999Z", "2024-02-01T00:00:00Z", "2024-02-29T23:59:59.999999Z", "2024-03-01T00:00:00Z"];
    let events = times.iter().enumerate().map(|(i, at)| metered(&format!("e{i}"), "c", at, vec![entry("m", 1 << i, None)]));
    store.append(&scope, events.collect()).await.unwrap();
    for (start, end, units) in [
        ("2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", 6),
        ("2024-02-01T00:00:00.000001Z", "2024-03-01T00:00:00.000001Z", 12),
        ("2024-01-31T23:59:59.999999Z", "2024-02-29T23:59:59.999999Z", 3),
        ("2024-03-01T00:00:00Z", "2024-02-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", 15),
    ] {
        let usage = store.usage(&scope, vec![query(&["c"], "m", start, end)]).await.unwrap();
        assert_eq!(usage[0].sum, Quantity::from_units(units), "{start} to {end}");
    }
}

async fn late_events_count_where_they_belong(store: &dyn EventStore) {
    let scope = scope("late_events_count_where_they_belong");
    for (i, time) in ["2024-05-31T10:00:00Z", "2024-06-02T10:00:00Z", "2024-05-30T10:00:00Z"].iter().enumerate() {
        store.append(&scope, vec![metered(&format!("e{i}"), "c", time, vec![entry("m", 1, None)])]).await.unwrap();
        let may = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
        assert_eq!(store.usage(&scope, vec![may]).await.unwrap()[0].events, [1, 1, 2][i]);
    }
}

async fn unique_values_unite(store: &dyn EventStore) {
    let scope = scope("unique_values_unite");
    let rows = [
        ("c", "2024-05-10T10:00:00Z", 1),
        ("c", "2024-05-11T10:00:00Z", 1),
        ("c", "2024-05-11T11:00:00Z", 2),
        ("c", "2024-06-01T10:00:00Z", 2),
        ("d", "2024-05-11T10:00:00Z", 1),
        ("d", "2024-06-11T10:00:00Z", 3),
    ];
    for (i, (customer, time, value)) in rows.iter().enumerate() {
        let entries = vec![entry("m", 1, Some(*value))];
        store.append(&scope, vec![metered(&format!("e{i}"), customer, time, entries)]).await.unwrap();
    }
    for (customers, start, end, unique) in [
        (&["c"][..], "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z", 2),
        (&["c"], "2024-05-10T00:00:00Z", "2024-05-11T00:00:00Z", 1),
        (&["c"], "2024-05-10T12:00:00Z", "2024-05-11T10:30:00Z", 1),
        (&["c"], "2024-05-10T12:00:00Z", "2024-06-11T10:30:00Z", 2),
        (&["c", "d"], "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z", 2),
        (&["c", "d", "c"], "2024-05-01T00:00:00Z", "2024-07-01T00:00:00Z", 3),
        (&[], "2024-05-11T00:00:00Z", "2024-07-01T00:00:00Z", 3),
    ] {
        let usage = store.usage(&scope, vec![query(customers, "m", start, end)]).await.unwrap();
        assert_eq!(usage[0].unique, unique, "{customers:?} {start} to {end}");
    }
}

async fn the_greatest_time_and_id_is_latest(store: &dyn EventStore) {
    let scope = scope("the_greatest_time_and_id_is_latest");
    for (id, time, units) in [("b", "2024-05-01T12:00:10Z", 8), ("a", "2024-05-01T12:00:10Z", 7), ("z", "2024-05-01T12:00:05Z", 99)] {
        store.append(&scope, vec![metered(id, "c", time, vec![entry("m", units, None)])]).await.unwrap();
    }
    let day = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z");
    let usage = store.usage(&scope, vec![day]).await.unwrap().remove(0);
    assert_eq!(usage.latest.map(|latest| (latest.event_id, latest.quantity)), Some(("b".to_owned(), Quantity::from_units(8))));
    assert_eq!(usage.max, Some(Quantity::from_units(99)));
}

/// Of one instant the greatest id, byte by byte: an id comes before all that it begins, also where a zero byte follows.
async fn the_latest_of_one_instant_has_the_greatest_id(store: &dyn EventStore) {
    let ascending = ["a", "a\0", "a\0\0", "a\0.", "a\0b", "a\u{1}", "a.", "aa", "b"];
    for (number, pair) in ascending.windows(2).enumerate() {
        let scope = scope(&format!("the_latest_of_one_instant_has_the_greatest_id_{number}"));
        // A quantity that would sort the other way, in cells of whole hours and in rows.
        let events =
            [(pair[1], -7), (pair[0], 9)].map(|(id, units)| metered(id, "c", "2024-05-01T10:00:00Z", vec![entry("m", units, None)]));
        store.append(&scope, events.to_vec()).await.unwrap();
        for end in ["2024-05-01T11:00:00Z", "2024-05-01T10:30:00Z"] {
            let usage = store.usage(&scope, vec![query(&["c"], "m", "2024-05-01T10:00:00Z", end)]).await.unwrap().remove(0);
            let latest = usage.latest.unwrap();
            assert_eq!(
                (latest.event_id.as_str(), latest.quantity, latest.timestamp),
                (pair[1], Quantity::from_units(-7), at("2024-05-01T10:00:00Z"))
            );
        }
    }
}

async fn windows_follow_the_zone(store: &dyn EventStore) {
    let scope = scope("windows_follow_the_zone");
    let times = ["2024-11-03T03:59:59Z", "2024-11-03T04:00:00Z", "2024-11-04T04:59:59Z", "2024-11-04T05:00:00Z"];
    let events = times.iter().enumerate().map(|(i, at)| metered(&format!("e{i}"), "c", at, vec![entry("m", 1 << i, None)]));
    store.append(&scope, events.collect()).await.unwrap();
    let window = Window::new(WindowSize::Day, Zone::parse("America/New_York").unwrap());
    let asked = query(&["c"], "m", "2024-11-03T03:59:59Z", "2024-11-04T05:00:00Z");
    let windows = store.usage_by_group(&scope, by_window(asked, window)).await.unwrap().remove(0);
    let found: Vec<_> = windows.iter().map(|window| (window.window, window.usage.sum.to_units())).collect();
    let period = |start, end| Period::new(at(start), at(end));
    assert_eq!(
        found,
        [(period("2024-11-02T04:00:00Z", "2024-11-03T04:00:00Z"), 1), (period("2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"), 6)]
    );
}

async fn scopes_are_apart(store: &dyn EventStore) {
    // Tenant and environment that read the same when put together.
    let mut one = scope("scopes_are_apart");
    let mut two = one.clone();
    one.environment_id = "1env".into();
    two.tenant_id = "scopes_are_apart1".into();
    let event = metered("e", "c", "2024-05-01T10:00:00Z", vec![entry("m", 5, Some(1))]);
    for scope in [&one, &two] {
        assert_eq!(store.append(scope, vec![event.clone()]).await.unwrap(), [Appended::New]);
        assert_eq!(store.count_events(scope, EventFilter::default()).await.unwrap(), 1);
        let all = query(&[], "m", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
        assert_eq!(store.usage(scope, vec![all]).await.unwrap()[0].events, 1);
    }
}

async fn events_without_meters_are_listed(store: &dyn EventStore) {
    let scope = scope("events_without_meters_are_listed");
    store.append(&scope, vec![metered("e", "c", "2024-05-01T10:00:00Z", Vec::new())]).await.unwrap();
    let of_customer = EventFilter { external_customer_id: Some("c".into()), ..EventFilter::default() };
    for filter in [EventFilter::default(), of_customer] {
        assert_eq!(store.events(&scope, filter.clone(), EventOrder::default(), None, 9).await.unwrap().len(), 1);
        assert_eq!(store.count_events(&scope, filter).await.unwrap(), 1);
    }
}

async fn pages_are_complete_and_ordered(store: &dyn EventStore) {
    let scope = scope("pages_are_complete_and_ordered");
    let mut model = Model::default();
    // One hour holds more than a store may want to hold at a time, and many events share an instant.
    let base = at("2024-05-01T10:00:00Z");
    let events: Vec<MeteredEvent> = (0..9_000_i64)
        .map(|i| {
            let mut event = metered(&format!("e{:05}", i * 7_919 % 9_000), "c", "2024-05-01T10:00:00Z", Vec::new());
            event.event.timestamp = base.plus_seconds(i % 60 + if i % 100 == 0 { 86_400 } else { 0 });
            event
        })
        .collect();
    model.append(&events);
    for batch in events.chunks(1_000) {
        store.append(&scope, batch.to_vec()).await.unwrap();
    }
    let of_customer = EventFilter { external_customer_id: Some("c".into()), ..EventFilter::default() };
    for filter in [EventFilter::default(), of_customer] {
        for order in [EventOrder::Ascending, EventOrder::Descending] {
            let expected = model.events(&filter, order);
            let mut found = Vec::new();
            let mut after: Option<(Timestamp, String)> = None;
            loop {
                let page = store.events(&scope, filter.clone(), order, after, 1_300).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some((last.timestamp, last.id.clone()));
                found.extend(page);
            }
            assert!(found == expected, "{order:?}: {} of {}", found.len(), expected.len());
        }
        assert_eq!(scanned(store, &scope, &filter).await, model.scanned(&filter));
        assert_eq!(store.count_events(&scope, filter).await.unwrap(), 9_000);
    }
}

async fn filters_hold_together(store: &dyn EventStore) {
    let scope = scope("filters_hold_together");
    let mut first = metered("e1", "c", "2024-05-01T10:00:00Z", Vec::new());
    first.event.source = "web".into();
    first.event.properties = r#"{"region":"eu","tier":2}"#.into();
    let mut second = metered("e2", "c", "2024-05-01T11:00:00Z", Vec::new());
    second.event.name = "login".into();
    second.event.properties = r#"{"region":"us","tier":"2.0"}"#.into();
    let third = metered("e3", "d", "2024-05-01T11:00:00Z", Vec::new());
    store.append(&scope, vec![first, second, third]).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let properties = |key: &str, values: &[&str]| [(key.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())].into();
    let all = EventFilter::default;
    for (filter, ids) in [
        (EventFilter { external_customer_id: text("c"), ..all() }, &["e1", "e2"][..]),
        (EventFilter { event_name: text("api"), ..all() }, &["e1", "e3"]),
        (EventFilter { external_customer_id: text("c"), event_name: text("login"), ..all() }, &["e2"]),
        (EventFilter { source: text("web"), ..all() }, &["e1"]),
        (EventFilter { event_id: text("e2"), ..all() }, &["e2"]),
        (EventFilter { event_id: text("e2"), external_customer_id: text("d"), ..all() }, &[]),
        (EventFilter { properties: properties("tier", &["2"]), ..all() }, &["e1", "e2"]),
        (EventFilter { properties: properties("region", &["us", "asia"]), ..all() }, &["e2"]),
        (EventFilter { from: Some(at("2024-05-01T11:00:00Z")), ..all() }, &["e2", "e3"]),
        (EventFilter { until: Some(at("2024-05-01T11:00:00Z")), ..all() }, &["e1"]),
    ] {
        let found = store.events(&scope, filter.clone(), EventOrder::Ascending, None, 9).await.unwrap();
        assert_eq!(found.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ids, "{filter:?}");
        assert_eq!(scanned(store, &scope, &filter).await, found.into_iter().map(ScannedEvent::from).collect::<Vec<_>>(), "{filter:?}");
        assert_eq!(store.count_events(&scope, filter).await.unwrap(), ids.len() as u64);
    }
    let after = Some((at("2024-05-01T11:00:00Z"), "e2".to_owned()));
    let found = store.events(&scope, EventFilter::default(), EventOrder::Ascending, after, 9).await.unwrap();
    assert_eq!(found.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["e3"]);
}

/// More than a store may want to hold at a time, most of it in one minute.
async fn scans_are_complete_in_bounded_chunks(store: &dyn EventStore) {
    const PROPERTIES_BYTES: usize = 500_000;
    let scope = scope("scans_are_complete_in_bounded_chunks");
    let mut model = Model::default();
    // ClickHouse reads slices of time, of some 8 MiB: a small one, a minute of several slices, what follows on its heels, a gap, more.
    let times =
        ["10:00:59.999999", "10:01:00", "10:01:00", "10:01:00", "10:01:59.999999", "10:01:00", "10:01:00.5", "10:02:00", "12:00:00"];
    for batch in 0..6 {
        let events = (0..10).map(|i| {
            let time = format!("2024-05-01T{}Z", times.get(i).copied().unwrap_or(if batch == 0 { "12:01:00" } else { "10:01:00" }));
            let mut event = metered(&format!("e{batch}{i}"), "c", &time, Vec::new());
            event.event.properties = format!(r#"{{"n":{i},"text":"{}"}}"#, "x".repeat(PROPERTIES_BYTES));
            event
        });
        let events: Vec<MeteredEvent> = events.collect();
        model.append(&events);
        store.append(&scope, events).await.unwrap();
    }
    let properties = [("n".to_owned(), vec!["3".to_owned(), "7.0".to_owned()])].into();
    let all = EventFilter::default;
    let of_customer = || EventFilter { external_customer_id: Some("c".into()), ..all() };
    for filter in
        [all(), of_customer(), EventFilter { until: Some(at("2024-05-01T10:01:00Z")), ..all() }, EventFilter { properties, ..all() }]
    {
        assert!(scanned(store, &scope, &filter).await == model.scanned(&filter));
        assert_eq!(store.count_events(&scope, filter.clone()).await.unwrap(), model.scanned(&filter).len() as u64);
    }
    // Breaking off ends it.
    let mut taken = Vec::new();
    let mut take_first = |chunk| {
        taken.push(chunk);
        ControlFlow::Break(())
    };
    store.scan(&scope, of_customer(), &mut take_first).await.unwrap();
    assert!(taken.len() == 1 && taken[0].len() < 60, "{} chunks", taken.len());
}

async fn strange_names_are_names(store: &dyn EventStore) {
    let scope = scope("strange_names_are_names");
    let names = ["", "\0", "\0\0", "a", "a\0", "a/b", "ä", "\u{10ffff}"];
    for (i, name) in names.iter().enumerate() {
        let id = format!("{name}x");
        let outcome = store.append(&scope, vec![metered(&id, name, "2024-05-01T10:00:00Z", vec![entry("m", 1 << i, None)])]).await;
        assert_eq!(outcome.unwrap(), [Appended::New]);
    }
    for (i, name) in names.iter().enumerate() {
        let usage = store.usage(&scope, vec![query(&[name], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z")]).await.unwrap();
        assert_eq!(usage[0].sum, Quantity::from_units(1 << i), "{name:?}");
        assert_eq!(store.event(&scope, &format!("{name}x")).await.unwrap().unwrap().external_customer_id, *name);
    }
    let listed = store.events(&scope, EventFilter::default(), EventOrder::Ascending, None, 99).await.unwrap();
    let ids: BTreeSet<_> = names.iter().map(|name| format!("{name}x")).collect();
    assert_eq!(listed.into_iter().map(|event| event.id).collect::<Vec<_>>(), ids.into_iter().collect::<Vec<_>>());
}

async fn unknown_names_are_empty(store: &dyn EventStore) {
    let scope = scope("unknown_names_are_empty");
    let asked = query(&["nobody"], "nothing", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
    for _ in 0..2 {
        assert_eq!(store.usage(&scope, vec![asked.clone(), asked.clone()]).await.unwrap(), [Aggregate::default(), Aggregate::default()]);
        let window = Window::new(WindowSize::Hour, Zone::UTC);
        assert_eq!(store.usage_by_group(&scope, by_window(asked.clone(), window)).await.unwrap(), [vec![]]);
        let nobody = EventFilter { external_customer_id: Some("nobody".into()), ..EventFilter::default() };
        assert_eq!(store.count_events(&scope, nobody.clone()).await.unwrap(), 0);
        assert_eq!(scanned(store, &scope, &nobody).await, []);
        store.append(&scope, vec![metered("e", "c", "2024-05-01T10:00:00Z", vec![entry("m", 1, None)])]).await.unwrap();
    }
}

async fn sums_beyond_128_bits_are_refused(store: &dyn EventStore) {
    let scope = scope("sums_beyond_128_bits_are_refused");
    for id in ["a", "b"] {
        store.append(&scope, vec![metered(id, "c", "2024-05-01T10:00:00Z", vec![entry("m", i128::MAX, None)])]).await.unwrap();
    }
    let asked = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
    assert!(matches!(store.usage(&scope, vec![asked]).await, Err(EventStoreError::Overflow)));
}

/// Polls all at once, so that they meet in one group.
async fn futures_join<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(ready) => *output = Some(ready),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

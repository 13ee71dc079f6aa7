//! Entries that events get after they were counted, and what an event holds.

use std::pin::Pin;

use domain::meter::{Aggregate, LedgerEntry, Window, WindowSize};
use domain::money::Quantity;
use domain::time::Zone;
use streams::{Appended, EventFilter, EventOrder, EventStore, GroupKey, LateEntry, MeteredEvent, RowFilter};

use super::futures_join;
use crate::model::{Model, at, by_window, entries_of, entry, grouped, grouped_query, late, metered, query, scope, weighted};

pub(super) async fn run(store: &dyn EventStore) {
    events_tell_their_entries(store).await;
    late_entries_are_counted_like_others(store).await;
    a_second_entry_is_never_added(store).await;
    late_entries_race_with_events(store).await;
    late_entries_of_many_hours_and_customers(store).await;
}

async fn events_tell_their_entries(store: &dyn EventStore) {
    let mut model = Model::default();
    let scope = scope("events_tell_their_entries");
    let entries = vec![entry("m2", 5, Some(3)), grouped("m1", 7, "eu"), weighted("m3", 9), grouped("m0", 1, "")];
    let events = [metered("e", "c", "2024-05-01T10:00:00Z", entries), metered("none", "c", "2024-05-01T10:00:00Z", Vec::new())];
    model.append(&events);
    store.append(&scope, events.to_vec()).await.unwrap();
    let found = entries_of(store, &scope, "e").await.unwrap();
    assert_eq!(found.iter().map(|entry| entry.meter_id.as_str()).collect::<Vec<_>>(), ["m0", "m1", "m2", "m3"]);
    assert_eq!(found, model.entries("e"));
    assert_eq!(entries_of(store, &scope, "none").await, Some(Vec::new()));
    let stranger = super::scope("events_tell_nothing_of_others");
    assert_eq!(entries_of(store, &scope, "unknown").await, None);
    assert_eq!(entries_of(store, &stranger, "e").await, None);
    // Several at once, of other customers and times.
    let other = metered("other", "d", "2024-06-02T11:30:00.000001Z", vec![entry("m1", 3, None), entry("m0", 4, None)]);
    model.append(std::slice::from_ref(&other));
    store.append(&scope, vec![other]).await.unwrap();
    let ids = ["none", "other", "unknown", "e", "other"].map(str::to_owned);
    let found = store.counted(&scope, &ids).await.unwrap();
    assert_eq!(found.len(), 3);
    for (id, counted) in found {
        let event = model.event(&id).unwrap();
        assert_eq!((&counted.external_customer_id, counted.timestamp), (&event.external_customer_id, event.timestamp));
        assert_eq!(counted.entries, model.entries(&id), "{id}");
    }
    assert!(store.counted(&scope, &[]).await.unwrap().is_empty());
}

async fn late_entries_are_counted_like_others(store: &dyn EventStore) {
    let scope = scope("late_entries_are_counted_like_others");
    let mut model = Model::default();
    let times = ["2024-05-31T23:59:59.999999Z", "2024-06-01T00:00:00Z", "2024-06-01T00:30:00Z", "2024-06-02T10:00:00Z"];
    // Some events had a meter already, some had none; of two names.
    let events: Vec<MeteredEvent> = times
        .iter()
        .enumerate()
        .map(|(i, time)| {
            let entries = if i % 2 == 0 { vec![entry("old", 1, Some(1))] } else { Vec::new() };
            let mut event = metered(&format!("e{i}"), "c", time, entries);
            event.event.name = ["api", "login"][i / 2].to_owned();
            event.event.source = ["web", "app"][i % 2].to_owned();
            event
        })
        .collect();
    model.append(&events);
    store.append(&scope, events.clone()).await.unwrap();
    let new = |i: usize| {
        let (unique, group) = (Some(value(i / 2, 9)), ["a", "b"][i % 2]);
        LedgerEntry { group: Some(group.into()), weighted: true, ..entry("new", 10 + i128::from(value(i, 9)), unique) }
    };
    let entries: Vec<LateEntry> = events.iter().enumerate().map(|(i, event)| late(event, new(i))).collect();
    for part in [&entries[1..2], &entries[..], &entries[..]] {
        assert_eq!(store.add_entries(&scope, part.to_vec()).await.unwrap(), model.add_entries(part));
        same_answers(store, &model, "late_entries_are_counted_like_others", &["old", "new"]).await;
    }
    // Events that arrive afterwards are counted beside them.
    let after = vec![metered("after", "c", "2024-06-01T00:10:00Z", vec![new(3), entry("old", 2, Some(2))])];
    assert_eq!(store.append(&scope, after.clone()).await.unwrap(), model.append(&after));
    same_answers(store, &model, "late_entries_are_counted_like_others", &["old", "new"]).await;
    assert_eq!(store.add_entries(&scope, Vec::new()).await.unwrap(), 0);
}

fn value(of: usize, different: usize) -> u8 {
    u8::try_from(of % different).unwrap()
}

/// Usage, windows, groups, lists and single events are those of the plain formula; of customer `c` from May to July.
async fn same_answers(store: &dyn EventStore, model: &Model, tenant: &str, meters: &[&str]) {
    let scope = scope(tenant);
    for meter in meters {
        for (start, end) in [
            ("2024-05-01T00:00:00Z", "2024-07-01T00:00:00Z"),
            ("2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z"),
            ("2024-05-31T23:59:59.999999Z", "2024-06-01T00:10:00Z"),
            ("2024-06-01T00:00:00.000001Z", "2024-06-02T10:00:00.000001Z"),
        ] {
            for customers in [&["c"][..], &[]] {
                let asked = query(customers, meter, start, end);
                assert_eq!(store.usage(&scope, vec![asked.clone()]).await.unwrap(), [model.usage(&asked)], "{asked:?}");
                for size in [WindowSize::Minutes15, WindowSize::Hour, WindowSize::Day, WindowSize::Month] {
                    let window = Window::new(size, Zone::UTC);
                    let found = store.usage_by_group(&scope, by_window(asked.clone(), window)).await.unwrap();
                    assert_eq!(Some(found), model.usage_by_group(&by_window(asked.clone(), window)), "{asked:?} {size}");
                }
                let by = vec![GroupKey::Source, GroupKey::Meter];
                let grouped = grouped_query(asked, RowFilter::default(), &by, None);
                assert_eq!(Some(store.usage_by_group(&scope, grouped.clone()).await.unwrap()), model.usage_by_group(&grouped));
            }
        }
    }
    let of_customer = EventFilter { external_customer_id: Some("c".into()), ..EventFilter::default() };
    let of_name = EventFilter { event_name: Some("api".into()), ..of_customer.clone() };
    for filter in [EventFilter::default(), of_customer, of_name] {
        for order in [EventOrder::Ascending, EventOrder::Descending] {
            assert_eq!(store.events(&scope, filter.clone(), order, None, 999).await.unwrap(), model.events(&filter, order), "{filter:?}");
        }
        assert_eq!(store.count_events(&scope, filter.clone()).await.unwrap(), model.events(&filter, EventOrder::Ascending).len() as u64);
    }
    for event in model.events(&EventFilter::default(), EventOrder::Ascending) {
        assert_eq!(entries_of(store, &scope, &event.id).await, Some(model.entries(&event.id)), "{}", event.id);
    }
}

async fn a_second_entry_is_never_added(store: &dyn EventStore) {
    let scope = scope("a_second_entry_is_never_added");
    let had = metered("had", "c", "2024-05-01T10:00:00Z", vec![entry("m", 5, Some(1))]);
    let lacked = metered("lacked", "c", "2024-05-01T10:00:00Z", vec![entry("n", 5, Some(1))]);
    let unknown = metered("unknown", "c", "2024-05-01T10:00:00Z", Vec::new());
    store.append(&scope, vec![had.clone(), lacked.clone()]).await.unwrap();
    let entries = vec![
        late(&had, entry("m", 100, None)),
        late(&lacked, entry("m", 7, Some(2))),
        // Twice in one request: the first counts.
        late(&lacked, entry("m", 1_000, Some(3))),
        late(&unknown, entry("m", 10_000, None)),
    ];
    let may = query(&[], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
    for added in [1, 0, 0] {
        assert_eq!(store.add_entries(&scope, entries.clone()).await.unwrap(), added);
        let usage = store.usage(&scope, vec![may.clone()]).await.unwrap().remove(0);
        assert_eq!((usage.events, usage.sum.to_units(), usage.unique), (2, 12, 2));
    }
    // The unknown event gets nothing now, and what it brings when it arrives.
    assert_eq!(entries_of(store, &scope, "unknown").await, None);
    assert_eq!(store.event(&scope, "unknown").await.unwrap(), None);
    let arrives = MeteredEvent { entries: vec![entry("m", 3, None)], ..unknown };
    assert_eq!(store.append(&scope, vec![arrives]).await.unwrap(), [Appended::New]);
    assert_eq!(store.usage(&scope, vec![may]).await.unwrap()[0].sum, Quantity::from_units(15));
    // Nor does another scope's event of that id.
    let stranger = super::scope("a_second_entry_is_never_added to others");
    assert_eq!(store.add_entries(&stranger, entries).await.unwrap(), 0);
    let all = query(&[], "m", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
    assert_eq!(store.usage(&stranger, vec![all]).await.unwrap(), [Aggregate::default()]);
}

/// The same late entries several times at once, beside events that arrive in the same hours, copies of them among these.
async fn late_entries_race_with_events(store: &dyn EventStore) {
    const NAME: &str = "late_entries_race_with_events";
    let scope = scope(NAME);
    let event = |i: usize, meters: &[&str]| {
        let entries = meters.iter().map(|meter| entry(meter, 1, Some(value(i, 11)))).collect();
        metered(&format!("e{i}"), "c", &format!("2024-05-{:02}T{:02}:00:00Z", i % 3 + 1, i % 5), entries)
    };
    let before: Vec<_> = (0..120).map(|i| event(i, &["old"])).collect();
    let after: Vec<_> = (100..240).map(|i| event(i, &["old", "new"])).collect();
    let mut model = Model::default();
    model.append(&before);
    let entries: Vec<_> = before.iter().enumerate().map(|(i, event)| late(event, entry("new", 1, Some(value(i, 11))))).collect();
    model.append(&after);
    model.add_entries(&entries);
    store.append(&scope, before).await.unwrap();
    let scope = &scope;
    let mut calls: Vec<Pin<Box<dyn Future<Output = u64> + '_>>> = Vec::new();
    for (from, batch) in (0..).step_by(20).zip(after.chunks(20)) {
        let (entries, batch) = (entries[from % 100..].to_vec(), batch.to_vec());
        calls.push(Box::pin(async move { store.add_entries(scope, entries).await.unwrap() }));
        calls.push(Box::pin(async move { store.append(scope, batch).await.map(|_| 0).unwrap() }));
    }
    let added: u64 = futures_join(calls).await.iter().sum();
    assert!(added >= 120, "each was added by one of the calls, {added} by all");
    same_answers(store, &model, NAME, &["old", "new"]).await;
    assert_eq!(store.add_entries(scope, entries).await.unwrap(), 0);
}

async fn late_entries_of_many_hours_and_customers(store: &dyn EventStore) {
    let scope = scope("late_entries_of_many_hours_and_customers");
    let mut model = Model::default();
    let events: Vec<_> = (0..3_000_i64)
        .map(|i| {
            let mut event = metered(&format!("e{i}"), &format!("c{}", i % 7), "2024-05-01T00:00:00Z", vec![entry("old", 1, None)]);
            event.event.timestamp = at("2024-05-01T00:00:00Z").plus_seconds(i * 1_777);
            event
        })
        .collect();
    model.append(&events);
    let entries: Vec<_> =
        events.iter().enumerate().map(|(i, event)| late(event, entry("new", i128::from(value(i, 251)), Some(value(i, 20))))).collect();
    for batch in events.chunks(1_000) {
        store.append(&scope, batch.to_vec()).await.unwrap();
    }
    for batch in entries.chunks(1_000) {
        assert_eq!(store.add_entries(&scope, batch.to_vec()).await.unwrap(), 1_000);
        model.add_entries(batch);
    }
    assert_eq!(store.add_entries(&scope, entries).await.unwrap(), 0);
    for customers in [&[][..], &["c3"], &["c1", "c6"]] {
        for (start, end) in [("2024-05-01T00:00:00Z", "2024-08-01T00:00:00Z"), ("2024-05-10T12:34:56Z", "2024-06-20T01:02:03Z")] {
            let asked = query(customers, "new", start, end);
            assert_eq!(store.usage(&scope, vec![asked.clone()]).await.unwrap(), [model.usage(&asked)], "{asked:?}");
        }
    }
    assert_eq!(store.count_events(&scope, EventFilter::default()).await.unwrap(), 3_000);
}

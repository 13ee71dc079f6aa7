//! The embedded store keeps the contract, across closing and opening, and refuses what it cannot take.

use streams::{Appended, EmbeddedEventStore, EmbeddedOptions, EventFilter, EventOrder, EventStore, EventStoreError};

use crate::contract;
use crate::model::{Model, at, entries_of, entry, late, metered, query, scope};

#[tokio::test]
async fn keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    contract::run(&EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()).unwrap()).await;
}

#[tokio::test]
async fn keeps_the_contract_in_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions {
        cache_bytes: 0,
        memtable_bytes: 64 << 10,
        cell_cache_bytes: 0,
        loose_rows_max: 1,
        unique_hashes_max: 2,
        id_sieve_bytes_max: 0,
        unique_sieve_bytes_max: 0,
        concurrent_reads_max: 1,
        ..EmbeddedOptions::default()
    };
    contract::run(&EmbeddedEventStore::open(dir.path(), options).unwrap()).await;
}

#[tokio::test]
async fn remembers_after_closing() {
    let dir = tempfile::tempdir().unwrap();
    let scope = scope("t");
    let event = |id: &str, unique| metered(id, "c", "2024-05-01T10:00:00Z", vec![entry("m", 1, Some(unique))]);
    for round in 1..4_u8 {
        let store = EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()).unwrap();
        let outcomes = store.append(&scope, vec![event("same", 1), event(&format!("e{round}"), round)]).await.unwrap();
        assert_eq!(outcomes, [if round == 1 { Appended::New } else { Appended::Duplicate }, Appended::New]);
        let month = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
        let usage = store.usage(&scope, vec![month]).await.unwrap();
        assert_eq!((usage[0].events, usage[0].unique), (u64::from(round) + 1, u64::from(round)));
        if round == 2 {
            drop(store);
            continue;
        }
        store.close().await;
        assert!(matches!(store.append(&scope, vec![event("late", 1)]).await, Err(EventStoreError::Unavailable(_))));
        assert!(matches!(store.count_events(&scope, EventFilter::default()).await, Err(EventStoreError::Unavailable(_))));
        assert!(store.check().await.is_err());
        store.close().await;
    }
}

/// Duplicates and unique values are found while what is stored is read again after a start, and after it.
#[tokio::test]
async fn duplicates_are_found_right_after_opening() {
    const BATCH: usize = 500;
    let dir = tempfile::tempdir().unwrap();
    let scope = scope("t");
    let batch = |first: usize| -> Vec<_> {
        (first..first + BATCH)
            .map(|i| {
                let time = format!("2024-05-{:02}T10:00:00Z", i / BATCH % 28 + 1);
                metered(&format!("e{i}"), "c", &time, vec![entry("m", 1, Some(u8::try_from(i % 200).unwrap()))])
            })
            .collect()
    };
    let mut stored = 0;
    for _ in 0..4 {
        let store = EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()).unwrap();
        for round in 0..8 {
            let mut events = batch(stored);
            if stored > 0 {
                events.extend(batch(round * BATCH % stored));
            }
            let outcomes = store.append(&scope, events).await.unwrap();
            assert!(outcomes[..BATCH].iter().all(|outcome| *outcome == Appended::New));
            assert!(outcomes[BATCH..].iter().all(|outcome| *outcome == Appended::Duplicate));
            stored += BATCH;
        }
        let month = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
        let day = query(&["c"], "m", "2024-05-02T00:00:00Z", "2024-05-03T00:00:00Z");
        let usage = store.usage(&scope, vec![month, day]).await.unwrap();
        assert_eq!((usage[0].events, usage[0].unique, usage[1].unique), (stored as u64, 200, 200));
        store.close().await;
    }
}

#[tokio::test]
async fn late_entries_and_copies_are_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let scope = scope("t");
    let event = |id: &str| metered(id, "c", "2024-05-01T10:00:00Z", vec![entry("old", 1, None)]);
    // What was written last before closing is followed by events of the same customer and hour.
    for round in 1..5_u8 {
        let store = EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()).unwrap();
        let new = event(&format!("e{round}"));
        store.append(&scope, vec![event("copied"), new.clone()]).await.unwrap();
        let entries = vec![late(&event("copied"), entry("new", 10, Some(1))), late(&new, entry("new", 10, Some(round)))];
        assert_eq!(store.add_entries(&scope, entries).await.unwrap(), if round == 1 { 2 } else { 1 });
        let month = |meter| query(&["c"], meter, "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
        let usage = store.usage(&scope, vec![month("old"), month("new")]).await.unwrap();
        let events = i128::from(round) + 1;
        assert_eq!((usage[0].sum.to_units(), usage[1].sum.to_units(), usage[1].unique), (events, 10 * events, u64::from(round)));
        assert_eq!(store.count_events(&scope, EventFilter::default()).await.unwrap(), u64::from(round) + 1);
        assert_eq!(store.copies(&scope, "copied").await.unwrap().len(), usize::from(round) - 1);
        store.close().await;
    }
}

/// Names too long for a key are told apart by all of their bytes, and told whole, in the process that wrote them and in the next.
#[tokio::test]
async fn names_of_any_length_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let scope = scope("t");
    let names: Vec<String> =
        [1, 63, 64, 65, 300].into_iter().flat_map(|length| ["a", "b", "ü"].map(|end| "x".repeat(length) + end)).collect();
    let event = |name: &String| metered(&format!("of-{name}"), name, "2024-05-01T10:00:00Z", vec![entry(name, 3, None)]);
    for expected in [Appended::New, Appended::Duplicate] {
        let store = EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()).unwrap();
        let outcomes = store.append(&scope, names.iter().map(event).collect()).await.unwrap();
        assert_eq!(outcomes, vec![expected; names.len()]);
        for (customer, meter) in names.iter().flat_map(|customer| names.iter().map(move |meter| (customer, meter))) {
            let month = query(&[customer], meter, "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
            let events = store.usage(&scope, vec![month]).await.unwrap()[0].events;
            assert_eq!(events, u64::from(customer == meter), "{customer} {meter}");
        }
        for name in &names {
            assert_eq!(entries_of(&store, &scope, &format!("of-{name}")).await.unwrap(), [entry(name, 3, None)]);
            let month = query(&[], name, "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
            assert_eq!(store.usage(&scope, vec![month]).await.unwrap()[0].events, 1);
        }
        store.close().await;
    }
}

/// Groups whose events lie in one hour sparsely, densely, at one instant or alone are kept by hour, minute and second: lists merge them.
#[tokio::test]
async fn lists_merge_what_groups_wrote_in_any_density() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()).unwrap();
    let scope = scope("t");
    let mut model = Model::default();
    let start = at("2024-05-01T09:30:00Z");
    // Number of events, and microseconds between them.
    let groups = [(200, 18_000_000), (300, 12_000_000), (1_000, 50_000), (900, 7), (600, 0), (1, 0), (3, 1_200_000_000), (500, 11_000_003)];
    for (group, (events, apart)) in groups.into_iter().enumerate() {
        let batch: Vec<_> = (0..events)
            .map(|i| {
                let mut event =
                    metered(&format!("{:03}-{group}", i * 7 % 1_000), ["c", "d"][group % 2], "2024-05-01T09:30:00Z", Vec::new());
                event.event.timestamp = start.plus_micros(apart * i);
                event
            })
            .collect();
        model.append(&batch);
        store.append(&scope, batch).await.unwrap();
    }
    let cut = (Some(start.plus_micros(8)), Some(start.plus_micros(1_700_000_000)));
    for customer in [None, Some("c".to_owned())] {
        for (from, until) in [(None, None), cut] {
            let filter = EventFilter { external_customer_id: customer.clone(), from, until, ..EventFilter::default() };
            for (order, page) in [(EventOrder::Ascending, 97), (EventOrder::Descending, 97), (EventOrder::Descending, 5_000)] {
                let expected = model.events(&filter, order);
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let part = store.events(&scope, filter.clone(), order, after, page).await.unwrap();
                    let Some(last) = part.last() else { break };
                    after = Some((last.timestamp, last.id.clone()));
                    found.extend(part);
                }
                assert!(found == expected, "{filter:?} {order:?}: {} of {}", found.len(), expected.len());
            }
            assert_eq!(
                store.count_events(&scope, filter.clone()).await.unwrap(),
                model.events(&filter, EventOrder::default()).len() as u64
            );
        }
    }
}

#[test]
fn another_format_is_refused() {
    for (format, by) in [(1_u32, "another version"), (99, "a newer version")] {
        let dir = tempfile::tempdir().unwrap();
        let database = fjall::Database::builder(dir.path()).open().unwrap();
        let names = database.keyspace("names", fjall::KeyspaceCreateOptions::default).unwrap();
        names.insert("!", format.to_be_bytes()).unwrap();
        drop((names, database));
        let Err(error) = EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()) else { panic!("it was opened") };
        let words = format!("written by {by} of this program, in format {format}, and this one reads only format 4");
        assert!(error.to_string().contains(&words), "{error}");
    }
}

#[tokio::test]
async fn is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()).unwrap();
    assert!(matches!(EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()), Err(EventStoreError::Unavailable(_))));
    first.check().await.unwrap();
}

#[tokio::test]
async fn refuses_overload_and_takes_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { queue_events_max: 100, group_events_max: 10, ..EmbeddedOptions::default() };
    let store = std::sync::Arc::new(EmbeddedEventStore::open(dir.path(), options).unwrap());
    let scope = scope("t");
    let tasks: Vec<_> = (0..400)
        .map(|task| {
            let (store, scope) = (store.clone(), scope.clone());
            let batch = (0..20).map(|i| metered(&format!("{task}/{i}"), "c", "2024-05-01T10:00:00Z", vec![entry("m", 1, None)])).collect();
            tokio::spawn(async move { store.append(&scope, batch).await })
        })
        .collect();
    let (mut taken, mut refused) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(outcomes) => taken += outcomes.len() as u64,
            Err(EventStoreError::Overloaded) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(taken > 0 && refused > 0, "{taken} events taken, {refused} requests refused");
    let month = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
    assert_eq!(store.usage(&scope, vec![month]).await.unwrap()[0].events, taken);
    // A request larger than the queue is taken when nothing else waits.
    let large = (0..500).map(|i| metered(&format!("large/{i}"), "c", "2024-05-01T10:00:00Z", Vec::new())).collect();
    assert_eq!(store.append(&scope, large).await.unwrap().len(), 500);
}

//! Late entries beside a log, another process and lost answers: each event gets its entry once.

use futures::future::join_all;
use streams::{EventStore, EventStoreError, LateEntry, Ledger, LogStore, MeteredEvent};

use super::fixture::{Database, batch};
use super::wire::{LOSE_ANSWERS, Wire, through};
use crate::model::{entries_of, entry, late, metered, query, scope};

fn events(ids: std::ops::Range<usize>) -> Vec<MeteredEvent> {
    ids.map(|i| metered(&format!("e{i}"), "c", &format!("2024-05-{:02}T10:00:00Z", i % 28 + 1), Vec::new())).collect()
}

fn entries(events: &[MeteredEvent]) -> Vec<LateEntry> {
    events.iter().map(|event| late(event, entry("m", 1, Some(1)))).collect()
}

async fn counted(database: &Database) -> (u64, i128) {
    let may = query(&[], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
    let usage = database.store().usage(&scope("t"), vec![may]).await.unwrap().remove(0);
    (usage.events, usage.sum.to_units())
}

#[tokio::test]
async fn an_event_is_counted_before_it_gets_a_late_entry() {
    let database = Database::new().await;
    let (store, scope) = (database.store(), scope("t"));
    let sent = events(0..1);
    // The raw event is there, and its consumer of the usage ledger has not come to it.
    store.append_logged(Ledger::Events, batch(0, None, &scope, sent.clone())).await.unwrap();
    assert_eq!(entries_of(&store, &scope, "e0").await, None);
    assert_eq!(store.add_entries(&scope, entries(&sent)).await.unwrap(), 0);
    // That consumer knows the meter meanwhile.
    let live = vec![MeteredEvent { entries: vec![entry("m", 5, None)], ..sent[0].clone() }];
    store.append_logged(Ledger::Usage, batch(0, None, &scope, live)).await.unwrap();
    assert_eq!(entries_of(&store, &scope, "e0").await.unwrap(), [entry("m", 5, None)]);
    assert_eq!(store.add_entries(&scope, entries(&sent)).await.unwrap(), 0);
    assert_eq!(counted(&database).await, (1, 5));
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_processes_one_adds_each_entry() {
    let database = Database::new().await;
    let scope = scope("t");
    let sent = events(0..60);
    database.store().append(&scope, sent.clone()).await.unwrap();
    // Each of them begins elsewhere, and all overlap.
    let processes: Vec<_> = (0..4).map(|process| (database.store(), entries(&sent[process * 5..45 + process * 5]))).collect();
    let added = join_all(processes.iter().map(|(store, entries)| store.add_entries(&scope, entries.clone()))).await;
    assert_eq!(added.into_iter().map(Result::unwrap).sum::<u64>(), 60, "each entry was added by one");
    assert_eq!(counted(&database).await, (60, 60));
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_adds_no_second_entry() {
    let database = Database::new().await;
    let (wire, scope) = (Wire::to(&database.options.address).await, scope("t"));
    let sent = events(0..10);
    database.store().append(&scope, sent.clone()).await.unwrap();
    // Repeated at once: it knows the first insert as its own.
    wire.set(LOSE_ANSWERS);
    assert_eq!(through(&wire, &database, 2).add_entries(&scope, entries(&sent[..4])).await.unwrap(), 4);
    assert_eq!(counted(&database).await, (4, 4));
    // Not repeated: the job dies and begins anew, elsewhere and further.
    wire.set(LOSE_ANSWERS);
    let failed = through(&wire, &database, 0).add_entries(&scope, entries(&sent[..8])).await;
    assert!(matches!(failed, Err(EventStoreError::Unavailable(_))), "{failed:?}");
    assert_eq!(database.store().add_entries(&scope, entries(&sent)).await.unwrap(), 2);
    assert_eq!(counted(&database).await, (10, 10));
    database.remove().await;
}

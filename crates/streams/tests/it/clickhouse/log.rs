//! What a log delivers twice, late, half or to two at once counts once.

use domain::scope::Scope;
use streams::{EventFilter, EventStore, EventStoreError, Ledger, LogStore, LoggedBatch, MeteredEvent};

use super::fixture::{Database, batch, batch_from, partition};
use crate::model::{entry, metered, query, scope};

fn event(id: &str, units: i128) -> MeteredEvent {
    metered(id, "c", "2024-05-01T10:00:00Z", vec![entry("m", units, Some(1))])
}

/// Number and sum of what was counted, and the number of raw events.
async fn totals(store: &dyn EventStore, scope: &Scope) -> (u64, i128, u64) {
    let month = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
    let usage = store.usage(scope, vec![month]).await.unwrap().remove(0);
    (usage.events, usage.sum.to_units(), store.count_events(scope, EventFilter::default()).await.unwrap())
}

#[tokio::test]
async fn copies_count_once_wherever_they_are() {
    let database = Database::new().await;
    let (store, one, two) = (database.store(), scope("one"), scope("two"));
    for ledger in Ledger::ALL {
        assert_eq!(store.position(ledger, &partition(0)).await.unwrap(), None);
        // In one batch, which two tenants share; ids of one say nothing about the other.
        let mut first = batch(0, None, &one, vec![event("a", 1), event("b", 2), event("a", 4)]);
        first.events.extend(batch_from(0, None, 10, &two, vec![event("a", 8)]).events);
        first.last = 12;
        let stored = store.append_logged(ledger, first).await.unwrap();
        assert_eq!((stored.position, stored.settled, stored.new, stored.duplicates), (Some(10), true, 3, 1), "{ledger:?}");
        // In a later batch, which begins with a new event after a gap and ends with copies.
        let stored = store.append_logged(ledger, batch_from(0, Some(10), 20, &one, vec![event("c", 16), event("b", 32)])).await.unwrap();
        assert_eq!((stored.position, stored.settled, stored.new, stored.duplicates), (Some(20), true, 1, 1));
        // Only copies: the log moves on, the store stays.
        let stored = store.append_logged(ledger, batch_from(0, Some(20), 22, &one, vec![event("a", 64)])).await.unwrap();
        assert_eq!((stored.position, stored.settled, stored.new, stored.duplicates), (Some(20), true, 0, 1));
        // Nothing at all.
        let nothing = LoggedBatch { partition: partition(0), after: Some(20), last: 30, events: Vec::new() };
        let stored = store.append_logged(ledger, nothing).await.unwrap();
        assert_eq!((stored.position, stored.settled, stored.new, stored.duplicates), (Some(20), true, 0, 0));
        // In another partition.
        let stored = store.append_logged(ledger, batch(1, None, &one, vec![event("c", 128), event("d", 256)])).await.unwrap();
        assert_eq!((stored.position, stored.settled, stored.new, stored.duplicates), (Some(1), true, 1, 1));
        assert_eq!(store.position(ledger, &partition(0)).await.unwrap(), Some(20));
    }
    assert_eq!(totals(&store, &one).await, (4, 1 + 2 + 16 + 256, 4));
    assert_eq!(totals(&store, &two).await, (1, 8, 1));
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_writers_at_one_position_one_wins() {
    let database = Database::new().await;
    let scope = scope("t");
    for round in 0..6_i32 {
        // The log of this partition holds 20 events; one consumer has read all of them, the other the first 12, both after the same place.
        let log: Vec<MeteredEvent> = (0..20).map(|i| event(&format!("{round}/{i}"), 1)).collect();
        let (one, two) = (database.store(), database.store());
        let long = batch(round, None, &scope, log.clone());
        let short = batch(round, None, &scope, log[..12].to_vec());
        let (first, second) = tokio::join!(one.append_logged(Ledger::Usage, long), two.append_logged(Ledger::Usage, short));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!((first.new, second.new).min((second.new, first.new)).0, 0, "one of them stores nothing: {first:?} {second:?}");
        // Whoever lost goes on from where the store stands, and the partition is complete in the end.
        let after = one.position(Ledger::Usage, &partition(round)).await.unwrap().unwrap();
        if first.new == 20 {
            assert!(after == 19 && second.settled && second.duplicates == 12, "{second:?}");
        } else {
            assert!(after == 11 && second.new == 12 && !first.settled && first.position == Some(11), "{first:?}");
            let rest = batch(round, Some(after), &scope, log[12..].to_vec());
            assert_eq!(one.append_logged(Ledger::Usage, rest).await.unwrap().new, 8);
        }
        let counted = totals(&one, &scope).await;
        let expected = (u64::try_from(round).unwrap() + 1) * 20;
        assert_eq!((counted.0, counted.1), (expected, i128::from(expected)));
    }
    database.remove().await;
}

/// The server's own promise that all of it rests on, asked for without any of our look-ups: events nobody knows, twice after one position.
#[tokio::test]
async fn a_stale_position_stores_nothing() {
    let database = Database::new().await;
    let (one, two, scope) = (database.store(), database.store(), scope("t"));
    one.append_logged(Ledger::Usage, batch(0, None, &scope, vec![event("a", 1), event("b", 1)])).await.unwrap();
    let stored = two.append_logged(Ledger::Usage, batch(0, None, &scope, vec![event("x", 1)])).await.unwrap();
    assert_eq!((stored.position, stored.new), (Some(1), 0));
    let ahead = two.append_logged(Ledger::Usage, batch(0, Some(7), &scope, vec![event("y", 1)])).await.unwrap();
    assert_eq!((ahead.position, ahead.settled, ahead.new), (Some(1), false, 0), "a position the store has lost is refused as well");
    assert_eq!(totals(&one, &scope).await.0, 2);
    let columns = "tenant_id, environment_id, event_id, id_high, id_low, log_partition, log_offset";
    for (table, token) in [("events", "p/after-1"), ("usage_ledger", "p/after-1")] {
        let before = database.number(&format!("SELECT count() FROM {table}")).await;
        for id in 1..=3 {
            let settings = format!("SETTINGS insert_deduplication_token = '{token}'");
            database.execute(&format!("INSERT INTO {table} ({columns}) {settings} VALUES ('t', 'e', '{id}', {id}, {id}, 'p', {id})")).await;
        }
        assert_eq!(database.number(&format!("SELECT count() FROM {table}")).await, before + 1, "{table}");
        let of_projections = database
            .number("SELECT sum(rows) FROM system.projection_parts WHERE database = currentDatabase() AND active AND name = 'by_id'")
            .await;
        assert!(of_projections > 0);
    }
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_without_a_log_lose_nothing_to_each_other() {
    let mut database = Database::new().await;
    // Several inserts per request, so that a race may strike in the middle of one.
    database.options.insert_rows_max = 10;
    let scope = scope("t");
    let append = async |process: usize| {
        let store = database.store();
        let mut new = 0;
        for request in 0..4 {
            // Half of the ids are the processes' own, half are common to all.
            let events = (0..20).map(|i| event(&if i % 2 == 0 { format!("{request}/{i}") } else { format!("{process}/{request}/{i}") }, 1));
            let outcomes = store.append(&scope, events.collect()).await.unwrap();
            new += outcomes.into_iter().filter(|outcome| *outcome == streams::Appended::New).count();
        }
        new
    };
    let (one, two, three) = tokio::join!(append(1), append(2), append(3));
    let expected = 4 * (10 + 3 * 10);
    let (events, sum, raw) = totals(&database.store(), &scope).await;
    assert_eq!((events, sum, raw), (expected, i128::from(expected), expected));
    // An event may be new to one process in one ledger and to another in the other, never to none.
    assert!((one + two + three) as u64 >= expected);
    database.remove().await;
}

#[tokio::test]
async fn a_large_batch_is_one_part_or_a_few() {
    let mut database = Database::new().await;
    database.options.insert_rows_max = 300_000;
    let (store, scope) = (database.store(), scope("t"));
    let events: Vec<MeteredEvent> = (0..250_000).map(|i| event(&format!("event-{i}"), 1)).collect();
    let batch = batch(0, None, &scope, events);
    for (ledger, table, parts) in [(Ledger::Events, "events", 1), (Ledger::Usage, "usage_ledger", 2)] {
        let stored = store.append_logged(ledger, batch.clone()).await.unwrap();
        assert_eq!((stored.position, stored.settled, stored.new, stored.duplicates), (Some(249_999), true, 250_000, 0));
        let of_table = format!("FROM system.parts WHERE database = currentDatabase() AND table = '{table}' AND level = 0");
        assert_eq!(database.number(&format!("SELECT count() {of_table}")).await, parts, "each insert is one part, visible at once");
        // The same again, as after a crash before the answer.
        let again = store.append_logged(ledger, batch.clone()).await.unwrap();
        assert_eq!((again.position, again.settled, again.new), (Some(249_999), true, 0));
    }
    assert_eq!(totals(&store, &scope).await, (250_000, 250_000, 250_000));
    database.remove().await;
}

#[tokio::test]
async fn merges_change_no_answer() {
    let database = Database::new().await;
    let (store, scope) = (database.store(), scope("t"));
    for i in 0..8_u8 {
        let time = format!("2024-05-{:02}T10:{i}0:00Z", 1 + i % 3).replace(":60:", ":06:").replace(":70:", ":07:");
        let event = metered(&format!("e{i}"), "c", &time, vec![entry("m", i128::from(i), Some(i % 4)), entry("n", 7, None)]);
        store.append(&scope, vec![event]).await.unwrap();
    }
    let queries = |_: ()| {
        let of = |meter| query(&["c"], meter, "2024-05-01T10:05:00Z", "2024-05-03T10:30:00Z");
        vec![of("m"), of("n"), query(&[], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z")]
    };
    let before = store.usage(&scope, queries(())).await.unwrap();
    for table in ["events", "usage_ledger"] {
        database.execute(&format!("OPTIMIZE TABLE {table} FINAL")).await;
    }
    let parts =
        database.number("SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'usage_ledger' AND active").await;
    assert_eq!(parts, 1);
    assert_eq!(store.usage(&scope, queries(())).await.unwrap(), before);
    assert_eq!((before[0].events, before[2].events, before[2].unique), (6, 8, 4));
    // Positions and identities outlive their parts.
    let outcome = store.append(&scope, vec![event("e0", 1), event("new", 1)]).await.unwrap();
    assert_eq!(outcome, [streams::Appended::Duplicate, streams::Appended::New]);
    database.remove().await;
}

#[tokio::test]
async fn offsets_out_of_order_are_refused() {
    let database = Database::new().await;
    let (store, scope) = (database.store(), scope("t"));
    let mut backwards = batch(0, None, &scope, vec![event("a", 1), event("b", 1)]);
    backwards.events.reverse();
    let behind = batch_from(0, Some(5), 5, &scope, vec![event("a", 1)]);
    for wrong in [backwards, behind] {
        assert!(matches!(store.append_logged(Ledger::Usage, wrong).await, Err(EventStoreError::Corrupt(_))));
    }
    assert_eq!(store.position(Ledger::Usage, &partition(0)).await.unwrap(), None);
    database.remove().await;
}

//! Copies that a log delivers: kept once, and never in the way of a batch.

use streams::{EventStore, Ledger, LogStore, MeteredEvent};

use super::fixture::{Database, batch, batch_from};
use crate::model::{at, metered, scope};

fn copy(number: i64) -> MeteredEvent {
    let mut event = metered("e", "c", "2024-05-01T10:00:00Z", Vec::new());
    event.event.ingested_at = at("2024-06-01T00:00:00Z").plus_seconds(number);
    event
}

#[tokio::test]
async fn copies_that_are_read_again_are_kept_once() {
    let database = Database::new().await;
    let (store, scope) = (database.store(), scope("t"));
    let kept = async || store.copies(&scope, "e").await.unwrap().into_iter().map(|copy| copy.event).collect::<Vec<_>>();
    for ledger in Ledger::ALL {
        let stored = store.append_logged(ledger, batch(0, None, &scope, vec![copy(0), copy(1)])).await.unwrap();
        assert_eq!((stored.position, stored.new, stored.duplicates), (Some(0), 1, 1));
    }
    assert_eq!(kept().await, [copy(1).event], "the consumers of the other ledgers keep none");
    // The consumer dies before it told the log, and another reads on behind the position: the copy again, and a newer one.
    for _ in 0..2 {
        let again = batch_from(0, Some(0), 1, &scope, vec![copy(1), copy(2)]);
        assert_eq!(store.append_logged(Ledger::Events, again).await.unwrap().duplicates, 2);
        assert_eq!(kept().await, [copy(2).event, copy(1).event]);
    }
    // Another process is told that the batch was stored by someone else: what it holds are no copies.
    database.store().append_logged(Ledger::Events, batch(0, None, &scope, vec![copy(0)])).await.unwrap();
    assert_eq!(kept().await.len(), 2);
    database.remove().await;
}

#[tokio::test]
async fn a_batch_goes_on_without_its_copies() {
    let database = Database::new().await;
    let (store, scope) = (database.store(), scope("t"));
    database.execute("DROP TABLE event_copies SYNC").await;
    let stored = store.append_logged(Ledger::Events, batch(0, None, &scope, vec![copy(0), copy(1)])).await.unwrap();
    assert_eq!((stored.position, stored.settled, stored.new, stored.duplicates), (Some(0), true, 1, 1));
    database.remove().await;
}

/// They go by the day on which the server took them, whatever the clock of their environment says.
#[tokio::test]
async fn copies_go_after_thirty_five_days() {
    let database = Database::new().await;
    for (event_id, days) in [("new", 0), ("last", 34), ("old", 36)] {
        let row = format!("SELECT 't', 'env', '{event_id}', toDateTime64('2024-05-01 00:00:00', 6, 'UTC'), today() - {days}");
        database.execute(&format!("INSERT INTO event_copies (tenant_id, environment_id, event_id, ingested_at, stored_on) {row}")).await;
    }
    database.execute("OPTIMIZE TABLE event_copies FINAL").await;
    assert_eq!(database.texts("SELECT event_id FROM event_copies ORDER BY event_id").await, ["last", "new"]);
    database.remove().await;
}

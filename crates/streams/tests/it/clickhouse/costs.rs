//! The ledger of costs: counted beside the usage ledger, and a meter's way from one to the other and back.

use streams::{EventStore, Ledger, LogStore, LoggedEvent, MeteredEvent};

use super::fixture::{Database, batch, batch_from, partition};
use crate::model::{entry, metered, query, scope};

fn event(number: usize, meters: &[&str]) -> MeteredEvent {
    let entries = meters.iter().map(|meter| entry(meter, 1 << number, Some(1))).collect();
    metered(&format!("e{number}"), "c", &format!("2024-0{}-01T10:20:00Z", number % 3 + 4), entries)
}

async fn sum(store: &impl EventStore, meter: &str) -> i128 {
    let asked = query(&["c"], meter, "2024-03-15T00:00:00Z", "2024-08-01T00:00:00Z");
    store.usage(&scope("t"), vec![asked]).await.unwrap().remove(0).sum.to_units()
}

/// What the batch adds to meters of costs, as their consumer stores it: without events that add nothing.
fn adding(mut batch: streams::LoggedBatch) -> streams::LoggedBatch {
    batch.events.retain(|LoggedEvent { event, .. }| !event.entries.is_empty());
    batch
}

/// Neither ledger knows of the other's rows, and positions are their own.
#[tokio::test]
async fn each_ledger_counts_and_stands_for_itself() {
    let database = Database::new().await;
    let (store, scope) = (database.store(), scope("t"));
    let costs = store.reading_costs();
    store.append_logged(Ledger::Usage, batch(0, None, &scope, vec![event(0, &["m"]), event(1, &["m"])])).await.unwrap();
    store
        .append_logged(Ledger::Costs, adding(batch(0, None, &scope, vec![event(0, &["k"]), event(1, &[]), event(2, &["k"])])))
        .await
        .unwrap();
    assert_eq!((sum(&store, "m").await, sum(&store, "k").await), (0b11, 0));
    assert_eq!((sum(&costs, "m").await, sum(&costs, "k").await), (0, 0b101));
    assert_eq!(store.position(Ledger::Usage, &partition(0)).await.unwrap(), Some(1));
    assert_eq!(store.position(Ledger::Costs, &partition(0)).await.unwrap(), Some(2));
    let ids = ["e0".to_owned(), "e1".to_owned()];
    assert_eq!(costs.counted(&scope, &ids).await.unwrap().len(), 1, "an event that adds no costs is not in it");
    assert_eq!(store.counted(&scope, &ids).await.unwrap().len(), 2);
    database.remove().await;
}

/// To the ledger of costs and back, twice, while both read on at a pace of their own: no row is lost, none is there twice.
#[tokio::test]
async fn a_meter_is_carried_over_once_however_often() {
    let database = Database::new().await;
    let (store, scope) = (database.store(), scope("t"));
    let costs = store.reading_costs();
    // Counted with billing alone at first; of its last event the reader of costs knows the meter already.
    store.append_logged(Ledger::Usage, batch(0, None, &scope, (0..4).map(|n| event(n, &["m", "x"])).collect())).await.unwrap();
    store.append_logged(Ledger::Costs, batch_from(0, None, 3, &scope, vec![event(3, &["m"])])).await.unwrap();
    // Behind what both have read: each will come to it by itself.
    store.append_logged(Ledger::Usage, batch(0, Some(3), &scope, vec![event(4, &["m"])])).await.unwrap();
    let read = [(partition(0), 4), (partition(1), 0)];
    let meter = "m".into();
    for _ in 0..2 {
        store.carry_over(&scope, &meter, Ledger::Usage, Ledger::Costs, &read).await.unwrap();
        assert_eq!((sum(&costs, "m").await, sum(&costs, "x").await), (0b1111, 0));
        assert_eq!(store.position(Ledger::Costs, &partition(0)).await.unwrap(), Some(3), "no position moves");
    }
    store.append_logged(Ledger::Costs, batch(0, Some(3), &scope, vec![event(4, &["m"]), event(5, &["m"])])).await.unwrap();
    assert_eq!(sum(&costs, "m").await, 0b11_1111);
    // The reader of usage has passed the sixth event without the meter, which costs alone counted.
    store.append_logged(Ledger::Usage, batch(0, Some(4), &scope, vec![event(5, &[])])).await.unwrap();
    assert_eq!(sum(&store, "m").await, 0b1_1111);
    for _ in 0..2 {
        store.carry_over(&scope, &meter, Ledger::Costs, Ledger::Usage, &[(partition(0), 6)]).await.unwrap();
        assert_eq!(sum(&store, "m").await, 0b11_1111);
    }
    for table in ["usage_ledger", "costs_ledger"] {
        let markers = database.number(&format!("SELECT toUInt64(count() - uniqExact(event_id)) FROM {table} WHERE meter_id = ''")).await;
        assert_eq!(markers, 0, "an event of {table} has two markers");
    }
    database.remove().await;
}

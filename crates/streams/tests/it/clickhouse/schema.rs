//! The tables come into being once, whoever asks.

use futures::future::join_all;
use streams::{EventStore, EventStoreError};

use super::fixture::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_migrate_at_once() {
    let database = Database::empty();
    let store = database.store();
    assert!(matches!(store.check().await, Err(EventStoreError::Unavailable(_))), "no tables yet");
    let stores: Vec<_> = (0..4).map(|_| database.store()).collect();
    for outcome in join_all(stores.iter().map(|store| store.migrate())).await {
        outcome.unwrap();
    }
    store.migrate().await.unwrap();
    store.check().await.unwrap();
    let history = database.texts("SELECT concat(toString(version), ' ', name) FROM schema_migrations ORDER BY version").await;
    assert_eq!(history, ["1 events and usage ledger", "2 ledger of costs"]);
    database.remove().await;
}

#[tokio::test]
async fn a_changed_migration_is_noticed() {
    let database = Database::new().await;
    database.execute("INSERT INTO schema_migrations VALUES (3, 'of a later release', 7)").await;
    database.store().check().await.unwrap();
    database.execute("ALTER TABLE schema_migrations UPDATE checksum = 1 WHERE version = 1 SETTINGS mutations_sync = 2").await;
    assert!(matches!(database.store().migrate().await, Err(EventStoreError::Corrupt(_))));
    database.remove().await;
}

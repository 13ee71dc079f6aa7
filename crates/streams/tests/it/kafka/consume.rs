//! Consuming: everything once and in order, from where the store stands.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use streams::kafka::{ConsumerOptions, KafkaConsumer, PartitionState};

use super::harness::{Log, MemoryStore, admin, event, events, kafka, scope, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_handled_once_as_it_was_sent() {
    let log = Log::new(3).await;
    let (producer, store) = (log.producer(), MemoryStore::new());
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    for start in (0..5_000).step_by(1_000) {
        producer.publish(&scope(), events(start..start + 1_000)).await.unwrap();
    }
    until("all are stored", async || store.rows() == 5_000).await;
    store.assert_gapless();
    let mut stored = store.events.lock().unwrap().clone();
    stored.sort_unstable_by_key(|event| event.id.clone());
    let mut sent = events(0..5_000);
    sent.sort_unstable_by_key(|event| event.id.clone());
    assert_eq!(stored, sent);

    // The log keeps copies; what drops them is the store.
    producer.publish(&scope(), events(0..100)).await.unwrap();
    until("the copies are read", async || store.rows() == 5_100).await;
    store.assert_gapless();
    consumer.stop().await;
    assert_eq!(log.lag().await, 0, "a stopped consumer has committed");

    // The next one begins where it ended.
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    producer.publish(&scope(), vec![event("last")]).await.unwrap();
    until("the new one is stored", async || store.rows() == 5_101).await;
    consumer.stop().await;
    store.assert_gapless();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_copies_of_an_id_share_a_partition() {
    let log = Log::new(6).await;
    let store = MemoryStore::new();
    let producer = log.producer();
    for _ in 0..3 {
        producer.publish(&scope(), events(0..300)).await.unwrap();
    }
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    until("all are stored", async || store.rows() == 900).await;
    consumer.stop().await;
    let held = store.held();
    assert_eq!(held.len(), 6);
    for id in (0..300).map(|id| format!("ev-{id}")) {
        let copies: Vec<_> =
            held.values().map(|held| held.rows.iter().filter(|(_, row)| *row == id).count()).filter(|count| *count > 0).collect();
        assert_eq!(copies, [3], "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_stored_but_not_committed_is_not_stored_again() {
    let log = Log::new(2).await;
    let (producer, store) = (log.producer(), MemoryStore::new());
    producer.publish(&scope(), events(0..500)).await.unwrap();
    // The store takes the batch, its answer never arrives, the consumer dies.
    let answers = store.answers.forget_permits(usize::MAX);
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    until("both partitions are in the store", async || store.held().values().filter(|held| held.position.is_some()).count() == 2).await;
    drop(consumer);
    let lag = admin().lag(&log.group, &log.topic).await.unwrap();
    assert!(lag.iter().all(|partition| partition.committed.is_none()), "{lag:?}");

    store.answers.add_permits(answers);
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    producer.publish(&scope(), events(500..1_000)).await.unwrap();
    until("all are stored", async || store.rows() >= 1_000).await;
    consumer.stop().await;
    store.assert_gapless();
    assert_eq!(store.rows(), 1_000);
    assert_eq!(log.lag().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_consumer_moved_on_is_followed() {
    let log = Log::new(1).await;
    let store = MemoryStore::new();
    log.producer().publish(&scope(), events(0..100)).await.unwrap();
    store.rival.store(40, Ordering::SeqCst);
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    until("all are stored", async || store.rows() >= 100).await;
    consumer.stop().await;
    store.assert_gapless();
    assert_eq!((store.rows(), store.moved.load(Ordering::SeqCst)), (100, 1));
    assert_eq!(log.lag().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_spaces_messages() {
    let log = Log::new(2).await;
    let store = MemoryStore::new();
    log.producer().publish(&scope(), events(0..60)).await.unwrap();
    let options = ConsumerOptions { rate_limit: 20, ..log.consumer() };
    let begun = Instant::now();
    let consumer = KafkaConsumer::start(&kafka(), options, store.clone()).unwrap();
    until("the first are stored", async || store.rows() > 0).await;
    assert!(store.rows() < 60);
    until("all are stored", async || store.rows() == 60).await;
    // 59 intervals of 50 ms over both partitions.
    assert!(begun.elapsed() >= Duration::from_millis(2_950), "{:?}", begun.elapsed());
    consumer.stop().await;
    store.assert_gapless();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_barrier_waits_for_the_group() {
    let log = Log::new(3).await;
    let (admin, store) = (admin(), MemoryStore::new());
    let short = Duration::from_millis(300);
    assert!(admin.caught_up(&log.group, &log.topic, short).await.unwrap(), "an empty topic");
    log.producer().publish(&scope(), events(0..100)).await.unwrap();
    assert!(!admin.caught_up(&log.group, &log.topic, short).await.unwrap());
    assert_eq!(log.lag().await, 100);
    let answers = store.answers.forget_permits(usize::MAX);
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    until("the store has all", async || store.rows() == 100).await;
    assert!(!admin.caught_up(&log.group, &log.topic, short).await.unwrap(), "not committed yet");
    store.answers.add_permits(answers);
    assert!(admin.caught_up(&log.group, &log.topic, Duration::from_secs(30)).await.unwrap());
    assert_eq!(log.lag().await, 0);
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_before_the_stores_position_is_refused() {
    let log = Log::new(2).await;
    let store = MemoryStore::new();
    store.set_position(&log.partition(0), 1_000_000);
    log.producer().publish(&scope(), events(0..100)).await.unwrap();
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    let refused = |state: Option<&PartitionState>| matches!(state, Some(PartitionState::Refused(why)) if why.contains("created again"));
    until("one is refused, the other read", async || {
        let partitions = consumer.partitions();
        refused(partitions.get(&0)) && partitions.get(&1) == Some(&PartitionState::Reading) && store.rows() > 0
    })
    .await;
    consumer.stop().await;
    let held = store.held();
    assert!(held[&log.partition(0)].rows.is_empty());
    assert!(log.lag().await > 0);
}

//! A store that is away, messages that age out under a slow reader, settings that make no sense.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use streams::kafka::{ConsumerOptions, Growth, KafkaConsumer, KafkaError, KafkaProducer, PartitionState, ProducerOptions, TopicSpec};

use super::harness::{Log, MemoryStore, admin, events, gauges, kafka, scope, until, until_within};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_for_a_while_gets_everything_afterwards() {
    let log = Log::new(2).await;
    let (producer, store) = (log.producer(), MemoryStore::new());
    store.failures.store(3, Ordering::SeqCst);
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    producer.publish(&scope(), events(0..400)).await.unwrap();
    let retrying = |state: &PartitionState| matches!(state, PartitionState::Retrying(why) if why.contains("the store is away"));
    until("a partition says why it waits", async || consumer.partitions().values().any(retrying)).await;
    producer.publish(&scope(), events(400..800)).await.unwrap();
    until("all are stored", async || store.rows() == 800).await;
    assert!(consumer.partitions().values().all(|state| *state == PartitionState::Reading));
    assert!(store.calls.load(Ordering::SeqCst) >= 5);
    consumer.stop().await;
    store.assert_gapless();
    assert_eq!(log.lag().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_store_that_is_away() {
    let log = Log::new(1).await;
    let store = MemoryStore::new();
    store.failures.store(u32::MAX, Ordering::SeqCst);
    log.producer().publish(&scope(), events(0..10)).await.unwrap();
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    until("it was tried", async || store.calls.load(Ordering::SeqCst) > 0).await;
    tokio::time::timeout(Duration::from_secs(10), consumer.stop()).await.expect("stopped in time");
    assert_eq!((store.rows(), log.lag().await), (0, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_hangs_or_panics_gets_its_batch_again() {
    let log = Log::new(1).await;
    let store = MemoryStore::new();
    store.panics.store(1, Ordering::SeqCst);
    // The answer to the second try does not come.
    let answers = store.answers.forget_permits(usize::MAX);
    let options = ConsumerOptions { handler_timeout: Duration::from_secs(1), ..log.consumer() };
    let consumer = KafkaConsumer::start(&kafka(), options.clone(), store.clone()).unwrap();
    log.producer().publish(&scope(), events(0..10)).await.unwrap();
    until("a try took too long", async || store.calls.load(Ordering::SeqCst) >= 3).await;
    store.answers.add_permits(answers);
    // The second try stored it, the third is told so: that is told to the group, before the partition is found to stand still.
    until_within(options.stall_timeout / 2, "it is committed", async || log.lag().await == 0).await;
    consumer.stop().await;
    store.assert_gapless();
    assert_eq!(store.rows(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_partitions_share_few_batches_in_memory() {
    let log = Log::new(12).await;
    let store = MemoryStore::new();
    let answers = store.answers.forget_permits(usize::MAX);
    let options = ConsumerOptions { batches_in_flight_max: 2, ..log.consumer() };
    let consumer = KafkaConsumer::start(&kafka(), options, store.clone()).unwrap();
    log.producer().publish(&scope(), events(0..1_000)).await.unwrap();
    until("all partitions are read", async || {
        consumer.partitions().values().filter(|state| **state == PartitionState::Reading).count() == 12
    })
    .await;
    until("two batches wait", async || store.calls.load(Ordering::SeqCst) == 2).await;
    store.answers.add_permits(answers);
    until("all are stored", async || store.rows() == 1_000).await;
    consumer.stop().await;
    assert_eq!(store.most_at_once.load(Ordering::SeqCst), 2);
    store.assert_gapless();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_later_is_found() {
    let log = Log::new(1).await;
    let store = MemoryStore::new();
    let topic = format!("{}_later", log.topic);
    let options = ConsumerOptions { topic: topic.clone(), ..log.consumer() };
    let consumer = KafkaConsumer::start(&kafka(), options, store.clone()).unwrap();
    let missing = admin().lag(&log.group, &topic).await;
    assert!(matches!(missing, Err(KafkaError::UnknownTopic(_))), "{missing:?}");
    let spec = TopicSpec { name: topic.clone(), partitions: 2, replication_factor: 1, retention_ms: None };
    admin().apply_topics(&[spec], Growth::WhenDrained).await.unwrap();
    let options = ProducerOptions { topic: topic.clone(), ..ProducerOptions::default() };
    KafkaProducer::new(&kafka(), options).unwrap().publish(&scope(), events(0..10)).await.unwrap();
    until("all are stored", async || store.rows() == 10).await;
    consumer.stop().await;
    admin().delete_topic(&topic).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_is_measured_while_a_store_is_away() {
    let log = Log::new(2).await;
    let store = MemoryStore::new();
    store.failures.store(u32::MAX, Ordering::SeqCst);
    let gauges = gauges();
    let options = ConsumerOptions { lag_interval: Duration::from_millis(200), ..log.consumer() };
    let consumer = KafkaConsumer::start(&kafka(), options, store.clone()).unwrap();
    log.producer().publish(&scope(), events(0..100)).await.unwrap();
    let lag = || {
        let of_group = |(key, _): &(&String, &f64)| key.contains("consumer_lag") && key.contains(&log.group);
        gauges.lock().unwrap().iter().filter(of_group).map(|(_, value)| *value).sum::<f64>()
    };
    until("the gauges show the lag", async || lag() == 100.0).await;
    store.failures.store(0, Ordering::SeqCst);
    until("the gauges show that it is gone", async || store.rows() == 100 && lag() == 0.0).await;
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_overtaken_by_retention_goes_on_with_what_is_left() {
    let log = Log::new(1).await;
    let (producer, store) = (log.producer(), MemoryStore::new());
    for start in (0..20_000).step_by(1_000) {
        producer.publish(&scope(), events(start..start + 1_000)).await.unwrap();
    }
    // Holds a few messages, and waits with them.
    let answers = store.answers.forget_permits(usize::MAX);
    let options = ConsumerOptions { batch_events_max: 10, prefetch_bytes_max: 64 << 10, ..log.consumer() };
    let consumer = KafkaConsumer::start(&kafka(), options, store.clone()).unwrap();
    until("the first batch is there", async || store.rows() == 10).await;
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", kafka().brokers.join(",")).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&log.topic, 0, Offset::Offset(19_000)).unwrap();
    admin.delete_records(&list, &AdminOptions::new()).await.unwrap();
    store.answers.add_permits(answers);
    until("the rest is read", async || store.held()[&log.partition(0)].rows.last().is_some_and(|(offset, _)| *offset == 19_999)).await;
    consumer.stop().await;
    let held = store.held();
    let rows = &held[&log.partition(0)].rows;
    assert!(rows.is_sorted_by(|a, b| a.0 < b.0));
    assert!(rows.iter().filter(|(offset, _)| *offset >= 19_000).count() == 1_000);
    assert!(rows.len() < 20_000, "nothing aged out under the reader");
    assert_eq!(log.lag().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_make_no_sense_are_refused_at_the_start() {
    let good = ConsumerOptions::new("g", "t", "d");
    for (options, part) in [
        (ConsumerOptions { topic_dlq: String::new(), ..good.clone() }, "topic_dlq"),
        (ConsumerOptions { topic_dlq: "t".to_owned(), ..good.clone() }, "own dead letters"),
        (ConsumerOptions { group: String::new(), ..good.clone() }, "group"),
        (ConsumerOptions { batch_events_max: 0, ..good.clone() }, "at least one"),
    ] {
        let refused = KafkaConsumer::start(&kafka(), options, MemoryStore::new()).err().unwrap();
        assert!(matches!(&refused, KafkaError::Settings(why) if why.contains(part)), "{refused}");
    }
}

//! Publishing: acknowledged means on the brokers; overload, oversize and absent brokers are refused in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use streams::kafka::{EventLogError, KafkaError, KafkaOptions, KafkaProducer, ProducerOptions};

use super::harness::{DEADLINE, Log, admin, event, events, kafka, scope};

/// A port on which nobody listens.
fn nowhere() -> KafkaOptions {
    KafkaOptions { brokers: vec!["127.0.0.1:1".to_owned()], ..KafkaOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_is_on_the_brokers() {
    let log = Log::new(3).await;
    let producer = Arc::new(log.producer());
    producer.check(Duration::from_secs(10)).await.unwrap();
    let requests = (0..20).map(|request| {
        let producer = Arc::clone(&producer);
        tokio::spawn(async move { producer.publish(&scope(), events(request * 100..(request + 1) * 100)).await })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap().unwrap();
    }
    producer.publish(&scope(), Vec::new()).await.unwrap();
    let lag = admin().lag(&log.group, &log.topic).await.unwrap();
    assert_eq!(lag.iter().map(|partition| partition.end).sum::<i64>(), 2_000);
    assert!(lag.iter().all(|partition| partition.end > 400), "{lag:?}");
    assert!(producer.close(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_key_and_headers_of_the_contract() {
    let log = Log::new(1).await;
    log.producer().publish(&scope(), vec![event("ev-7")]).await.unwrap();
    let (topic, brokers) = (log.topic.clone(), kafka().brokers.join(","));
    let message = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "looking").create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        consumer.poll(DEADLINE).unwrap().unwrap().detach()
    })
    .await
    .unwrap();
    assert_eq!(message.key(), Some(&b"ev-7"[..]));
    let headers: Vec<_> =
        message.headers().unwrap().iter().map(|header| (header.key, std::str::from_utf8(header.value.unwrap()).unwrap())).collect();
    let expected = [("_watermill_message_uuid", "ev-7"), ("tenant_id", "t1"), ("environment_id", "e1"), ("partition_key", "t1:c1")];
    assert_eq!(headers, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_lazy_tenants_take_their_own_topic() {
    let (log, lazy) = (Log::new(1).await, Log::new(1).await);
    let options = ProducerOptions {
        topic: log.topic.clone(),
        topic_lazy: lazy.topic.clone(),
        lazy_tenants: vec!["t2".to_owned()],
        ..ProducerOptions::default()
    };
    let producer = KafkaProducer::new(&kafka(), options).unwrap();
    let mut lazy_scope = scope();
    lazy_scope.tenant_id = "t2".into();
    producer.publish(&scope(), events(0..3)).await.unwrap();
    producer.publish(&lazy_scope, events(0..5)).await.unwrap();
    assert_eq!((log.lag().await, lazy.lag().await), (3, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_brokers_are_an_error_in_time_and_a_full_queue_at_once() {
    let options = ProducerOptions { delivery_timeout: Duration::from_millis(500), queue_messages_max: 10, ..ProducerOptions::default() };
    let producer = KafkaProducer::new(&nowhere(), options).unwrap();
    let begun = Instant::now();
    let scope = scope();
    let mut waiting = Box::pin(producer.publish(&scope, events(0..10)));
    assert!((&mut waiting).now_or_never().is_none());
    // The queue is full: refused before anything is sent.
    let refused = producer.publish(&scope, events(10..11)).now_or_never().expect("an answer at once");
    assert!(matches!(refused, Err(EventLogError::Overloaded)), "{refused:?}");
    let answer = waiting.await;
    assert!(matches!(&answer, Err(EventLogError::Unavailable(cause)) if cause.contains("10 messages")), "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // Its room is free again.
    let answer = producer.publish(&scope, events(0..10)).await;
    assert!(matches!(answer, Err(EventLogError::Unavailable(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_dropped_gives_its_room_back() {
    let log = Log::new(1).await;
    let options = ProducerOptions { topic: log.topic.clone(), queue_messages_max: 10, ..ProducerOptions::default() };
    let producer = KafkaProducer::new(&kafka(), options).unwrap();
    for _ in 0..20 {
        let scope = scope();
        drop(Box::pin(producer.publish(&scope, events(0..10))).now_or_never());
        assert!(producer.close(Duration::from_secs(10)).await);
    }
    producer.publish(&scope(), events(0..10)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_event_refuses_the_request_and_sends_nothing() {
    let log = Log::new(1).await;
    let mut request = events(0..5);
    request[3].properties = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000_000));
    let answer = log.producer().publish(&scope(), request).await;
    assert!(matches!(&answer, Err(EventLogError::TooLarge { event_id, .. }) if event_id == "ev-3"), "{answer:?}");
    assert_eq!(log.lag().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_what_is_missing() {
    let wait = Duration::from_secs(2);
    let options = ProducerOptions { topic: format!("test_missing_{:x}", rand::random::<u64>()), ..ProducerOptions::default() };
    let missing = KafkaProducer::new(&kafka(), options.clone()).unwrap().check(wait).await;
    assert!(matches!(missing, Err(KafkaError::UnknownTopic(_))), "{missing:?}");
    let absent = KafkaProducer::new(&nowhere(), options).unwrap().check(wait).await;
    assert!(matches!(absent, Err(KafkaError::Unavailable(_))), "{absent:?}");
}

//! Messages that nobody can handle: put aside whole, with their reason, and sent back when the cause is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use streams::kafka::{KafkaConsumer, RedriveOptions, Redriven};

use super::harness::{DEADLINE, Log, MemoryStore, admin, events, kafka, scope, until};

fn send_raw(topic: &str, payloads: &[&str]) {
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", kafka().brokers.join(",")).create().unwrap();
    for payload in payloads {
        let headers = OwnedHeaders::new().insert(Header { key: "tenant_id", value: Some("t9") });
        producer.send(BaseRecord::to(topic).key("k").payload(*payload).headers(headers)).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(DEADLINE).unwrap();
}

/// All messages of a topic with two partitions.
async fn read_all(topic: &str, count: usize) -> Vec<OwnedMessage> {
    let topic = topic.to_owned();
    let read = move || {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", kafka().brokers.join(",")).set("group.id", "looking").create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..2 {
            list.add_partition_offset(&topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        (0..count).map(|_| consumer.poll(DEADLINE).unwrap().unwrap().detach()).collect()
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

fn headers(message: &OwnedMessage) -> BTreeMap<String, String> {
    let text = |header: Header<'_, &[u8]>| (header.key.to_owned(), String::from_utf8(header.value.unwrap().to_vec()).unwrap());
    message.headers().unwrap().iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_put_aside_and_the_rest_is_handled() {
    let log = Log::new(1).await;
    let store = MemoryStore::new();
    let producer = log.producer();
    producer.publish(&scope(), events(0..10)).await.unwrap();
    let unnamed = r#"{"id":"e","tenant_id":"t","environment_id":"v","timestamp":"2024-06-12T12:00:00Z","external_customer_id":"c"}"#;
    send_raw(&log.topic, &["no json", unnamed]);
    producer.publish(&scope(), events(10..20)).await.unwrap();
    // What decodes, yet the store can never count.
    store.dead.lock().unwrap().extend(["ev-3".to_owned(), "ev-15".to_owned()]);
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    until("the rest is stored", async || store.rows() == 18).await;
    until("all are committed", async || log.lag().await == 0).await;
    consumer.stop().await;
    assert!(!store.ids().contains(&"ev-3".to_owned()) && !store.ids().contains(&"ev-15".to_owned()));

    let mut letters = read_all(&log.topic_dlq, 4).await;
    letters.sort_by_key(|letter| headers(letter)["offset_poisoned"].parse::<i64>().unwrap());
    let reasons: Vec<_> = letters.iter().map(|letter| headers(letter)["reason_poisoned"].clone()).collect();
    assert_eq!(reasons[0], "too large to count");
    assert!(reasons[1].starts_with("not an event"), "{reasons:?}");
    assert_eq!(reasons[2..], ["event_name is missing", "too large to count"]);
    assert_eq!(letters[1].payload(), Some(&b"no json"[..]));
    assert_eq!((letters[0].key(), letters[1].key()), (Some(&b"ev-3"[..]), Some(&b"k"[..])));
    let poison = headers(&letters[1]);
    assert_eq!(poison["tenant_id"], "t9");
    assert_eq!((poison["topic_poisoned"].as_str(), poison["partition_poisoned"].as_str()), (log.topic.as_str(), "0"));
    assert_eq!((poison["handler_poisoned"].as_str(), poison["subscriber_poisoned"].as_str()), (log.group.as_str(), log.group.as_str()));
    assert_eq!(poison["offset_poisoned"], "10");
    assert_eq!(headers(&letters[0])["_watermill_message_uuid"], "ev-3");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_go_back_once_when_the_cause_is_gone() {
    let log = Log::new(2).await;
    let store = MemoryStore::new();
    store.dead.lock().unwrap().extend((0..1_500).map(|id| format!("ev-{id}")));
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    let producer = log.producer();
    producer.publish(&scope(), events(0..1_000)).await.unwrap();
    producer.publish(&scope(), events(1_000..1_500)).await.unwrap();
    until("all are dead", async || log.lag().await == 0).await;
    assert_eq!(store.rows(), 0);
    send_raw(&log.topic_dlq, &["without an origin"]);

    store.dead.lock().unwrap().clear();
    let redrive = RedriveOptions::all(&log.topic_dlq);
    let first = admin().redrive(&RedriveOptions { letters_max: 1, ..redrive.clone() }).await.unwrap();
    assert_eq!(first.sent.values().sum::<u64>() + first.without_origin, 1);
    let rest = admin().redrive(&redrive).await.unwrap();
    assert_eq!(first.without_origin + rest.without_origin, 1);
    let sent = first.sent.get(&log.topic).unwrap_or(&0) + rest.sent[&log.topic];
    assert_eq!(sent, 1_500);
    until("all are stored", async || store.rows() == 1_500).await;
    assert_eq!(admin().redrive(&redrive).await.unwrap(), Redriven::default());
    tokio::time::timeout(Duration::from_secs(20), consumer.stop()).await.unwrap();
    let mut expected: Vec<_> = events(0..1_500).into_iter().map(|event| event.id).collect();
    expected.sort_unstable();
    assert_eq!(store.ids(), expected);
    let back = read_all(&log.topic, 3_000).await;
    let revived: Vec<_> = back.iter().map(headers).collect();
    assert!(revived.iter().all(|headers| !headers.contains_key("reason_poisoned") && headers.len() == 4));
}

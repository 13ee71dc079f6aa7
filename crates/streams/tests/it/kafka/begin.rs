//! How a partition is moved to its beginning, at brokers that answer slowly: the client's own mock of a cluster delays every answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::mocking::MockCluster;
use streams::LogPartition;
use streams::kafka::{
    ConsumerOptions, Handled, HandlerError, KafkaConsumer, KafkaOptions, KafkaProducer, LogHandler, ProducerOptions, RecordBatch,
};

use super::harness::{MemoryStore, events, scope, until_within};

const PARTITIONS: i32 = 24;
const EVENTS: usize = 480;

/// A store that needs longer for the position of one partition than for that of another, so that their beginnings are known at all moments
/// between the client's requests and their answers.
struct SlowStart {
    store: Arc<MemoryStore>,
    asked: AtomicUsize,
}

#[async_trait]
impl LogHandler for SlowStart {
    async fn position(&self, partition: &LogPartition) -> Result<Option<i64>, HandlerError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20) * u32::try_from(partition.partition).unwrap()).await;
        self.store.position(partition).await
    }

    async fn handle(&self, batch: RecordBatch) -> Result<Handled, HandlerError> {
        self.store.handle(batch).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backlog_is_read_from_its_beginning_however_slow_the_brokers_are() {
    let brokers = MockCluster::new(1).unwrap();
    for (topic, partitions) in [("events", PARTITIONS), ("dlq", 1)] {
        brokers.create_topic(topic, partitions, 1).unwrap();
    }
    let kafka = KafkaOptions { brokers: vec![brokers.bootstrap_servers()], ..KafkaOptions::default() };
    let producer = KafkaProducer::new(&kafka, ProducerOptions { topic: "events".to_owned(), ..ProducerOptions::default() }).unwrap();
    producer.publish(&scope(), events(0..EVENTS)).await.unwrap();

    // As long as the client waits before it asks again for an offset that it has to look up: a beginning is known while such a question is out.
    brokers.broker_round_trip_time(1, Duration::from_millis(500)).unwrap();
    let store = MemoryStore::new();
    let handler = Arc::new(SlowStart { store: store.clone(), asked: AtomicUsize::new(0) });
    let options = ConsumerOptions { batch_age_max: Duration::from_millis(50), ..ConsumerOptions::new("group", "events", "dlq") };
    let consumer = KafkaConsumer::start(&kafka, options, handler.clone()).unwrap();
    let all = usize::try_from(PARTITIONS).unwrap();
    until_within(Duration::from_secs(30), "all partitions are ours", async || handler.asked.load(Ordering::SeqCst) == all).await;
    // Shorter than the time after which a partition that gets nothing begins anew.
    until_within(Duration::from_secs(15), "the backlog is stored", async || store.rows() == EVENTS).await;
    assert_eq!(handler.asked.load(Ordering::SeqCst), all, "no partition had to begin anew");
    store.assert_gapless();
    consumer.stop().await;
}

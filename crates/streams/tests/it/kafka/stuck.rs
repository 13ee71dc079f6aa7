//! What puts a partition right that would stand still: brokers that give nothing, fence a member, or leave offsets out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use streams::LogPartition;
use streams::kafka::{
    ConsumerOptions, Handled, HandlerError, KafkaAdmin, KafkaConsumer, KafkaOptions, KafkaProducer, LogHandler, ProducerOptions,
    RecordBatch,
};

use super::harness::{Log, MemoryStore, events, kafka, scope, until};

/// The client's own mock of a cluster, which fails as it is told.
pub(super) struct Brokers {
    pub(super) mock: MockCluster<'static, DefaultProducerContext>,
    pub(super) kafka: KafkaOptions,
    pub(super) producer: KafkaProducer,
}

impl Brokers {
    pub(super) fn new() -> Self {
        let mock = MockCluster::new(1).unwrap();
        for topic in ["events", "dlq"] {
            mock.create_topic(topic, 1, 1).unwrap();
        }
        let kafka = KafkaOptions { brokers: vec![mock.bootstrap_servers()], ..KafkaOptions::default() };
        let producer = KafkaProducer::new(&kafka, ProducerOptions { topic: "events".to_owned(), ..ProducerOptions::default() }).unwrap();
        Self { mock, kafka, producer }
    }

    pub(super) fn options(&self) -> ConsumerOptions {
        ConsumerOptions {
            batch_age_max: Duration::from_millis(50),
            lag_interval: Duration::from_millis(100),
            ..ConsumerOptions::new("group", "events", "dlq")
        }
    }
}

/// Counts how often a partition begins.
struct Beginnings {
    store: Arc<MemoryStore>,
    begun: AtomicUsize,
}

impl Beginnings {
    fn new() -> Arc<Self> {
        Arc::new(Self { store: MemoryStore::new(), begun: AtomicUsize::new(0) })
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl LogHandler for Beginnings {
    async fn position(&self, partition: &LogPartition) -> Result<Option<i64>, HandlerError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.store.position(partition).await
    }

    async fn handle(&self, batch: RecordBatch) -> Result<Handled, HandlerError> {
        self.store.handle(batch).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_behind_and_gets_nothing_begins_anew() {
    let brokers = Brokers::new();
    brokers.producer.publish(&scope(), events(0..10)).await.unwrap();
    let options = ConsumerOptions { stall_timeout: Duration::from_millis(500), ..brokers.options() };
    // More than the client asks for as long as the test may take.
    brokers.mock.request_errors(RDKafkaApiKey::Fetch, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 10_000]);
    let handler = Beginnings::new();
    let consumer = KafkaConsumer::start(&brokers.kafka, options, handler.clone()).unwrap();
    until("the partition began again", async || handler.begun() >= 2).await;
    assert_eq!(handler.store.rows(), 0);
    brokers.mock.clear_request_errors(RDKafkaApiKey::Fetch);
    until("all are stored", async || handler.store.rows() == 10).await;
    consumer.stop().await;
    handler.store.assert_gapless();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_fenced_joins_anew() {
    let brokers = Brokers::new();
    let handler = Beginnings::new();
    let consumer = KafkaConsumer::start(&brokers.kafka, brokers.options(), handler.clone()).unwrap();
    brokers.producer.publish(&scope(), events(0..10)).await.unwrap();
    until("the first are stored", async || handler.store.rows() == 10).await;
    brokers.mock.request_errors(RDKafkaApiKey::Heartbeat, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID]);
    until("the partition began again", async || handler.begun() >= 2).await;
    brokers.producer.publish(&scope(), events(10..20)).await.unwrap();
    until("all are stored", async || handler.store.rows() == 20).await;
    consumer.stop().await;
    handler.store.assert_gapless();
}

/// As during a rebalance, for a partition that stays. No message comes after it that would bring another commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_refused_is_repeated_until_it_is_taken() {
    let brokers = Brokers::new();
    let (store, consumer) = {
        let store = MemoryStore::new();
        (store.clone(), KafkaConsumer::start(&brokers.kafka, brokers.options(), store).unwrap())
    };
    let admin = KafkaAdmin::new(brokers.kafka.clone(), Duration::from_secs(10));
    let lag = async || admin.lag("group", "events").await.unwrap()[0].messages();
    // Known to be up to date before the brokers begin to refuse.
    brokers.producer.publish(&scope(), events(0..10)).await.unwrap();
    until("the first are committed", async || lag().await == 0).await;
    brokers.mock.request_errors(RDKafkaApiKey::OffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS; 3]);
    brokers.producer.publish(&scope(), events(10..20)).await.unwrap();
    until("all are stored", async || store.rows() == 20).await;
    until("all is committed", async || lag().await == 0).await;
    consumer.stop().await;
    store.assert_gapless();
}

/// The commit of a transaction takes an offset that holds no message. With batches of one message each, every such place is where a batch
/// begins, and looks as if the client had passed a message over.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_that_hold_no_message_are_passed_once_they_were_asked_for_again() {
    let log = Log::new(1).await;
    log.producer().publish(&scope(), events(0..1)).await.unwrap();
    let store = MemoryStore::new();
    let consumer = KafkaConsumer::start(&kafka(), ConsumerOptions { batch_events_max: 1, ..log.consumer() }, store.clone()).unwrap();
    until("the first is stored", async || store.rows() == 1).await;
    let topic = log.topic.clone();
    tokio::task::spawn_blocking(move || {
        let wait = Duration::from_secs(20);
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka().brokers.join(",")).set("transactional.id", &topic);
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(wait).unwrap();
        for _ in 0..3 {
            producer.begin_transaction().unwrap();
            // No event: it becomes a dead letter, and its offset is passed like any other.
            producer.send(BaseRecord::<str, str>::to(&topic).payload("no event").partition(0)).unwrap();
            producer.commit_transaction(wait).unwrap();
        }
    })
    .await
    .unwrap();
    log.producer().publish(&scope(), events(1..4)).await.unwrap();
    until("all events are stored", async || store.rows() == 4).await;
    until("all is committed", async || log.lag().await == 0).await;
    consumer.stop().await;
    // Three messages and three commits lie between.
    let offsets: Vec<i64> = store.held()[&log.partition(0)].rows.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, [0, 7, 8, 9]);
}

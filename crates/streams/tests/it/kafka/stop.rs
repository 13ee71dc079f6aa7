//! A consumer that is stopped ends soon, whatever it is doing: nothing that can be done again is waited for.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use streams::LogPartition;
use streams::kafka::{ConsumerOptions, Handled, HandlerError, KafkaConsumer, LogHandler, RecordBatch};

use super::harness::{MemoryStore, until};
use super::stuck::Brokers;

/// Longer than any test takes: who waits for this is found out.
const FOR_EVER: Duration = Duration::from_secs(300);
/// Closing the client waits 5 s for the group's answer to the leave; the rest is a loaded machine.
const SOON: Duration = Duration::from_secs(60);

/// A store that does not say where it stands.
#[derive(Default)]
struct Silent {
    asked: AtomicBool,
}

#[async_trait]
impl LogHandler for Silent {
    async fn position(&self, _: &LogPartition) -> Result<Option<i64>, HandlerError> {
        self.asked.store(true, Ordering::SeqCst);
        pending().await
    }

    async fn handle(&self, _: Arc<RecordBatch>) -> Result<Handled, HandlerError> {
        unreachable!("nothing is read before the beginning is known")
    }
}

fn patient(brokers: &Brokers) -> ConsumerOptions {
    ConsumerOptions { drain_timeout: FOR_EVER, request_timeout: FOR_EVER, ..brokers.options() }
}

async fn stops_soon(consumer: KafkaConsumer) {
    let begun = Instant::now();
    tokio::time::timeout(SOON, consumer.stop()).await.unwrap_or_else(|_| panic!("it still waits after {:?}", begun.elapsed()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_say_where_to_begin_is_not_waited_for() {
    let brokers = Brokers::new();
    let handler = Arc::new(Silent::default());
    let consumer = KafkaConsumer::start(&brokers.kafka, patient(&brokers), handler.clone()).unwrap();
    until("the store is asked", async || handler.asked.load(Ordering::SeqCst)).await;
    stops_soon(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_do_not_say_where_to_begin_are_not_waited_for() {
    let brokers = Brokers::new();
    // The client asks again and again.
    brokers.mock.request_errors(RDKafkaApiKey::ListOffsets, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 100_000]);
    let consumer = KafkaConsumer::start(&brokers.kafka, patient(&brokers), MemoryStore::new()).unwrap();
    until("it begins", async || !consumer.partitions().is_empty()).await;
    stops_soon(consumer).await;
    // What blocks holds the client until this test's process ends.
    brokers.mock.clear_request_errors(RDKafkaApiKey::ListOffsets);
}

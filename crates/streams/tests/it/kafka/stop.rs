//! A consumer that is stopped ends soon, whatever it is doing: nothing that can be done again is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use streams::LogPartition;
use streams::kafka::{ConsumerOptions, Handled, HandlerError, KafkaConsumer, LogHandler, RecordBatch};
use tokio::sync::Semaphore;

use super::harness::{events, scope, until};
use super::stuck::Brokers;

/// Longer than any test takes: who waits for this is found out.
const FOR_EVER: Duration = Duration::from_secs(300);
/// What the client may wait for the brokers' answer to one question.
const REQUEST: Duration = Duration::from_secs(40);
/// Brokers that do not answer are waited for as long as this in the end.
const CLOSE: Duration = Duration::from_millis(1_500);
/// [`CLOSE`]; the rest is a loaded machine.
const SOON: Duration = Duration::from_secs(30);

/// A store that does not say where it stands, until it is told to.
struct Silent {
    asked: AtomicBool,
    answers: Semaphore,
}

impl Silent {
    fn new() -> Arc<Self> {
        Arc::new(Self { asked: AtomicBool::new(false), answers: Semaphore::new(0) })
    }
}

#[async_trait]
impl LogHandler for Silent {
    async fn position(&self, _: &LogPartition) -> Result<Option<i64>, HandlerError> {
        self.asked.store(true, Ordering::SeqCst);
        let _permit = self.answers.acquire().await.unwrap();
        Ok(None)
    }

    async fn handle(&self, _: RecordBatch) -> Result<Handled, HandlerError> {
        unreachable!("nothing is read before the beginning is known")
    }
}

/// A consumer that has asked the store where its partition begins.
async fn asking(brokers: &Brokers, handler: &Arc<Silent>) -> KafkaConsumer {
    let options = ConsumerOptions {
        drain_timeout: FOR_EVER,
        request_timeout: REQUEST,
        lag_interval: FOR_EVER,
        close_timeout: CLOSE,
        ..brokers.options()
    };
    let consumer = KafkaConsumer::start(&brokers.kafka, options, handler.clone()).unwrap();
    until("the store is asked", async || handler.asked.load(Ordering::SeqCst)).await;
    consumer
}

async fn stops_soon(consumer: KafkaConsumer) {
    tokio::time::timeout(SOON, consumer.stop()).await.unwrap_or_else(|_| panic!("it still waits after {SOON:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_say_where_to_begin_is_not_waited_for() {
    let brokers = Brokers::new();
    let consumer = asking(&brokers, &Silent::new()).await;
    stops_soon(consumer).await;
}

/// Nor by the end of the runtime, which waits for the threads that it has lent.
#[test]
fn brokers_that_do_not_say_where_to_begin_are_not_waited_for() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let stopped = runtime.block_on(async {
        let (brokers, handler) = (Brokers::new(), Silent::new());
        let consumer = asking(&brokers, &handler).await;
        brokers.mock.broker_round_trip_time(1, FOR_EVER).unwrap();
        handler.answers.add_permits(1);
        // Nothing shows that the brokers have been asked. Were they not yet, the stop would have nothing to overtake.
        tokio::time::sleep(Duration::from_millis(500)).await;
        stops_soon(consumer).await;
        Instant::now()
    });
    drop(runtime);
    assert!(stopped.elapsed() < SOON, "the runtime waits: {:?}", stopped.elapsed());
}

/// A store that keeps its batch until it is told.
struct Holding {
    given: AtomicBool,
    stored: Semaphore,
}

#[async_trait]
impl LogHandler for Holding {
    async fn position(&self, _: &LogPartition) -> Result<Option<i64>, HandlerError> {
        Ok(None)
    }

    async fn handle(&self, batch: RecordBatch) -> Result<Handled, HandlerError> {
        self.given.store(true, Ordering::SeqCst);
        let _permit = self.stored.acquire().await.unwrap();
        Ok(Handled::Settled { position: Some(batch.last) })
    }
}

/// The client's own waiting for a commit, and for its farewell, has no end then.
#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_gone_are_not_waited_for() {
    let handler = Arc::new(Holding { given: AtomicBool::new(false), stored: Semaphore::new(0) });
    let brokers = Brokers::new();
    let options = ConsumerOptions { request_timeout: Duration::from_secs(2), close_timeout: CLOSE, ..brokers.options() };
    let consumer = KafkaConsumer::start(&brokers.kafka, options, handler.clone()).unwrap();
    brokers.producer.publish(&scope(), events(0..1)).await.unwrap();
    until("the batch is given", async || handler.given.load(Ordering::SeqCst)).await;
    brokers.mock.broker_down(1).unwrap();
    handler.stored.add_permits(1);
    // Nothing shows that the commit is under way; were it not yet, the stop would begin it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The client may never be closed; the end of the test's runtime does not wait for it either.
    stops_soon(consumer).await;
}

//! Topics of a test's own, a store in memory that checks what it is given, and waiting with a deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::event::Event;
use domain::scope::Scope;
use domain::time::Timestamp;
use streams::LogPartition;
use streams::kafka::{
    ConsumerOptions, Growth, Handled, HandlerError, KafkaAdmin, KafkaOptions, KafkaProducer, LogHandler, ProducerOptions, RecordBatch,
    TopicSpec,
};
use tokio::sync::Semaphore;

/// The longest wait for anything.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

pub(super) fn kafka() -> KafkaOptions {
    let brokers = std::env::var("FLEXPRICE_TEST_KAFKA_BROKERS").unwrap_or_else(|_| "127.0.0.1:29092".to_owned());
    KafkaOptions { brokers: brokers.split(',').map(str::to_owned).collect(), ..KafkaOptions::default() }
}

pub(super) fn admin() -> KafkaAdmin {
    KafkaAdmin::new(kafka(), Duration::from_secs(10))
}

pub(super) fn scope() -> Scope {
    Scope { tenant_id: "t1".into(), environment_id: "e1".into() }
}

pub(super) fn event(id: impl std::fmt::Display) -> Event {
    Event {
        id: id.to_string(),
        name: "api".to_owned(),
        external_customer_id: "c1".to_owned(),
        customer_id: String::new(),
        timestamp: Timestamp::from_micros(1_717_200_000_123_456),
        ingested_at: Timestamp::from_micros(1_717_200_001_000_000),
        source: String::new(),
        properties: r#"{"n":0.10000000000000000001}"#.to_owned(),
    }
}

pub(super) fn events(ids: std::ops::Range<usize>) -> Vec<Event> {
    ids.map(|id| event(format!("ev-{id}"))).collect()
}

/// A topic with its dead letters and a group; gone when dropped.
pub(super) struct Log {
    pub(super) topic: String,
    pub(super) topic_dlq: String,
    pub(super) group: String,
}

impl Log {
    pub(super) async fn new(partitions: u16) -> Self {
        let name = format!("test_{:016x}", rand::random::<u64>());
        let log = Self { topic: format!("{name}_events"), topic_dlq: format!("{name}_dlq"), group: format!("{name}_group") };
        let spec = |name: &str, partitions| TopicSpec { name: name.to_owned(), partitions, replication_factor: 1, retention_ms: None };
        let specs = [spec(&log.topic, partitions), spec(&log.topic_dlq, 2)];
        admin().apply_topics(&specs, Growth::WhenDrained).await.expect("kafka does not answer: run dev/services up");
        log
    }

    pub(super) fn producer(&self) -> KafkaProducer {
        KafkaProducer::new(&kafka(), ProducerOptions { topic: self.topic.clone(), ..ProducerOptions::default() }).unwrap()
    }

    pub(super) fn consumer(&self) -> ConsumerOptions {
        ConsumerOptions {
            batch_age_max: Duration::from_millis(50),
            session_timeout: Duration::from_secs(6),
            drain_timeout: Duration::from_secs(5),
            ..ConsumerOptions::new(&self.group, &self.topic, &self.topic_dlq)
        }
    }

    pub(super) fn partition(&self, partition: i32) -> LogPartition {
        LogPartition { topic: self.topic.clone(), partition }
    }

    pub(super) async fn lag(&self) -> i64 {
        admin().lag(&self.group, &self.topic).await.unwrap().iter().map(streams::kafka::PartitionLag::messages).sum()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let topics = [self.topic.clone(), self.topic_dlq.clone()];
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for topic in topics {
                    let _ = admin().delete_topic(&topic).await;
                }
            });
        });
        let _ = removed.join();
    }
}

/// Waits until something holds.
pub(super) async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    until_within(DEADLINE, what, holds).await;
}

/// The same with a deadline of its own.
pub(super) async fn until_within(deadline: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while !holds().await {
        assert!(begun.elapsed() < deadline, "not within {deadline:?}: {what}");
        ticks.tick().await;
    }
}

/// What a store in memory has of one partition.
#[derive(Clone, Default)]
pub(super) struct Held {
    pub(super) position: Option<i64>,
    /// Offsets and event ids in the order of storing.
    pub(super) rows: Vec<(i64, String)>,
}

/// A store that takes a batch only at its own position, as a real one does, and notes what must not happen.
pub(super) struct MemoryStore {
    held: Mutex<BTreeMap<LogPartition, Held>>,
    pub(super) events: Mutex<Vec<Event>>,
    violations: Mutex<Vec<String>>,
    pub(super) moved: AtomicUsize,
    pub(super) calls: AtomicUsize,
    /// So many of the next calls fail.
    pub(super) failures: AtomicU32,
    /// Answers wait for a permit, after the rows are stored.
    pub(super) answers: Arc<Semaphore>,
    /// Ids that can never be stored.
    pub(super) dead: Mutex<BTreeSet<String>>,
    /// So many of the next calls panic.
    pub(super) panics: AtomicU32,
    /// Batches in our hands now, and the most there were.
    at_once: AtomicUsize,
    pub(super) most_at_once: AtomicUsize,
    /// Another consumer stores so many records of the first batch before us.
    pub(super) rival: AtomicUsize,
}

impl MemoryStore {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            held: Mutex::default(),
            events: Mutex::default(),
            violations: Mutex::default(),
            moved: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            dead: Mutex::default(),
            panics: AtomicU32::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            rival: AtomicUsize::new(0),
        })
    }

    pub(super) fn set_position(&self, partition: &LogPartition, position: i64) {
        self.held.lock().unwrap().entry(partition.clone()).or_default().position = Some(position);
    }

    pub(super) fn held(&self) -> BTreeMap<LogPartition, Held> {
        self.held.lock().unwrap().clone()
    }

    pub(super) fn rows(&self) -> usize {
        self.held.lock().unwrap().values().map(|held| held.rows.len()).sum()
    }

    pub(super) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.held.lock().unwrap().values().flat_map(|held| held.rows.iter().map(|(_, id)| id.clone())).collect();
        ids.sort_unstable();
        ids
    }

    /// Every offset from the first on is there once, in order.
    pub(super) fn assert_gapless(&self) {
        let violations = self.violations.lock().unwrap();
        assert!(violations.is_empty(), "{violations:?}");
        for (partition, held) in self.held() {
            let offsets: Vec<i64> = held.rows.iter().map(|(offset, _)| *offset).collect();
            let expected: Vec<i64> = (0..i64::try_from(offsets.len()).unwrap()).collect();
            assert_eq!(offsets, expected, "{partition}");
        }
    }

    fn store(&self, batch: &RecordBatch) -> Handled {
        let mut held = self.held.lock().unwrap();
        let held = held.entry(batch.partition.clone()).or_default();
        let mut violations = self.violations.lock().unwrap();
        let ascends = batch.records.is_sorted_by(|a, b| a.offset < b.offset);
        let within = batch.records.iter().all(|record| Some(record.offset) > batch.after && record.offset <= batch.last);
        if batch.records.is_empty() || !ascends || !within {
            violations.push(format!("{} after {:?}: not empty, ascending, within", batch.partition, batch.after));
        }
        let rows = |n: usize| batch.records.iter().take(n).map(|record| (record.offset, record.event.id.clone()));
        let rival = self.rival.swap(0, Ordering::SeqCst);
        if rival > 0 {
            held.rows.extend(rows(rival));
            held.position = held.rows.last().map(|(offset, _)| *offset);
        }
        if batch.after != held.position {
            self.moved.fetch_add(1, Ordering::SeqCst);
            return Handled::Moved { position: held.position };
        }
        let dead = self.dead.lock().unwrap();
        let dead: Vec<_> = batch.records.iter().filter(|record| dead.contains(&record.event.id)).map(|record| record.offset).collect();
        if !dead.is_empty() {
            return Handled::Dead(dead.into_iter().map(|offset| (offset, "too large to count".to_owned())).collect());
        }
        held.rows.extend(rows(usize::MAX));
        held.position = Some(batch.last);
        self.events.lock().unwrap().extend(batch.records.iter().map(|record| record.event.clone()));
        Handled::Settled { position: held.position }
    }
}

#[async_trait]
impl LogHandler for MemoryStore {
    async fn position(&self, partition: &LogPartition) -> Result<Option<i64>, HandlerError> {
        Ok(self.held.lock().unwrap().get(partition).and_then(|held| held.position))
    }

    async fn handle(&self, batch: RecordBatch) -> Result<Handled, HandlerError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let down = |counter: &AtomicU32| counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        assert!(!down(&self.panics), "as the test wants it");
        if down(&self.failures) {
            return Err(HandlerError::new("the store is away"));
        }
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let handled = self.store(&batch);
        let _permit = self.answers.acquire().await.unwrap();
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        Ok(handled)
    }
}

/// The gauges of this process by name and labels, from the first call on.
pub(super) fn gauges() -> &'static Gauges {
    static GAUGES: OnceLock<&'static Gauges> = OnceLock::new();
    GAUGES.get_or_init(|| {
        let gauges: &'static Gauges = Box::leak(Box::default());
        metrics::set_global_recorder(Recorder(gauges)).expect("one recorder");
        gauges
    })
}

type Gauges = Mutex<BTreeMap<String, f64>>;

/// Keeps gauges and nothing else.
struct Recorder(&'static Gauges);

/// One gauge.
struct OneGauge(String, &'static Gauges);

impl metrics::GaugeFn for OneGauge {
    fn increment(&self, value: f64) {
        *self.1.lock().unwrap().entry(self.0.clone()).or_default() += value;
    }
    fn decrement(&self, value: f64) {
        self.increment(-value);
    }
    fn set(&self, value: f64) {
        self.1.lock().unwrap().insert(self.0.clone(), value);
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}
    fn describe_gauge(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}
    fn describe_histogram(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}
    fn register_counter(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
        metrics::Counter::noop()
    }
    fn register_gauge(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::from_arc(Arc::new(OneGauge(key.to_string(), self.0)))
    }
    fn register_histogram(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::noop()
    }
}

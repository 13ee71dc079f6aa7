//! Events per second through the event log: our producer beside the plain client with the same settings, and decoding of messages. Needs
//! the feature `cluster` and a broker (`dev/services up kafka`). Run in release: `cargo bench -p streams --features cluster --bench
//! kafka_log -- [events]`.

#[cfg(not(feature = "cluster"))]
fn main() {}

#[cfg(feature = "cluster")]
fn main() -> anyhow::Result<()> {
    cluster::main()
}

#[cfg(feature = "cluster")]
mod cluster {
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use anyhow::Context as _;
    use async_trait::async_trait;
    use domain::event::Event;
    use domain::scope::Scope;
    use domain::time::Timestamp;
    use futures::StreamExt as _;
    use rdkafka::ClientConfig;
    use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
    use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
    use streams::LogPartition;
    use streams::kafka::{
        ConsumerOptions, Growth, Handled, HandlerError, KafkaAdmin, KafkaConsumer, KafkaOptions, KafkaProducer, LogHandler,
        ProducerOptions, RecordBatch, TopicSpec, decode_event, encode_event,
    };

    /// Events of one request.
    const REQUEST: usize = 1_000;
    /// Requests at the same time.
    const REQUESTS: usize = 16;

    fn event(id: usize) -> Event {
        Event {
            id: format!("event_01J{id:023}"),
            name: "api_call".to_owned(),
            external_customer_id: format!("customer-{}", id % 1_000),
            customer_id: String::new(),
            timestamp: Timestamp::from_micros(1_717_200_000_123_456),
            ingested_at: Timestamp::from_micros(1_717_200_001_000_000),
            source: "gateway".to_owned(),
            properties: r#"{"tokens":1234,"model":"large","region":"eu-west-1","latency_ms":12.5}"#.to_owned(),
        }
    }

    /// Counts what it is given.
    struct Counter(AtomicUsize);

    #[async_trait]
    impl LogHandler for Counter {
        async fn position(&self, _: &LogPartition) -> Result<Option<i64>, HandlerError> {
            Ok(None)
        }

        async fn handle(&self, batch: RecordBatch) -> Result<Handled, HandlerError> {
            self.0.fetch_add(batch.records.len(), Ordering::Relaxed);
            Ok(Handled::Settled { position: Some(batch.last) })
        }
    }

    pub(super) fn main() -> anyhow::Result<()> {
        let events = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(run(events))
    }

    fn report(what: &str, events: usize, took: Duration) -> anyhow::Result<()> {
        let rate = events as f64 / took.as_secs_f64();
        Ok(writeln!(std::io::stdout(), "{what:44} {events:>9} events in {:6.2} s: {rate:>9.0}/s", took.as_secs_f64())?)
    }

    async fn run(events: usize) -> anyhow::Result<()> {
        let brokers = std::env::var("FLEXPRICE_TEST_KAFKA_BROKERS").unwrap_or_else(|_| "127.0.0.1:29092".to_owned());
        let kafka = KafkaOptions { brokers: vec![brokers.clone()], ..KafkaOptions::default() };
        let admin = KafkaAdmin::new(kafka.clone(), Duration::from_secs(10));
        let name = format!("bench_{:016x}", rand::random::<u64>());
        let spec = |name: &str| TopicSpec { name: name.to_owned(), partitions: 6, replication_factor: 1, retention_ms: None };
        let (topic, plain, dead) = (format!("{name}_events"), format!("{name}_plain"), format!("{name}_dlq"));
        admin.apply_topics(&[spec(&topic), spec(&plain), spec(&dead)], Growth::WhenDrained).await.context("run dev/services up")?;
        let scope = Scope { tenant_id: "tenant".into(), environment_id: "environment".into() };
        decoding(&scope)?;
        plain_client(&brokers, &plain, &scope, events)?;
        our_producer(&kafka, &topic, &scope, events).await?;
        our_consumer(&kafka, ConsumerOptions::new(&name, &topic, &dead), events).await?;
        for topic in [&topic, &plain, &dead] {
            admin.delete_topic(topic).await?;
        }
        Ok(())
    }

    fn decoding(scope: &Scope) -> anyhow::Result<()> {
        let mut value = Vec::new();
        encode_event(scope, &event(7), &mut value);
        let begun = Instant::now();
        for _ in 0..500_000 {
            std::hint::black_box(decode_event(std::hint::black_box(&value), Timestamp::MIN)?);
        }
        report("decode, one thread", 500_000, begun.elapsed())
    }

    /// The client alone, one message after the other, without headers: what the machine gives.
    fn plain_client(brokers: &str, topic: &str, scope: &Scope, events: usize) -> anyhow::Result<()> {
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("batch.num.messages", "10000")
            .set("queue.buffering.max.messages", "400000")
            .create()?;
        let begun = Instant::now();
        let mut value = Vec::new();
        for event in (0..events).map(event) {
            value.clear();
            encode_event(scope, &event, &mut value);
            let mut record = BaseRecord::to(topic).key(&event.id).payload(&value);
            while let Err((error, again)) = producer.send(record) {
                anyhow::ensure!(matches!(error, Native::MessageProduction(RDKafkaErrorCode::QueueFull)), "{error}");
                producer.flush(Duration::from_millis(5)).ok();
                record = again;
            }
        }
        producer.flush(Duration::from_secs(60))?;
        report("plain client, no headers", events, begun.elapsed())
    }

    async fn our_producer(kafka: &KafkaOptions, topic: &str, scope: &Scope, events: usize) -> anyhow::Result<()> {
        let options = ProducerOptions { topic: topic.to_owned(), ..ProducerOptions::default() };
        let producer = &KafkaProducer::new(kafka, options)?;
        let begun = Instant::now();
        let requests = futures::stream::iter((0..events).step_by(REQUEST)).map(|start| async move {
            let request = (start..(start + REQUEST).min(events)).map(event).collect();
            let begun = Instant::now();
            producer.publish(scope, request).await.map(|()| begun.elapsed())
        });
        let mut latencies = Vec::new();
        for answer in requests.buffer_unordered(REQUESTS).collect::<Vec<_>>().await {
            latencies.push(answer?);
        }
        report(&format!("our producer, {REQUESTS} requests of {REQUEST}"), events, begun.elapsed())?;
        latencies.sort_unstable();
        let at = |share: usize| latencies.get(latencies.len() * share / 100).copied().unwrap_or_default();
        Ok(writeln!(std::io::stdout(), "{:44} p50 {:?}, p99 {:?}", "  acknowledged after", at(50), at(99))?)
    }

    async fn our_consumer(kafka: &KafkaOptions, options: ConsumerOptions, events: usize) -> anyhow::Result<()> {
        let counter = Arc::new(Counter(AtomicUsize::new(0)));
        let begun = Instant::now();
        let consumer = KafkaConsumer::start(kafka, options, Arc::clone(&counter) as Arc<dyn LogHandler>)?;
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        while counter.0.load(Ordering::Relaxed) < events {
            ticks.tick().await;
        }
        report("our consumer, joining the group included", events, begun.elapsed())?;
        consumer.stop().await;
        Ok(())
    }
}

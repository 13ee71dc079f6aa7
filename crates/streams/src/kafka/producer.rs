//! Publishes events: encodes them, hands them to the client in one go and waits until the brokers have acknowledged every one. One
//! counter and one wake-up per request, not per message, so that a bulk request costs little more than its bytes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::event::Event;
use domain::scope::Scope;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::client::{KafkaOptions, Log};
use super::error::{EventLogError, KafkaError};
use super::message;

/// A message is charged to the queue in these units, rounded up.
const CHARGE_BYTES: usize = 1024;
/// Bytes that a message takes beside key, value and headers, at most.
const RECORD_OVERHEAD_BYTES: usize = 128;
/// How much later than the client itself we give up on a delivery.
const DELIVERY_GRACE: Duration = Duration::from_secs(5);

/// How events are published.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// The topic of events.
    pub topic: String,
    /// The topic of events of lazy tenants.
    pub topic_lazy: String,
    /// Tenants whose events go to `topic_lazy`.
    pub lazy_tenants: Vec<String>,
    /// `lz4`, `zstd`, `gzip` or `none`.
    pub compression: String,
    /// How long a batch waits for company.
    pub linger: Duration,
    /// Messages that wait for the brokers; beyond it requests are refused.
    pub queue_messages_max: usize,
    /// Bytes that wait for the brokers; beyond it requests are refused.
    pub queue_bytes_max: usize,
    /// The largest message; what topics accept (`max.message.bytes`) must be no less.
    pub message_bytes_max: usize,
    /// The longest wait for an acknowledgement, retries included.
    pub delivery_timeout: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            topic: "events".to_owned(),
            topic_lazy: "events_lazy".to_owned(),
            lazy_tenants: Vec::new(),
            compression: "lz4".to_owned(),
            linger: Duration::from_millis(5),
            queue_messages_max: 200_000,
            queue_bytes_max: 256 << 20,
            message_bytes_max: 1_000_000,
            delivery_timeout: Duration::from_secs(10),
        }
    }
}

/// Publishes events. One per process is enough; share it by reference.
pub struct KafkaProducer {
    options: ProducerOptions,
    kafka: KafkaOptions,
    /// Replaced when the client has failed for good.
    client: Mutex<Arc<ThreadedProducer<Delivery>>>,
    messages: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

impl KafkaProducer {
    /// A producer. The brokers need not be there yet; [`KafkaProducer::check`] tells.
    pub fn new(kafka: &KafkaOptions, options: ProducerOptions) -> Result<Self, KafkaError> {
        if options.queue_messages_max == 0 || options.queue_bytes_max < options.message_bytes_max {
            return Err(KafkaError::Settings("the producer's queue must hold at least one message of the largest size".to_owned()));
        }
        let client = Mutex::new(Arc::new(connect(kafka, &options)?));
        let messages = Arc::new(Semaphore::new(options.queue_messages_max));
        let bytes = Arc::new(Semaphore::new(options.queue_bytes_max.div_ceil(CHARGE_BYTES)));
        Ok(Self { options, kafka: kafka.clone(), client, messages, bytes })
    }

    /// Publishes events of one scope and returns when the brokers have acknowledged all of them. After an error some may be in the log:
    /// sending all of them again with the same ids is harmless. Dropping the future does not take them back.
    pub async fn publish(&self, scope: &Scope, events: Vec<Event>) -> Result<(), EventLogError> {
        if events.is_empty() {
            return Ok(());
        }
        let result = match self.enqueue(scope, &events) {
            Ok(delivered) => self.delivered(delivered).await,
            Err(error) => Err(error),
        };
        match &result {
            Ok(()) => metrics::counter!("flexprice_kafka_published_total").increment(events.len() as u64),
            Err(error) => {
                let reason = match error {
                    EventLogError::Overloaded => "overloaded",
                    EventLogError::Unavailable(_) => "unavailable",
                    EventLogError::TooLarge { .. } => "too_large",
                };
                metrics::counter!("flexprice_kafka_publish_errors_total", "reason" => reason).increment(1);
            }
        }
        self.gauge_queue();
        result
    }

    /// Proves that the brokers answer and the topic of events is there: for readiness. Blocks no longer than `timeout`, on a thread of its
    /// own.
    pub async fn check(&self, timeout: Duration) -> Result<(), KafkaError> {
        let client = self.client();
        let topic = self.options.topic.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let asked = client.client().fetch_metadata(Some(&topic), timeout);
            let metadata = asked.map_err(|error| client.context().log.explained(error))?;
            match metadata.topics().iter().find(|found| found.name() == topic) {
                Some(found) if found.error().is_none() && !found.partitions().is_empty() => Ok(()),
                _ => Err(KafkaError::UnknownTopic(topic)),
            }
        });
        asked.await.unwrap_or_else(|error| Err(KafkaError::Unavailable(error.to_string())))
    }

    /// Waits until what was accepted has been delivered or given up, no longer than `timeout`; tells whether nothing was left.
    pub async fn close(&self, timeout: Duration) -> bool {
        let client = self.client();
        let flushed = tokio::task::spawn_blocking(move || client.flush(timeout).is_ok());
        flushed.await.unwrap_or(false)
    }

    /// The topic of a tenant's events.
    fn topic(&self, scope: &Scope) -> &str {
        let lazy = self.options.lazy_tenants.iter().any(|tenant| tenant == scope.tenant_id.as_str());
        if lazy { &self.options.topic_lazy } else { &self.options.topic }
    }

    fn client(&self) -> Arc<ThreadedProducer<Delivery>> {
        Arc::clone(&self.client.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes room for all events, or for none, and hands them to the client.
    fn enqueue(&self, scope: &Scope, events: &[Event]) -> Result<oneshot::Receiver<Outcome>, EventLogError> {
        let mut values = Vec::with_capacity(events.len() * 384);
        let mut ends = Vec::with_capacity(events.len());
        for event in events {
            let start = values.len();
            message::encode_event(scope, event, &mut values);
            // The id travels three times: in the value, as key and as header.
            let bytes = values.len() - start + 2 * event.id.len() + event.external_customer_id.len() + RECORD_OVERHEAD_BYTES;
            if bytes > self.options.message_bytes_max {
                let event_id = event.id.clone();
                return Err(EventLogError::TooLarge { event_id, bytes, bytes_max: self.options.message_bytes_max });
            }
            ends.push(values.len());
        }
        let room = Room::take(&self.messages, events.len(), &self.bytes, values.len().div_ceil(CHARGE_BYTES))?;
        let (outcome, delivered) = oneshot::channel();
        let ticket = Arc::new(Ticket {
            // One more than messages, so that the answer cannot come before all are handed over.
            waiting: AtomicUsize::new(events.len() + 1),
            failed: AtomicUsize::new(0),
            cause: Mutex::new(None),
            outcome: Mutex::new(Some(outcome)),
            room: Mutex::new(Some(room)),
        });
        let (client, topic) = (self.client(), self.topic(scope));
        let mut start = 0;
        for (event, end) in events.iter().zip(ends) {
            let record = BaseRecord {
                topic,
                partition: None,
                payload: Some(&values[start..end]),
                key: Some(event.id.as_bytes()),
                timestamp: None,
                headers: Some(message::headers(scope, event)),
                delivery_opaque: Arc::clone(&ticket),
            };
            start = end;
            if let Err((error, _)) = client.send(record) {
                ticket.settle(Some(&error));
            }
        }
        ticket.settle(None);
        Ok(delivered)
    }

    async fn delivered(&self, delivered: oneshot::Receiver<Outcome>) -> Result<(), EventLogError> {
        let answer = tokio::time::timeout(self.options.delivery_timeout + DELIVERY_GRACE, delivered).await;
        let result = match answer {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("the producer was closed".to_owned()),
            Err(_) => Err("no acknowledgement in time".to_owned()),
        };
        result.map_err(|cause| {
            self.replace_if_dead();
            EventLogError::Unavailable(cause)
        })
    }

    /// An idempotent client that lost track of its sequence refuses everything from then on; a new one begins anew.
    fn replace_if_dead(&self) {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if !client.context().fatal.load(Ordering::Relaxed) && client.client().fatal_error().is_none() {
            return;
        }
        match connect(&self.kafka, &self.options) {
            Ok(fresh) => {
                tracing::error!("the kafka producer failed for good and was replaced");
                // The old one ends on a thread of its own: it waits for its messages.
                let old = std::mem::replace(&mut *client, Arc::new(fresh));
                std::thread::spawn(move || drop(old));
            }
            Err(error) => tracing::error!(%error, "the kafka producer failed for good and cannot be replaced"),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge of a bounded queue")]
    fn gauge_queue(&self) {
        let free = self.messages.available_permits();
        metrics::gauge!("flexprice_kafka_producer_queue_messages").set((self.options.queue_messages_max - free) as f64);
    }
}

/// A client with our settings. Acknowledged means written by all replicas in sync; the client drops copies of its own retries.
fn connect(kafka: &KafkaOptions, options: &ProducerOptions) -> Result<ThreadedProducer<Delivery>, KafkaError> {
    let mut config = kafka.config()?;
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", &options.compression)
        .set("partitioner", "murmur2_random")
        .set("linger.ms", options.linger.as_millis().to_string())
        .set("batch.num.messages", "10000")
        .set("batch.size", "1000000")
        .set("message.max.bytes", options.message_bytes_max.to_string())
        // Added partitions are noticed in this time.
        .set("topic.metadata.refresh.interval.ms", "15000")
        .set("message.timeout.ms", options.delivery_timeout.as_millis().to_string())
        // Our own limit comes first; these only must not.
        .set("queue.buffering.max.messages", (options.queue_messages_max.saturating_mul(2)).min(10_000_000).to_string())
        .set("queue.buffering.max.kbytes", (options.queue_bytes_max.div_ceil(512) + 65_536).min(2_000_000_000).to_string());
    Ok(ThreadedProducer::from_config_and_context(&config, Delivery::default())?)
}

/// What became of a request: the first cause, if any message failed.
type Outcome = Result<(), String>;

/// Room in the queue, given back when all messages of a request are settled.
struct Room {
    _messages: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Room {
    fn take(messages: &Arc<Semaphore>, count: usize, bytes: &Arc<Semaphore>, charge: usize) -> Result<Self, EventLogError> {
        let permits = |semaphore: &Arc<Semaphore>, n: usize| {
            let n = u32::try_from(n).map_err(|_| EventLogError::Overloaded)?;
            Arc::clone(semaphore).try_acquire_many_owned(n).map_err(|_| EventLogError::Overloaded)
        };
        Ok(Self { _messages: permits(messages, count)?, _bytes: permits(bytes, charge)? })
    }
}

/// Counts the deliveries of one request.
struct Ticket {
    waiting: AtomicUsize,
    failed: AtomicUsize,
    cause: Mutex<Option<String>>,
    outcome: Mutex<Option<oneshot::Sender<Outcome>>>,
    room: Mutex<Option<Room>>,
}

impl Ticket {
    fn settle(&self, error: Option<&Native>) {
        if let Some(error) = error
            && self.failed.fetch_add(1, Ordering::Relaxed) == 0
        {
            *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
        if self.waiting.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        drop(self.room.lock().unwrap_or_else(PoisonError::into_inner).take());
        let failed = self.failed.load(Ordering::Relaxed);
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner).take();
        let outcome = match cause {
            None => Ok(()),
            Some(cause) => Err(format!("{failed} messages were not acknowledged: {cause}")),
        };
        if let Some(sender) = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The request may have gone away.
            let _ = sender.send(outcome);
        }
    }
}

/// Receives delivery reports.
#[derive(Default)]
struct Delivery {
    log: Log,
    fatal: AtomicBool,
}

impl ClientContext for Delivery {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, error: Native, reason: &str) {
        if matches!(error, Native::Global(RDKafkaErrorCode::Fatal)) {
            self.fatal.store(true, Ordering::Relaxed);
            tracing::error!("kafka producer: {reason}");
        } else {
            self.log.error(&error, reason);
        }
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = Arc<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Self::DeliveryOpaque) {
        ticket.settle(result.as_ref().err().map(|(error, _)| error));
    }
}

/// Sends single messages, each acknowledged before the call returns: for dead letters, which are few.
pub(super) struct MessageSender {
    client: ThreadedProducer<Delivery>,
    timeout: Duration,
}

/// A message to send as it is.
pub(super) struct RawMessage {
    pub(super) topic: String,
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) headers: OwnedHeaders,
}

impl MessageSender {
    pub(super) fn new(kafka: &KafkaOptions, timeout: Duration) -> Result<Self, KafkaError> {
        // What a broker gave us it also takes, with some headers more.
        let options = ProducerOptions { message_bytes_max: 100_000_000, delivery_timeout: timeout, ..ProducerOptions::default() };
        Ok(Self { client: connect(kafka, &options)?, timeout })
    }

    /// Sends messages and waits until all are acknowledged.
    pub(super) async fn send(&self, messages: Vec<RawMessage>) -> Result<(), KafkaError> {
        let (outcome, delivered) = oneshot::channel();
        let ticket = Arc::new(Ticket {
            waiting: AtomicUsize::new(messages.len() + 1),
            failed: AtomicUsize::new(0),
            cause: Mutex::new(None),
            outcome: Mutex::new(Some(outcome)),
            room: Mutex::new(None),
        });
        for message in messages {
            let mut record: BaseRecord<'_, [u8], [u8], _> = BaseRecord::with_opaque_to(&message.topic, Arc::clone(&ticket));
            record.key = message.key.as_deref();
            record.payload = message.payload.as_deref();
            record.headers = Some(message.headers);
            if let Err((error, _)) = self.client.send(record) {
                ticket.settle(Some(&error));
            }
        }
        ticket.settle(None);
        match tokio::time::timeout(self.timeout + DELIVERY_GRACE, delivered).await {
            Ok(Ok(outcome)) => outcome.map_err(KafkaError::Unavailable),
            _ => Err(KafkaError::Unavailable("no acknowledgement in time".to_owned())),
        }
    }
}

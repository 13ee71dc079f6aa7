//! Kafka: the event log of a cluster, and the consumers that count what is in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use app::App;
use app::event::{EventLog, EventLogError, LogLag, LogRecord};
use async_trait::async_trait;
use domain::event::Event;
use domain::scope::Scope;
use streams::kafka::{
    ConsumerOptions, Growth, Handled, HandlerError, KafkaAdmin, KafkaConsumer, KafkaError, KafkaOptions, KafkaProducer, KafkaSasl,
    KafkaSecurity, LogHandler, ProducerOptions, RecordBatch, RedriveOptions, Redriven, TopicChange, TopicSpec, standard_topics,
};
use streams::{Ledger, LogPartition};

use super::super::wait::{NotUp, until_up};
use super::Stop;
use super::rounds::Rounds;
use crate::commands::doctor::{Check, Finding};
use crate::config::Config;
use crate::gate::Gate;

/// Longest wait for one answer of the brokers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait of a readiness check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a bill waits for consumers that are behind.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a stopping process waits for what it has begun to publish.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The event log on Kafka: publishes, and knows when what was published is counted.
struct KafkaLog {
    producer: KafkaProducer,
    admin: KafkaAdmin,
    /// Group and topic of each consumer that stores events.
    stored_by: Vec<(String, String)>,
    /// Group and topic of each consumer that counts.
    counted_by: Vec<(String, String)>,
    /// Bills that are computed at the same time wait together.
    settling: Rounds,
}

impl KafkaLog {
    async fn settle_once(&self) -> Result<(), String> {
        for (group, topic) in &self.counted_by {
            match self.admin.caught_up(group, topic, SETTLE_TIMEOUT).await {
                Ok(true) => {}
                Ok(false) => return Err(format!("{group} has not read all of {topic} within {} s", SETTLE_TIMEOUT.as_secs())),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}

/// The log, when brokers are configured; waits until they answer and have the topic of events.
pub(super) async fn log(config: &Config, gate: &Gate) -> anyhow::Result<Option<Arc<dyn EventLog>>> {
    if config.kafka.brokers.is_empty() {
        return Ok(None);
    }
    let kafka = options(config);
    let producer = KafkaProducer::new(&kafka, producer_options(config))?;
    let server = format!("Kafka at {}", config.kafka.brokers.join(","));
    until_up(gate, &server, || async {
        producer.check(CHECK_TIMEOUT).await.map_err(|error| match error {
            // It may be made while we wait.
            KafkaError::Unavailable(_) | KafkaError::UnknownTopic(_) => NotUp::Yet(error.to_string()),
            other => NotUp::Ever(anyhow::Error::new(other).context(server.clone())),
        })
    })
    .await?;
    let read_by = |ledger| {
        let consumers = consumers(config).into_iter().filter(|consumer| consumer.ledger == ledger);
        consumers.map(|consumer| (consumer.group.to_owned(), consumer.topic.to_owned())).collect()
    };
    let (stored_by, counted_by) = (read_by(Ledger::Events), read_by(Ledger::Usage));
    let (admin, settling) = (KafkaAdmin::new(kafka, ANSWER_TIMEOUT), Rounds::default());
    Ok(Some(Arc::new(KafkaLog { producer, admin, stored_by, counted_by, settling })))
}

impl KafkaLog {
    /// Messages that these groups have not read of their topics.
    async fn unread(&self, groups: &[(String, String)]) -> Result<u64, EventLogError> {
        let mut messages = 0;
        for (group, topic) in groups {
            let partitions = self.admin.lag(group, topic).await.map_err(|error| EventLogError::Unavailable(error.to_string()))?;
            messages += partitions.iter().map(|partition| u64::try_from(partition.messages()).unwrap_or(0)).sum::<u64>();
        }
        Ok(messages)
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn publish(&self, scope: &Scope, events: Vec<Event>) -> Result<(), EventLogError> {
        use streams::kafka::EventLogError as Native;
        self.producer.publish(scope, events).await.map_err(|error| match error {
            Native::Overloaded => EventLogError::Overloaded,
            Native::Unavailable(cause) => EventLogError::Unavailable(cause),
            Native::TooLarge { .. } => EventLogError::TooLarge(error.to_string()),
        })
    }

    async fn settle(&self) -> Result<(), EventLogError> {
        self.settling.join(|| self.settle_once()).await.map_err(EventLogError::Unavailable)
    }

    async fn lag(&self) -> Result<LogLag, EventLogError> {
        Ok(LogLag { events: self.unread(&self.stored_by).await?, usage: self.unread(&self.counted_by).await? })
    }

    async fn check(&self) -> Result<(), EventLogError> {
        self.producer.check(CHECK_TIMEOUT).await.map_err(|error| EventLogError::Unavailable(error.to_string()))
    }

    async fn close(&self) {
        if !self.producer.close(CLOSE_TIMEOUT).await {
            tracing::warn!("events are still unacknowledged; whoever sent them has heard so");
        }
    }
}

fn options(config: &Config) -> KafkaOptions {
    let kafka = &config.kafka;
    let sasl = kafka.use_sasl.then(|| KafkaSasl {
        mechanism: kafka.sasl_mechanism.clone(),
        user: kafka.sasl_user.clone(),
        password: kafka.sasl_password.expose().to_owned(),
    });
    KafkaOptions {
        brokers: kafka.brokers.clone(),
        client_id: kafka.client_id.clone(),
        security: KafkaSecurity {
            tls: kafka.tls || kafka.use_sasl,
            tls_ca_cert_file: Some(kafka.tls_ca_cert_file.clone()).filter(|file| !file.is_empty()).map(Into::into),
            tls_server_name: kafka.tls_server_name.clone(),
            sasl,
        },
    }
}

fn producer_options(config: &Config) -> ProducerOptions {
    ProducerOptions {
        topic: config.kafka.topic.clone(),
        topic_lazy: config.kafka.topic_lazy.clone(),
        lazy_tenants: config.kafka.route_tenants_on_lazy_mode.clone(),
        queue_messages_max: config.event.queue_max_events,
        ..ProducerOptions::default()
    }
}

/// One consumer as the configuration has it.
struct Consumer<'a> {
    ledger: Ledger,
    topic: &'a str,
    group: &'a str,
    topic_dlq: &'a str,
    rate_limit: u32,
}

/// The consumers that are switched on. Those of lazy tenants run when there are any.
fn consumers<'a>(config: &'a Config) -> Vec<Consumer<'a>> {
    let dead_letters = |own: &'a str| -> &'a str { if own.is_empty() { &config.kafka.topic_dlq } else { own } };
    let has_lazy = !config.kafka.route_tenants_on_lazy_mode.is_empty();
    let mut consumers = Vec::new();
    let mut add = |ledger, is_on: bool, topic: &'a str, group: &'a str, topic_dlq: &'a str, rate_limit: u32| {
        if is_on && !topic.is_empty() {
            consumers.push(Consumer { ledger, topic, group, topic_dlq: dead_letters(topic_dlq), rate_limit });
        }
    };
    let (raw, lazy, replay) = (&config.event_processing, &config.event_processing_lazy, &config.event_processing_replay);
    add(Ledger::Events, raw.enabled, &raw.topic, &raw.consumer_group, &raw.topic_dlq, raw.rate_limit);
    add(Ledger::Events, lazy.enabled && has_lazy, &lazy.topic, &lazy.consumer_group, &lazy.topic_dlq, lazy.rate_limit);
    add(Ledger::Events, replay.enabled, &replay.topic, &replay.consumer_group, "", replay.rate_limit);
    let (usage, lazy) = (&config.meter_usage_tracking, &config.meter_usage_tracking_lazy);
    add(Ledger::Usage, usage.enabled, &usage.topic, &usage.consumer_group, &usage.topic_dlq, usage.rate_limit);
    add(Ledger::Usage, lazy.enabled && has_lazy, &lazy.topic, &lazy.consumer_group, &lazy.topic_dlq, lazy.rate_limit);
    consumers
}

/// Starts the consumers of this process.
pub(super) fn start_consumers(config: &Config, app: &App) -> anyhow::Result<Vec<Stop>> {
    let costs = &config.costsheet_usage_tracking;
    if costs.enabled {
        let (group, rate_limit) = (&costs.consumer_group, costs.rate_limit);
        tracing::info!(group, rate_limit, "accepted without effect: costs are computed from usage when they are read");
    }
    let kafka = options(config);
    let mut running: Vec<Stop> = Vec::new();
    for consumer in consumers(config) {
        let Consumer { ledger, topic, group, topic_dlq, rate_limit } = consumer;
        let options =
            ConsumerOptions { rate_limit, session_timeout: config.kafka.session_timeout, ..ConsumerOptions::new(group, topic, topic_dlq) };
        let handler = Arc::new(StoreEvents { app: app.clone(), ledger });
        let started = KafkaConsumer::start(&kafka, options, handler);
        let started = started.with_context(|| format!("the consumer {group} of {topic} does not start"))?;
        tracing::info!(group, topic, rate_limit, "consuming");
        running.push(Box::pin(started.stop()));
    }
    Ok(running)
}

/// What a consumer does with a batch: one use case.
struct StoreEvents {
    app: App,
    ledger: Ledger,
}

#[async_trait]
impl LogHandler for StoreEvents {
    async fn position(&self, partition: &LogPartition) -> Result<Option<i64>, HandlerError> {
        self.app.log_position(self.ledger, partition).await.map_err(HandlerError::new)
    }

    async fn handle(&self, batch: Arc<RecordBatch>) -> Result<Handled, HandlerError> {
        let RecordBatch { partition, after, last, records } = &*batch;
        let records =
            records.iter().map(|record| LogRecord { offset: record.offset, scope: record.scope.clone(), event: record.event.clone() });
        let stored = self.app.store_logged(self.ledger, partition.clone(), *after, records.collect(), *last).await;
        let stored = stored.map_err(HandlerError::new)?;
        Ok(if !stored.dead.is_empty() {
            Handled::Dead(stored.dead)
        } else if stored.settled {
            Handled::Settled { position: stored.position }
        } else {
            Handled::Moved { position: stored.position }
        })
    }
}

fn admin(config: &Config) -> anyhow::Result<KafkaAdmin> {
    ensure!(!config.kafka.brokers.is_empty(), "no brokers are configured: set FLEXPRICE_KAFKA_BROKERS");
    Ok(KafkaAdmin::new(options(config), ANSWER_TIMEOUT))
}

/// The topics as the configuration wants them.
fn wanted(config: &Config) -> anyhow::Result<Vec<TopicSpec>> {
    let defaults = &config.kafka.topics_defaults;
    let retention_ms = Some(defaults.retention_ms);
    let mut wanted: BTreeMap<String, TopicSpec> =
        standard_topics(defaults.replication_factor, retention_ms).into_iter().map(|spec| (spec.name.clone(), spec)).collect();
    let of_default = |name: &str, partitions: u16| TopicSpec {
        name: name.to_owned(),
        partitions,
        replication_factor: defaults.replication_factor,
        retention_ms,
    };
    for consumer in consumers(config) {
        for topic in [consumer.topic, consumer.topic_dlq] {
            wanted.entry(topic.to_owned()).or_insert_with(|| of_default(topic, defaults.partitions));
        }
    }
    let events = wanted.entry(config.kafka.topic.clone()).or_insert_with(|| of_default(&config.kafka.topic, defaults.partitions));
    if defaults.partitions > 0 {
        events.partitions = defaults.partitions;
    }
    let own = config.kafka.topics.expose().as_object().context("kafka.topics is no object")?;
    for (name, own) in own {
        let number = |key: &str, default: u64| own.get(key).map_or(Some(default), serde_json::Value::as_u64);
        let spec = wanted.entry(name.clone()).or_insert_with(|| of_default(name, defaults.partitions));
        let read = |key: &str, default: u16| {
            let number = number(key, u64::from(default)).and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
            number.with_context(|| format!("kafka.topics.{name}.{key} is no number from 1 to 65535"))
        };
        spec.partitions = read("partitions", spec.partitions)?;
        spec.replication_factor = read("replication_factor", spec.replication_factor)?;
        spec.retention_ms =
            Some(number("retention_ms", defaults.retention_ms).with_context(|| format!("kafka.topics.{name}.retention_ms"))?);
    }
    Ok(wanted.into_values().collect())
}

/// What [`topics`] would do, a line each.
///
/// # Errors
/// When the brokers do not answer.
pub async fn plan_topics(config: &Config) -> anyhow::Result<Vec<String>> {
    let changes = admin(config)?.plan_topics(&wanted(config)?, Growth::WhenDrained).await?;
    Ok(changes.iter().map(TopicChange::to_string).collect())
}

/// Creates missing topics and adds missing partitions; a line for each topic, and whether all are as wanted now.
///
/// # Errors
/// When the brokers do not answer or refuse.
pub async fn topics(config: &Config, force: bool) -> anyhow::Result<(Vec<String>, bool)> {
    let growth = if force { Growth::Forced } else { Growth::WhenDrained };
    let changes = admin(config)?.apply_topics(&wanted(config)?, growth).await?;
    let refused = changes.iter().any(|change| matches!(change, TopicChange::NotDrained { .. }));
    Ok((changes.iter().map(TopicChange::to_string).collect(), !refused))
}

/// How far a consumer is behind on one partition.
pub struct LagRow {
    /// Its group.
    pub group: String,
    /// What it reads.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Messages that it has not read.
    pub messages: i64,
}

/// How far the configured consumers are behind.
///
/// # Errors
/// When the brokers do not answer.
pub async fn lag(config: &Config) -> anyhow::Result<Vec<LagRow>> {
    let admin = admin(config)?;
    let mut rows = Vec::new();
    for Consumer { topic, group, .. } in consumers(config) {
        for lag in admin.lag(group, topic).await? {
            rows.push(LagRow { group: group.to_owned(), topic: topic.to_owned(), partition: lag.partition, messages: lag.messages() });
        }
    }
    Ok(rows)
}

/// Sends dead letters back to the topics they came from; says how many.
///
/// # Errors
/// When the brokers do not answer; what was sent back is not sent again.
pub async fn redrive(config: &Config, topic: Option<&str>) -> anyhow::Result<Vec<String>> {
    let admin = admin(config)?;
    let mut topics: Vec<&str> = match topic {
        Some(topic) => vec![topic],
        None => consumers(config).iter().map(|consumer| consumer.topic_dlq).collect(),
    };
    topics.sort_unstable();
    topics.dedup();
    let mut said = Vec::new();
    for topic in topics {
        let redriven = admin.redrive(&RedriveOptions::all(topic)).await.with_context(|| format!("dead letters of {topic}"))?;
        said.extend(redriven.sent.iter().map(|(origin, letters)| format!("{topic}: {letters} sent back to {origin}")));
        if redriven.without_origin > 0 {
            said.push(format!("{topic}: {} do not say where they came from and stay", redriven.without_origin));
        }
        if redriven == Redriven::default() {
            said.push(format!("{topic}: no dead letters"));
        }
    }
    Ok(said)
}

pub(super) async fn inspect(config: &Config) -> Option<Check> {
    if config.kafka.brokers.is_empty() {
        return None;
    }
    let at = config.kafka.brokers.join(",");
    let look = async {
        let producer = KafkaProducer::new(&options(config), producer_options(config))?;
        Ok::<_, anyhow::Error>(producer.check(ANSWER_TIMEOUT).await?)
    };
    let finding = look.await.map_or_else(|error| Finding::Bad(format!("{at}: {error:#}")), |()| Finding::Good(at.clone()));
    Some(("Kafka", finding))
}

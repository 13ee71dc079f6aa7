//! What operators do with the log: its topics, how far consumers are behind, dead letters.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use streams::kafka::{Growth, KafkaAdmin, RedriveOptions, Redriven, TopicChange, TopicSpec, standard_topics};

use super::options::{ANSWER_TIMEOUT, Consumer, consumers, options};
use crate::config::Config;

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

fn admin(config: &Config) -> anyhow::Result<KafkaAdmin> {
    ensure!(!config.kafka.brokers.is_empty(), "no brokers are configured: set FLEXPRICE_KAFKA_BROKERS");
    Ok(KafkaAdmin::new(options(config), ANSWER_TIMEOUT))
}

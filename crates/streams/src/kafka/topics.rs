//! Topics as they should be and as they are. Missing ones are created, partitions may be added, everything else is only reported: what a
//! topic keeps and how often it is copied is the operator's decision.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer;

use super::client::Quiet;
use super::error::KafkaError;
use super::lag::{KafkaAdmin, blocking};

/// The group under whose name we look around; it never joins nor commits.
const LOOKING_GROUP: &str = "flexprice_topics_apply";

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// Its partitions: the most consumers of one group that work at the same time.
    pub partitions: u16,
    /// Copies of each partition.
    pub replication_factor: u16,
    /// Milliseconds that messages are kept; none = as the brokers have it.
    pub retention_ms: Option<u64>,
}

impl TopicSpec {
    /// Replicas that must have a message before it counts as written: two where there are three, so that one broker may be away.
    pub fn min_insync_replicas(&self) -> u16 {
        if self.replication_factor >= 3 { 2 } else { 1 }
    }
}

/// The topics of spec 10 §§2–3 with their dead letters.
pub fn standard_topics(replication_factor: u16, retention_ms: Option<u64>) -> Vec<TopicSpec> {
    const TOPICS: [(&str, u16); 16] = [
        ("events", 6),
        ("events_lazy", 6),
        ("events_backfill", 6),
        ("events_bulk", 6),
        ("raw_events", 6),
        ("events_dlq", 3),
        ("event_processing_dlq", 3),
        ("event_processing_lazy_dlq", 3),
        ("meter_usage_tracking_service_dlq", 3),
        ("meter_usage_tracking_service_lazy_dlq", 3),
        ("costsheet_usage_tracking_service_dlq", 3),
        ("events_bulk_dlq", 3),
        ("meter_usage_tracking_bulk_dlq", 3),
        ("system_events", 3),
        ("wallet_alert", 3),
        ("onboarding_events", 3),
    ];
    let spec = |(name, partitions): (&str, u16)| TopicSpec { name: name.to_owned(), partitions, replication_factor, retention_ms };
    TOPICS.into_iter().map(spec).collect()
}

/// Whether partitions may be added. A key's partition depends on their number: a copy of an event that comes after the change may land in
/// another partition than the first, so consumers must have read everything before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Only when every group has read the topic to its end.
    WhenDrained,
    /// In any case.
    Forced,
}

/// What was done to a topic, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicChange {
    /// It was missing.
    Created(TopicSpec),
    /// Partitions were added; keys have moved.
    Grown {
        /// The topic.
        topic: String,
        /// Partitions before.
        from: usize,
        /// Partitions now.
        to: usize,
    },
    /// Partitions are to be added, but a group has not read all.
    NotDrained {
        /// The topic.
        topic: String,
        /// Who is behind, and by how much.
        reason: String,
    },
    /// Something is other than wanted and was left alone.
    Differs {
        /// The topic.
        topic: String,
        /// The property.
        property: &'static str,
        /// As it is.
        is: String,
        /// As it is wanted.
        wanted: String,
    },
    /// It is as wanted.
    Unchanged(String),
}

impl fmt::Display for TopicChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created(spec) => write!(
                f,
                "{}: created with {} partitions, {} replicas, {} in sync",
                spec.name,
                spec.partitions,
                spec.replication_factor,
                spec.min_insync_replicas()
            ),
            Self::Grown { topic, from, to } => {
                write!(
                    f,
                    "{topic}: grown from {from} to {to} partitions; keys move, copies of earlier events may land in another partition"
                )
            }
            Self::NotDrained { topic, reason } => write!(f, "{topic}: not grown, because keys would move and {reason}"),
            Self::Differs { topic, property, is, wanted } => write!(f, "{topic}: {property} is {is}, wanted {wanted}; left as it is"),
            Self::Unchanged(topic) => write!(f, "{topic}: as wanted"),
        }
    }
}

/// A topic as it is.
struct Existing {
    partitions: usize,
    replicas: usize,
    config: BTreeMap<String, String>,
}

impl KafkaAdmin {
    /// What [`KafkaAdmin::apply_topics`] would do, without doing it.
    pub async fn plan_topics(&self, specs: &[TopicSpec], growth: Growth) -> Result<Vec<TopicChange>, KafkaError> {
        let admin = self.admin()?;
        let existing = self.existing(&admin, specs).await?;
        let mut changes = Vec::new();
        for spec in specs {
            let Some(found) = existing.get(&spec.name) else {
                changes.push(TopicChange::Created(spec.clone()));
                continue;
            };
            let before = changes.len();
            if usize::from(spec.partitions) > found.partitions {
                let reason = match growth {
                    Growth::Forced => None,
                    Growth::WhenDrained => self.undrained(&spec.name).await?,
                };
                changes.push(match reason {
                    Some(reason) => TopicChange::NotDrained { topic: spec.name.clone(), reason },
                    None => TopicChange::Grown { topic: spec.name.clone(), from: found.partitions, to: spec.partitions.into() },
                });
            }
            changes.extend(differences(spec, found));
            if changes.len() == before {
                changes.push(TopicChange::Unchanged(spec.name.clone()));
            }
        }
        Ok(changes)
    }

    /// Creates what is missing and adds partitions where more are wanted. Doing it again changes nothing.
    pub async fn apply_topics(&self, specs: &[TopicSpec], growth: Growth) -> Result<Vec<TopicChange>, KafkaError> {
        let changes = self.plan_topics(specs, growth).await?;
        let admin = self.admin()?;
        let options = AdminOptions::new().request_timeout(Some(self.timeout)).operation_timeout(Some(self.timeout));
        for change in &changes {
            let results = match change {
                TopicChange::Created(spec) => {
                    let (in_sync, retention) = (spec.min_insync_replicas().to_string(), spec.retention_ms.map(|ms| ms.to_string()));
                    let replication = TopicReplication::Fixed(spec.replication_factor.into());
                    let mut topic = NewTopic::new(&spec.name, spec.partitions.into(), replication).set("min.insync.replicas", &in_sync);
                    if let Some(retention) = &retention {
                        topic = topic.set("retention.ms", retention);
                    }
                    admin.create_topics([&topic], &options).await?
                }
                TopicChange::Grown { topic, to, .. } => admin.create_partitions([&NewPartitions::new(topic, *to)], &options).await?,
                TopicChange::NotDrained { .. } | TopicChange::Differs { .. } | TopicChange::Unchanged(_) => continue,
            };
            for result in results {
                match result {
                    // Another process was as quick as we.
                    Ok(_) | Err((_, rdkafka::error::RDKafkaErrorCode::TopicAlreadyExists)) => {}
                    Err((topic, code)) => return Err(KafkaError::Refused(format!("{topic}: {code}"))),
                }
            }
        }
        Ok(changes)
    }

    /// Removes a topic and everything in it.
    pub async fn delete_topic(&self, topic: &str) -> Result<(), KafkaError> {
        let options = AdminOptions::new().request_timeout(Some(self.timeout)).operation_timeout(Some(self.timeout));
        for result in self.admin()?.delete_topics(&[topic], &options).await? {
            result.map_err(|(topic, code)| KafkaError::Refused(format!("{topic}: {code}")))?;
        }
        Ok(())
    }

    fn admin(&self) -> Result<AdminClient<Quiet>, KafkaError> {
        Ok(AdminClient::from_config_and_context(&self.kafka.config()?, Quiet::default())?)
    }

    /// Those of the wanted topics that are there.
    async fn existing(&self, admin: &AdminClient<Quiet>, specs: &[TopicSpec]) -> Result<BTreeMap<String, Existing>, KafkaError> {
        let observer = self.observer(LOOKING_GROUP)?;
        let timeout = self.timeout;
        let all = blocking(move || {
            let metadata = observer.ask(|client| client.client().fetch_metadata(None, timeout))?;
            let size = |topic: &rdkafka::metadata::MetadataTopic| {
                let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
                (topic.name().to_owned(), (topic.partitions().len(), replicas))
            };
            Ok(metadata.topics().iter().map(size).collect::<BTreeMap<_, _>>())
        })
        .await?;
        let wanted: Vec<_> = specs.iter().filter(|spec| all.contains_key(&spec.name)).map(|spec| spec.name.as_str()).collect();
        let options = AdminOptions::new().request_timeout(Some(timeout));
        let mut existing = BTreeMap::new();
        if wanted.is_empty() {
            return Ok(existing);
        }
        let specifiers: Vec<_> = wanted.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let described = admin.describe_configs(&specifiers, &options).await?;
        for (name, resource) in wanted.iter().zip(described) {
            let resource = resource.map_err(|code| KafkaError::Refused(format!("{name}: {code}")))?;
            let config = resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect();
            let (partitions, replicas) = all.get(*name).copied().unwrap_or_default();
            existing.insert((*name).to_owned(), Existing { partitions, replicas, config });
        }
        Ok(existing)
    }

    /// Why the topic is not drained; none when every group that reads it is at its end.
    async fn undrained(&self, topic: &str) -> Result<Option<String>, KafkaError> {
        let observer = self.observer(LOOKING_GROUP)?;
        let timeout: Duration = self.timeout;
        let groups = blocking(move || {
            let list = observer.ask(|client| client.client().fetch_group_list(None, timeout))?;
            Ok(list.groups().iter().map(|group| group.name().to_owned()).collect::<Vec<_>>())
        })
        .await?;
        let mut readers = 0;
        for group in groups {
            let lag = self.lag(&group, topic).await?;
            if lag.iter().all(|partition| partition.committed.is_none()) {
                continue;
            }
            readers += 1;
            let behind: i64 = lag.iter().map(super::lag::PartitionLag::messages).sum();
            if behind > 0 {
                return Ok(Some(format!("group {group} is {behind} messages behind")));
            }
        }
        if readers == 0 {
            let held: i64 = self.lag(LOOKING_GROUP, topic).await?.iter().map(super::lag::PartitionLag::messages).sum();
            if held > 0 {
                return Ok(Some(format!("no group has read its {held} messages")));
            }
        }
        Ok(None)
    }
}

/// What is other than wanted and is not ours to change.
fn differences(spec: &TopicSpec, found: &Existing) -> Vec<TopicChange> {
    let differs = |property, is: String, wanted: String| {
        (is != wanted).then(|| TopicChange::Differs { topic: spec.name.clone(), property, is, wanted })
    };
    let config = |key: &str| found.config.get(key).cloned().unwrap_or_default();
    let shrink = usize::from(spec.partitions) < found.partitions;
    [
        shrink.then(|| differs("partitions", found.partitions.to_string(), spec.partitions.to_string())).flatten(),
        differs("replication_factor", found.replicas.to_string(), spec.replication_factor.to_string()),
        differs("min.insync.replicas", config("min.insync.replicas"), spec.min_insync_replicas().to_string()),
        spec.retention_ms.and_then(|wanted| differs("retention.ms", config("retention.ms"), wanted.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

//! Sends dead letters back to the topic they came from, once the cause is gone. What was sent back is not sent again: the progress is a
//! committed offset of a group of its own. A letter that dies again comes back to the end and waits for the next time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::Quiet;
use super::dead_letters::revived;
use super::error::KafkaError;
use super::lag::{KafkaAdmin, Observer, blocking, committed};
use super::producer::MessageSender;

/// Letters that are sent back in one go, then committed.
const LETTERS_PER_STEP: usize = 1_000;
/// Waits for letters that are there, one after the other, before it gives up.
const EMPTY_POLLS_MAX: u32 = 50;

/// What to send back.
#[derive(Clone, Debug)]
pub struct RedriveOptions {
    /// The topic of dead letters.
    pub topic: String,
    /// The group that keeps the progress.
    pub group: String,
    /// Most letters to send back now.
    pub letters_max: usize,
}

impl RedriveOptions {
    /// All letters of a topic.
    pub fn all(topic: &str) -> Self {
        Self { topic: topic.to_owned(), group: format!("{topic}_redrive"), letters_max: usize::MAX }
    }
}

/// What was sent back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Letters per topic they went to.
    pub sent: BTreeMap<String, u64>,
    /// Letters that do not say where they came from; they stay in the topic of dead letters and are not looked at again.
    pub without_origin: u64,
}

impl KafkaAdmin {
    /// Sends back the dead letters that are there now. After an error some may have been sent: doing it again sends the rest, and copies
    /// change nothing.
    pub async fn redrive(&self, options: &RedriveOptions) -> Result<Redriven, KafkaError> {
        let mut config = self.kafka.config()?;
        config.set("group.id", &options.group).set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
        let consumer: Arc<BaseConsumer<Quiet>> = Arc::new(BaseConsumer::from_config_and_context(&config, Quiet::default())?);
        let sender = MessageSender::new(&self.kafka, self.timeout)?;
        let observer = Observer::new(&self.kafka, &options.group)?;
        let (reader, topic, timeout) = (Arc::clone(&consumer), options.topic.clone(), self.timeout);
        let mut open = blocking(move || begin(&reader, &observer, &topic, timeout)).await?;
        let mut redriven = Redriven::default();
        let mut left = options.letters_max;
        while !open.is_empty() && left > 0 {
            let (reader, step, wanted) = (Arc::clone(&consumer), left.min(LETTERS_PER_STEP), open.clone());
            let letters = blocking(move || read(&reader, &wanted, step, timeout)).await?;
            if letters.is_empty() {
                return Err(KafkaError::Unavailable(format!("{} did not give all its messages", options.topic)));
            }
            let mut progress = BTreeMap::new();
            let mut messages = Vec::with_capacity(letters.len());
            for letter in &letters {
                progress.insert(letter.partition(), letter.offset() + 1);
                match revived(letter) {
                    Some(message) => {
                        *redriven.sent.entry(message.topic.clone()).or_default() += 1;
                        messages.push(message);
                    }
                    None => redriven.without_origin += 1,
                }
            }
            sender.send(messages).await?;
            open.retain(|partition, end| progress.get(partition).is_none_or(|next| next < end));
            left -= letters.len();
            let (reader, topic) = (Arc::clone(&consumer), options.topic.clone());
            blocking(move || commit(&reader, &topic, &progress)).await?;
        }
        let _closed = blocking(move || {
            drop(consumer);
            Ok(())
        })
        .await;
        Ok(redriven)
    }
}

/// Goes to where the last time ended; says where to end this time, per partition that has letters.
fn begin(consumer: &BaseConsumer<Quiet>, observer: &Observer, topic: &str, timeout: Duration) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let watermarks = observer.watermarks(topic, timeout)?;
    let done = committed(consumer, topic, watermarks.keys().copied(), timeout)?;
    let (mut open, mut list) = (BTreeMap::new(), TopicPartitionList::new());
    for (partition, (low, end)) in watermarks {
        let next = done.get(&partition).copied().unwrap_or(low).max(low);
        if next < end {
            open.insert(partition, end);
            list.add_partition_offset(topic, partition, Offset::Offset(next))?;
        }
    }
    consumer.assign(&list)?;
    Ok(open)
}

/// Up to `step` letters, none at or after the ends.
fn read(
    consumer: &BaseConsumer<Quiet>,
    open: &BTreeMap<i32, i64>,
    step: usize,
    timeout: Duration,
) -> Result<Vec<OwnedMessage>, KafkaError> {
    let mut letters = Vec::new();
    let mut left: BTreeMap<i32, i64> = open.clone();
    let mut empty_polls = 0;
    while letters.len() < step && !left.is_empty() && empty_polls < EMPTY_POLLS_MAX {
        let Some(message) = consumer.poll(timeout / EMPTY_POLLS_MAX) else {
            empty_polls += 1;
            if letters.is_empty() { continue } else { break }
        };
        let message = message?;
        let Some(end) = left.get(&message.partition()).copied() else { continue };
        if message.offset() < end {
            letters.push(message.detach());
        }
        if message.offset() + 1 >= end {
            left.remove(&message.partition());
        }
    }
    Ok(letters)
}

fn commit(consumer: &BaseConsumer<Quiet>, topic: &str, progress: &BTreeMap<i32, i64>) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    for (partition, next) in progress {
        list.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
    }
    Ok(consumer.commit(&list, CommitMode::Sync)?)
}

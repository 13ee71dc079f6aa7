//! Dead letters: messages that nobody can handle, kept whole in a topic of their own, with where they came from and why (spec 10 §3).

use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};

use super::client::KafkaOptions;
use super::consumer::ConsumerOptions;
use super::error::KafkaError;
use super::producer::{MessageSender, RawMessage};

/// Why.
const REASON: &str = "reason_poisoned";
/// The topic it came from, and goes back to.
pub(super) const TOPIC: &str = "topic_poisoned";
/// Who could not handle it.
const HANDLER: &str = "handler_poisoned";
/// In which group.
const SUBSCRIBER: &str = "subscriber_poisoned";
/// The partition it came from.
const PARTITION: &str = "partition_poisoned";
/// Its offset there.
const OFFSET: &str = "offset_poisoned";

/// The headers that a dead letter has more than the message.
const ALL: [&str; 6] = [REASON, TOPIC, HANDLER, SUBSCRIBER, PARTITION, OFFSET];

/// Writes dead letters of one consumer.
pub(super) struct DeadLetters {
    sender: MessageSender,
    topic: String,
    handler: String,
    group: String,
}

impl DeadLetters {
    pub(super) fn new(kafka: &KafkaOptions, options: &ConsumerOptions) -> Result<Self, KafkaError> {
        Ok(Self {
            sender: MessageSender::new(kafka, options.request_timeout)?,
            topic: options.topic_dlq.clone(),
            handler: options.handler_name.clone(),
            group: options.group.clone(),
        })
    }

    /// Publishes messages with their reasons and waits until the brokers have all of them.
    pub(super) async fn publish(&self, letters: &[(OwnedMessage, String)]) -> Result<(), KafkaError> {
        let raw = letters.iter().map(|(message, reason)| {
            let (partition, offset) = (message.partition().to_string(), message.offset().to_string());
            let values = [reason.as_str(), message.topic(), &self.handler, &self.group, &partition, &offset];
            let headers = ALL
                .iter()
                .zip(values)
                .fold(without(message, &ALL), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
            RawMessage { topic: self.topic.clone(), headers, ..raw(message) }
        });
        self.sender.send(raw.collect()).await?;
        let (group, topic) = (self.group.clone(), self.topic.clone());
        metrics::counter!("flexprice_kafka_dead_letters_total", "group" => group, "topic" => topic).increment(letters.len() as u64);
        Ok(())
    }
}

/// The message as it was before it died.
pub(super) fn revived(message: &OwnedMessage) -> Option<RawMessage> {
    let topic = header(message, TOPIC)?;
    Some(RawMessage { topic, headers: without(message, &ALL), ..raw(message) })
}

/// The text of a header.
fn header(message: &OwnedMessage, key: &str) -> Option<String> {
    let found = message.headers()?.iter().find(|header| header.key == key)?;
    found.value.and_then(|value| std::str::from_utf8(value).ok()).filter(|value| !value.is_empty()).map(str::to_owned)
}

fn raw(message: &OwnedMessage) -> RawMessage {
    RawMessage {
        topic: message.topic().to_owned(),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: OwnedHeaders::new(),
    }
}

/// The headers of a message without some.
fn without(message: &OwnedMessage, keys: &[&str]) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new();
    for header in message.headers().into_iter().flat_map(|headers| headers.iter()) {
        if !keys.contains(&header.key) {
            headers = headers.insert(Header { key: header.key, value: header.value });
        }
    }
    headers
}

//! The event log on Kafka (ADR 0006): producers acknowledge an event when the brokers have it, consumers write it to the store exactly
//! once because the store remembers how far it has come.

/// How to reach the brokers.
mod client;

/// What can go wrong.
mod error;

/// The message contract: an event as JSON with four headers.
mod message;

/// Publishes events and waits for the brokers' acknowledgement.
mod producer;

/// Reads a topic in a group and feeds a handler, one batch per partition at a time.
mod consumer;

/// Messages that nobody can handle.
mod dead_letters;

/// Sends dead letters back to where they came from.
mod redrive;

/// How far a group is behind, and waiting until it is not.
mod lag;

/// Creates topics and shows where they differ from what is wanted.
mod topics;

pub use client::{KafkaOptions, KafkaSasl, KafkaSecurity};
pub use consumer::{ConsumerOptions, Handled, KafkaConsumer, LogHandler, PartitionState, RecordBatch};
pub use error::{EventLogError, HandlerError, KafkaError};
pub use lag::{KafkaAdmin, PartitionLag};
pub use message::{Poison, decode_event, encode_event};
pub use producer::{KafkaProducer, ProducerOptions};
pub use redrive::{RedriveOptions, Redriven};
pub use topics::{Growth, TopicChange, TopicSpec, standard_topics};

//! Reading a batch: messages of one partition, decoded, until it is full or old enough.

use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use rdkafka::consumer::MessageStream;
use rdkafka::error::KafkaError as Native;
use rdkafka::message::{BorrowedMessage, Message, OwnedMessage};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use domain::time::Timestamp;

use super::super::message::decode_event;
use super::group::Group;
use super::handler::DecodedRecord;
use super::pace::Pace;
use super::{ConsumerOptions, told};

/// After so many messages in one go others get their turn on the thread.
const MESSAGES_BEFORE_YIELD: usize = 256;

/// What was read.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<DecodedRecord>,
    /// Messages that are no events, whole, with the reason.
    pub(super) poison: Vec<(OwnedMessage, String)>,
    /// The last offset read.
    pub(super) last: i64,
    /// The right to hold a batch in memory; given back when the batch is done.
    pub(super) turn: Option<OwnedSemaphorePermit>,
    bytes: usize,
    messages: usize,
}

/// How reading ended.
pub(super) enum Read {
    /// With at least one message.
    Batch(Batch),
    /// Nothing more is wanted.
    Stopped,
    /// The client cannot read on. What was read of this batch is dropped: reading begins anew, after what the store holds.
    Failed(Native),
}

/// Reads messages from offset `next` on. From the first message on it takes one of the `turns`: no more batches than turns are in memory,
/// however many partitions there are.
pub(super) async fn read(
    stream: &mut MessageStream<'_, Group>,
    next: i64,
    options: &ConsumerOptions,
    pace: Option<&Pace>,
    turns: &Arc<Semaphore>,
    stop: &mut watch::Receiver<bool>,
) -> Read {
    let mut batch = Batch::default();
    let mut deadline: Option<Instant> = None;
    loop {
        let message = match stream.next().now_or_never() {
            Some(message) => message,
            None => tokio::select! {
                biased;
                () = told(stop) => return Read::Stopped,
                message = stream.next() => message,
                () = until(deadline) => return Read::Batch(batch),
            },
        };
        match message {
            Some(Ok(message)) if message.offset() < next => {}
            Some(Ok(message)) => {
                if let Some(pace) = pace {
                    pace.turn().await;
                }
                if batch.turn.is_none() {
                    let oldest = Instant::now();
                    tokio::select! {
                        biased;
                        () = told(stop) => return Read::Stopped,
                        turn = Arc::clone(turns).acquire_owned() => batch.turn = turn.ok(),
                    }
                    // A batch that waited for its turn takes what has come meanwhile, not only the first few messages.
                    deadline = Some((oldest + options.batch_age_max).max(Instant::now() + options.batch_age_max / 5));
                }
                batch.push(&message);
                let full = batch.messages >= options.batch_events_max || batch.bytes >= options.batch_bytes_max;
                if full
                    || (pace.is_some() || batch.messages.is_multiple_of(MESSAGES_BEFORE_YIELD))
                        && deadline.is_some_and(|at| Instant::now() >= at)
                {
                    return Read::Batch(batch);
                }
            }
            Some(Err(error)) => return Read::Failed(error),
            None => return Read::Stopped,
        }
        if batch.messages.is_multiple_of(MESSAGES_BEFORE_YIELD) {
            tokio::task::yield_now().await;
            if *stop.borrow() {
                return Read::Stopped;
            }
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Batch {
    fn push(&mut self, message: &BorrowedMessage<'_>) {
        self.last = message.offset();
        self.messages += 1;
        let value = message.payload().unwrap_or_default();
        self.bytes += value.len();
        let recorded_at = message.timestamp().to_millis().unwrap_or_default().saturating_mul(1_000);
        match decode_event(value, Timestamp::from_micros(recorded_at)) {
            Ok((scope, event)) => self.records.push(DecodedRecord { offset: message.offset(), scope, event }),
            Err(poison) => self.poison.push((message.detach(), poison.to_string())),
        }
    }

    /// Messages read, dead ones included.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }
}

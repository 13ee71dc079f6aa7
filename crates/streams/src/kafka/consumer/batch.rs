//! Reading a batch: messages of one partition, decoded, until it is full or old enough.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use rdkafka::consumer::MessageStream;
use rdkafka::error::KafkaError as Native;
use rdkafka::message::{BorrowedMessage, Message, OwnedMessage};
use tokio::sync::watch;
use tokio::time::Instant;

use domain::time::Timestamp;

use super::super::message::decode_event;
use super::group::Group;
use super::pace::Pace;
use super::turns::{Turn, Turns};
use super::{ConsumerOptions, told};
use crate::LogRecord;

/// After so many messages in one go others get their turn on the thread.
const MESSAGES_BEFORE_YIELD: usize = 256;
/// How often a partition that gets nothing is looked at, at least.
const STALL_LOOK: Duration = Duration::from_secs(1);

/// What was read.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<LogRecord>,
    /// Messages that are no events, or that the handler called dead, whole, with the reason.
    pub(super) poison: Vec<(OwnedMessage, String)>,
    /// The last offset read.
    pub(super) last: i64,
    /// The right to hold the batch in memory, for as long as it is.
    pub(super) turn: Option<Turn>,
    bytes: usize,
    messages: usize,
}

/// How reading ended.
pub(super) enum Read {
    /// With at least one message.
    Batch(Batch),
    /// Nothing more is wanted.
    Stopped,
    /// The first message is not the one that was asked for; nothing was read.
    Gap {
        /// Its offset.
        found: i64,
    },
    /// Nothing comes, although so many messages wait.
    Stalled(i64),
    /// The client cannot read on. What was read of this batch is dropped: reading begins anew, after what the store holds.
    Failed(Native),
}

/// What is asked of the log.
pub(super) struct Wanted<'a> {
    /// The first offset.
    pub(super) next: i64,
    /// The offset that follows `next` in a log that has none between, once that is known.
    pub(super) gap_to: Option<i64>,
    /// Offsets whose messages are not to be handled, and why.
    pub(super) condemned: &'a BTreeMap<i64, String>,
    /// How many messages wait, as measured last.
    pub(super) waiting: &'a (dyn Fn() -> i64 + Send + Sync),
}

/// Reads messages from offset `next` on. From the first message on it takes one of the `turns`: no more batches than turns are in memory,
/// however many partitions there are.
pub(super) async fn read(
    stream: &mut MessageStream<'_, Group>,
    wanted: Wanted<'_>,
    options: &ConsumerOptions,
    pace: Option<&Pace>,
    turns: &Turns,
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
                waiting = stalled(wanted.waiting, options.stall_timeout), if batch.messages == 0 => return Read::Stalled(waiting),
            },
        };
        match message {
            Some(Ok(message)) if message.offset() < wanted.next => {}
            Some(Ok(message)) if batch.messages == 0 && message.offset() > wanted.next && wanted.gap_to != Some(message.offset()) => {
                return Read::Gap { found: message.offset() };
            }
            Some(Ok(message)) => {
                if let Some(pace) = pace {
                    pace.turn().await;
                }
                if batch.turn.is_none() {
                    let oldest = Instant::now();
                    tokio::select! {
                        biased;
                        () = told(stop) => return Read::Stopped,
                        turn = turns.take() => batch.turn = turn,
                    }
                    // A batch that waited for its turn takes what has come meanwhile, not only the first few messages.
                    deadline = Some((oldest + options.batch_age_max).max(Instant::now() + options.batch_age_max / 5));
                }
                batch.push(&message, wanted.condemned);
                let full = batch.messages >= options.batch_events_max || batch.bytes >= options.batch_bytes_max;
                // Old enough is old enough where messages are let through slowly. Else it goes on while there are any: they come quicker
                // than they are stored, and a few large batches cost the store less than many small ones.
                if full || pace.is_some() && deadline.is_some_and(|at| Instant::now() >= at) {
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

/// Waits until messages have been waiting for long while none came; how many.
async fn stalled(waiting: &(dyn Fn() -> i64 + Send + Sync), timeout: Duration) -> i64 {
    let mut since = Instant::now();
    loop {
        tokio::time::sleep(STALL_LOOK.min(timeout)).await;
        match waiting() {
            0 => since = Instant::now(),
            waiting if since.elapsed() >= timeout => return waiting,
            _ => {}
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
    fn push(&mut self, message: &BorrowedMessage<'_>, condemned: &BTreeMap<i64, String>) {
        self.last = message.offset();
        self.messages += 1;
        let value = message.payload().unwrap_or_default();
        self.bytes += value.len();
        if let Some(turn) = &mut self.turn {
            turn.hold(value.len());
        }
        if let Some(reason) = condemned.get(&message.offset()) {
            self.poison.push((message.detach(), reason.clone()));
            return;
        }
        let recorded_at = message.timestamp().to_millis().unwrap_or_default().saturating_mul(1_000);
        match decode_event(value, Timestamp::from_micros(recorded_at)) {
            Ok((scope, event)) => self.records.push(LogRecord { offset: message.offset(), scope, event }),
            Err(poison) => self.poison.push((message.detach(), poison.to_string())),
        }
    }

    /// Messages read, dead ones included.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }
}

//! One partition of a consumer: find the beginning, then read a batch, hand it over, tell what may be committed, and so on. Whatever fails is
//! tried again until it works or the partition goes. A batch that the handler does not take is read again then: while all partitions wait
//! for a store, none keeps a batch in memory, and nothing more is fetched than the prefetch limit allows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer, StreamConsumer, stream_consumer::StreamPartitionQueue};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::watch;

use super::super::client::KafkaOptions;
use super::super::dead_letters::DeadLetters;
use super::super::error::HandlerError;
use super::super::lag::blocking;
use super::batch::{self, Batch, Read, Wanted};
use super::group::Group;
use super::handler::{Handled, LogHandler, RecordBatch};
use super::pace::Pace;
use super::start::{self, Refusal};
use super::turns::Turns;
use super::{Board, ConsumerOptions, PartitionState, told};
use crate::LogPartition;

/// The first pause after a failure; each further is twice as long.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A refused partition is looked at again after this time: somebody may have put it right.
const REFUSED_INTERVAL: Duration = Duration::from_secs(30);
/// Tries to move a freshly assigned partition to its beginning before it is assigned again.
const SEEKS_MAX: u32 = 20;
/// Between those tries.
const SEEK_INTERVAL: Duration = Duration::from_millis(100);
/// A batch that the handler keeps for longer is logged, again after each further such time.
const LONG_HANDLED: Duration = Duration::from_secs(30);

/// What the tasks of a consumer share.
pub(super) struct Parts {
    pub(super) kafka: KafkaOptions,
    pub(super) options: ConsumerOptions,
    pub(super) handler: Arc<dyn LogHandler>,
    pub(super) dead_letters: DeadLetters,
    pub(super) pace: Option<Pace>,
    /// Batches that may be in memory at the same time.
    pub(super) turns: Turns,
    pub(super) board: Board,
}

/// Why a task ended by itself.
#[derive(Debug)]
pub(super) enum Exit {
    /// It was told to.
    Stopped,
    /// Reading failed; the partition must be assigned anew.
    Failed(String),
}

/// The task of one partition.
pub(super) struct Partition {
    pub(super) parts: Arc<Parts>,
    pub(super) consumer: Arc<StreamConsumer<Group>>,
    pub(super) queue: StreamPartitionQueue<Group>,
    pub(super) partition: LogPartition,
    pub(super) stop: watch::Receiver<bool>,
}

/// Told to stop while trying.
struct Stop;

/// Messages that nobody can handle, kept while their batch is tried again.
#[derive(Default)]
struct DeadRecords {
    /// What the handler called dead, and why: to be put aside when they are read again.
    condemned: BTreeMap<i64, String>,
    /// What is among the dead letters.
    buried: BTreeSet<i64>,
}

impl DeadRecords {
    /// What lies before is settled. What lies behind may have been read with a larger batch.
    fn forget_before(&mut self, offset: i64) {
        self.condemned = self.condemned.split_off(&offset);
        self.buried = self.buried.split_off(&offset);
    }
}

/// What became of a batch.
enum Settled {
    /// The store holds it, and this is its position.
    Done(Option<i64>),
    /// It was not taken and is gone from memory; the store's position, as far as known.
    Again(Option<i64>),
}

impl Partition {
    /// Works until told to stop or until reading fails.
    pub(super) async fn run(mut self) -> Exit {
        self.parts.board.set(self.partition.partition, PartitionState::Starting);
        let Ok((offset, mut after)) = self.begin().await else { return Exit::Stopped };
        self.consumer.context().progress(self.partition.partition, offset);
        if let Err(cause) = self.seek(offset).await {
            return Exit::Failed(cause);
        }
        self.parts.board.set(self.partition.partition, PartitionState::Reading);
        tracing::info!(group = %self.parts.options.group, partition = %self.partition, offset, "kafka partition is read");
        let parts = Arc::clone(&self.parts);
        let (mut stop, mut next, mut gap_to) = (self.stop.clone(), offset, None);
        let (mut backoff, mut dead) = (Backoff::default(), DeadRecords::default());
        if after.is_some_and(|after| after + 1 == offset) {
            // Whoever stored it may have died before it could tell the group, and nothing more may come.
            self.consumer.context().settle(self.partition.partition, offset);
        }
        loop {
            let read = {
                let mut stream = self.queue.stream();
                let (group, number) = (self.consumer.context(), self.partition.partition);
                let wanted = Wanted { next, gap_to, condemned: &dead.condemned, waiting: &|| group.lag(number) };
                batch::read(&mut stream, wanted, &parts.options, parts.pace.as_ref(), &parts.turns, &mut stop).await
            };
            let batch = match read {
                Read::Batch(batch) => batch,
                Read::Stopped => return Exit::Stopped,
                Read::Gap { found } => {
                    // Never taken at its word: what the client passed over would be lost. The log itself may have no such offsets.
                    tracing::warn!(
                        group = %parts.options.group, partition = %self.partition, wanted = next, found,
                        "messages were passed over; asking for them again"
                    );
                    gap_to = Some(found);
                    match self.seek(next).await {
                        Ok(()) => continue,
                        Err(cause) => return Exit::Failed(cause),
                    }
                }
                Read::Stalled(waiting) => return Exit::Failed(format!("{waiting} messages from offset {next} on wait, and none comes")),
                Read::Failed(error) => return Exit::Failed(error.to_string()),
            };
            let last = batch.last;
            match self.settle(batch, after, &mut dead, &mut backoff).await {
                Ok(Settled::Done(position)) => after = position,
                Ok(Settled::Again(position)) => {
                    if position > after {
                        // Whoever stored it tells the group only what it knows of, and nothing more may come.
                        self.consumer.context().settle(self.partition.partition, position.map_or(0, |position| position + 1));
                    }
                    after = position;
                    next = next.max(after.map_or(0, |after| after + 1));
                    match self.seek(next).await {
                        Ok(()) => continue,
                        Err(cause) => return Exit::Failed(cause),
                    }
                }
                Err(Stop) => return Exit::Stopped,
            }
            next = after.map_or(0, |after| after + 1).max(last + 1);
            dead.forget_before(next);
            // Without waiting, since the store's position is what counts.
            self.consumer.context().settle(self.partition.partition, next);
        }
    }

    /// Where to begin, and the store's position.
    async fn begin(&mut self) -> Result<(i64, Option<i64>), Stop> {
        let mut backoff = Backoff::default();
        loop {
            // Told to stop, nobody waits for the store or the brokers.
            let found = unless_told(&mut self.stop.clone(), self.find_beginning()).await?;
            let problem = match found {
                Ok(Ok((start, position))) => {
                    if start.lost > 0 {
                        let (group, topic) = (self.parts.options.group.clone(), self.partition.topic.clone());
                        metrics::counter!("flexprice_kafka_aged_out_total", "group" => group, "topic" => topic)
                            .increment(start.lost.unsigned_abs());
                        tracing::error!(
                            group = %self.parts.options.group, partition = %self.partition, messages = start.lost,
                            "the topic dropped messages before they were read: its retention is too short"
                        );
                    }
                    return Ok((start.offset, position));
                }
                Ok(Err(refusal)) => {
                    tracing::error!(group = %self.parts.options.group, "{refusal}");
                    self.parts.board.set(self.partition.partition, PartitionState::Refused(refusal.to_string()));
                    self.pause(REFUSED_INTERVAL).await?;
                    continue;
                }
                Err(cause) => cause,
            };
            self.retry("its beginning is not known", &problem, &mut backoff).await?;
        }
    }

    async fn find_beginning(&self) -> Result<Result<(start::Start, Option<i64>), Refusal>, String> {
        let position = self.parts.handler.position(&self.partition).await.map_err(|error| error.to_string())?;
        let asked = start::ask(&self.consumer, &self.partition, self.parts.options.request_timeout).await;
        let (committed, watermarks) = asked.map_err(|error| error.to_string())?;
        Ok(start::decide(&self.partition, position, committed, watermarks).map(|start| (start, position)))
    }

    /// Moves the client to the beginning and lets it fetch. The partition was assigned a moment ago, so the client may not be ready yet.
    async fn seek(&mut self, offset: i64) -> Result<(), String> {
        let mut cause = String::new();
        for _ in 0..SEEKS_MAX {
            if self.pause(Duration::ZERO).await.is_err() {
                return Ok(());
            }
            let consumer = Arc::clone(&self.consumer);
            let (list, timeout) = (self.list(Offset::Offset(offset)), self.parts.options.request_timeout);
            let seeking = blocking(move || {
                let answered = consumer.seek_partitions(list, timeout)?;
                Ok(answered.elements().iter().try_for_each(|element| element.error())?)
            });
            let Ok(sought) = unless_told(&mut self.stop, seeking).await else { return Ok(()) };
            match sought {
                Ok(()) => return self.consumer.resume(&self.list(Offset::Invalid)).map_err(|error| error.to_string()),
                Err(error) => cause = error.to_string(),
            }
            let _ = self.pause(SEEK_INTERVAL).await;
        }
        Err(format!("it cannot be moved to offset {offset}: {cause}"))
    }

    /// Puts dead letters aside and gives the rest to the handler. Dead letters come first: once the store's position has passed them nobody
    /// would look at them again. The handler has the only copy of a batch: whatever fails, it is read again, and who waits keeps nothing.
    async fn settle(
        &mut self,
        mut batch: Batch,
        after: Option<i64>,
        dead: &mut DeadRecords,
        backoff: &mut Backoff,
    ) -> Result<Settled, Stop> {
        let begun = Instant::now();
        let (messages, turn) = (batch.messages(), batch.turn.take());
        let settled = match self.bury(std::mem::take(&mut batch.poison), dead).await {
            Ok(()) => self.store(batch, after, dead).await,
            Err(problem) => Err(problem),
        };
        drop(turn);
        match settled {
            Ok(Settled::Done(position)) => {
                if std::mem::take(backoff).failures > 0 {
                    self.parts.board.set(self.partition.partition, PartitionState::Reading);
                    tracing::info!(group = %self.parts.options.group, partition = %self.partition, "the handler takes batches again");
                }
                self.measure(messages, begun);
                Ok(Settled::Done(position))
            }
            Ok(again) => Ok(again),
            Err(problem) => {
                self.retry("a batch could not be settled", &problem, backoff).await?;
                Ok(Settled::Again(after))
            }
        }
    }

    /// Gives to the handler what is not buried. The error: why it has to come again after a pause.
    async fn store(&self, batch: Batch, after: Option<i64>, dead: &mut DeadRecords) -> Result<Settled, String> {
        let mut records = batch.records;
        records.retain(|record| !dead.buried.contains(&record.offset));
        if records.is_empty() {
            return Ok(Settled::Done(after));
        }
        let given: Vec<i64> = records.iter().map(|record| record.offset).collect();
        let batch = RecordBatch { partition: self.partition.clone(), after, last: batch.last, records };
        let handled = tokio::time::timeout(self.parts.options.handler_timeout, self.hand_over(batch)).await;
        match handled.map_err(|_| "the handler did not answer in time")?.map_err(|error| error.to_string())? {
            Handled::Settled { position } => Ok(Settled::Done(position)),
            Handled::Moved { position } if position > after => {
                tracing::warn!(
                    group = %self.parts.options.group, partition = %self.partition, ?after, ?position,
                    "another consumer wrote this partition; going on behind it"
                );
                Ok(Settled::Again(position))
            }
            Handled::Moved { position } => Err(format!("the store went back from {after:?} to {position:?}")),
            Handled::Dead(found) if found.is_empty() || found.iter().any(|(offset, _)| given.binary_search(offset).is_err()) => {
                Err("the handler calls records dead that it was not given".to_owned())
            }
            // They are put aside as they are in the log, when they are read again.
            Handled::Dead(found) => {
                dead.condemned.extend(found);
                Ok(Settled::Again(after))
            }
        }
    }

    /// Gives a batch to the handler, and says so while that takes long.
    async fn hand_over(&self, batch: RecordBatch) -> Result<Handled, HandlerError> {
        let begun = Instant::now();
        let (after, last, events) = (batch.after, batch.last, batch.records.len());
        let mut handled = self.parts.handler.handle(batch);
        loop {
            match tokio::time::timeout(LONG_HANDLED, &mut handled).await {
                Ok(handled) => return handled,
                Err(_) => tracing::warn!(
                    group = %self.parts.options.group, partition = %self.partition, ?after, last, events,
                    seconds = begun.elapsed().as_secs(),
                    "a batch has been in the handler's hands for long"
                ),
            }
        }
    }

    /// Publishes dead letters, each once, and waits until the brokers have them. The error: why that has to be tried again.
    async fn bury(&self, mut letters: Vec<(OwnedMessage, String)>, dead: &mut DeadRecords) -> Result<(), String> {
        letters.retain(|(message, _)| !dead.buried.contains(&message.offset()));
        if letters.is_empty() {
            return Ok(());
        }
        self.parts.dead_letters.publish(&letters).await.map_err(|error| format!("dead letters could not be published: {error}"))?;
        for (message, reason) in &letters {
            let offset = message.offset();
            tracing::warn!(group = %self.parts.options.group, partition = %self.partition, offset, reason, "a message became a dead letter");
            dead.buried.insert(offset);
        }
        Ok(())
    }

    fn list(&self, offset: Offset) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        let mut element = list.add_partition(&self.partition.topic, self.partition.partition);
        if let Err(error) = element.set_offset(offset) {
            tracing::error!(partition = %self.partition, ?offset, %error, "kafka offset is out of range");
        }
        list
    }

    /// Notes a failure and waits before the next try.
    async fn retry(&mut self, what: &'static str, cause: &str, backoff: &mut Backoff) -> Result<(), Stop> {
        let group = self.parts.options.group.clone();
        metrics::counter!("flexprice_kafka_retries_total", "group" => group, "topic" => self.partition.topic.clone()).increment(1);
        let wait = backoff.next();
        tracing::warn!(
            group = %self.parts.options.group, partition = %self.partition, cause, failures = backoff.failures, wait_seconds = wait.as_secs(),
            "kafka consumer waits: {what}"
        );
        self.parts.board.set(self.partition.partition, PartitionState::Retrying(format!("{what}: {cause}")));
        self.pause(wait).await
    }

    /// Waits, unless told to stop.
    async fn pause(&mut self, wait: Duration) -> Result<(), Stop> {
        unless_told(&mut self.stop, tokio::time::sleep(wait)).await
    }

    #[expect(clippy::cast_precision_loss, reason = "a histogram of batch sizes")]
    fn measure(&self, messages: usize, begun: Instant) {
        let labels = [("group", self.parts.options.group.clone()), ("topic", self.partition.topic.clone())];
        metrics::counter!("flexprice_kafka_consumed_total", &labels).increment(messages as u64);
        metrics::counter!("flexprice_kafka_batches_total", &labels).increment(1);
        metrics::histogram!("flexprice_kafka_batch_events", &labels).record(messages as f64);
        metrics::histogram!("flexprice_kafka_batch_seconds", &labels).record(begun.elapsed().as_secs_f64());
    }
}

/// Waits for something, unless told to stop.
async fn unless_told<T>(stop: &mut watch::Receiver<bool>, work: impl Future<Output = T>) -> Result<T, Stop> {
    tokio::select! {
        biased;
        () = told(stop) => Err(Stop),
        done = work => Ok(done),
    }
}

/// 1 s, 2 s, 4 s, … up to 10 s.
#[derive(Default)]
struct Backoff {
    failures: u32,
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let wait = BACKOFF_FIRST.saturating_mul(1 << self.failures.min(8)).min(BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..7).map(|_| backoff.next().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10, 10]);
    }
}

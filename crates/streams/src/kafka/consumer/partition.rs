//! One partition of a consumer: find the beginning, then read a batch, hand it over, commit, and so on. Whatever fails is tried again until
//! it works or the partition goes. A batch that the handler does not take is read again then: while all partitions wait for a store, none
//! keeps a batch in memory, and nothing more is fetched than the prefetch limit allows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer, StreamConsumer, stream_consumer::StreamPartitionQueue};
use rdkafka::message::OwnedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::watch;

use super::super::client::KafkaOptions;
use super::super::dead_letters::DeadLetters;
use super::super::error::HandlerError;
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
        let (mut backoff, mut buried) = (Backoff::default(), BTreeSet::new());
        if after.is_some_and(|after| after + 1 == offset) {
            // Whoever stored it may have died before it could tell the group, and nothing more may come.
            self.consumer.context().settle(self.partition.partition, offset);
        }
        loop {
            let read = {
                let mut stream = self.queue.stream();
                let (group, number) = (self.consumer.context(), self.partition.partition);
                let wanted = Wanted { next, gap_to, waiting: &|| group.lag(number) };
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
            match self.settle(batch, after, &mut buried, &mut backoff).await {
                Ok(Settled::Done(position)) => after = position,
                Ok(Settled::Again(position)) => {
                    after = position;
                    next = next.max(after.map_or(0, |after| after + 1));
                    match self.seek(next).await {
                        Ok(()) => continue,
                        Err(cause) => return Exit::Failed(cause),
                    }
                }
                Err(Stop) => return Exit::Stopped,
            }
            buried.clear();
            next = after.map_or(0, |after| after + 1).max(last + 1);
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
            let seeking = tokio::task::spawn_blocking(move || {
                let answered = consumer.seek_partitions(list, timeout)?;
                answered.elements().iter().try_for_each(|element| element.error())
            });
            let Ok(sought) = unless_told(&mut self.stop, seeking).await else { return Ok(()) };
            match sought {
                Ok(Ok(())) => return self.consumer.resume(&self.list(Offset::Invalid)).map_err(|error| error.to_string()),
                Ok(Err(error)) => cause = error.to_string(),
                Err(error) => cause = error.to_string(),
            }
            let _ = self.pause(SEEK_INTERVAL).await;
        }
        Err(format!("it cannot be moved to offset {offset}: {cause}"))
    }

    /// Puts dead letters aside and gives the rest to the handler. Dead letters come first: once the store's position has passed them nobody
    /// would look at them again. The handler has the only copy of a batch: what it does not take is read again. `buried` are the dead
    /// letters of earlier tries.
    async fn settle(
        &mut self,
        mut batch: Batch,
        after: Option<i64>,
        buried: &mut BTreeSet<i64>,
        backoff: &mut Backoff,
    ) -> Result<Settled, Stop> {
        let begun = Instant::now();
        let messages = batch.messages();
        let turn = batch.turn.take();
        self.bury(batch.poison, buried).await?;
        let mut records = batch.records;
        records.retain(|record| !buried.contains(&record.offset));
        let mut position = after;
        if !records.is_empty() {
            let given: Vec<i64> = records.iter().map(|record| record.offset).collect();
            let batch = RecordBatch { partition: self.partition.clone(), after, last: batch.last, records };
            let handled = tokio::time::timeout(self.parts.options.handler_timeout, self.hand_over(batch)).await;
            // Who waits holds no turn.
            drop(turn);
            let problem = match handled {
                Ok(Ok(Handled::Settled { position: reached })) => {
                    position = reached;
                    None
                }
                Ok(Ok(Handled::Moved { position })) if position > after => {
                    tracing::warn!(
                        group = %self.parts.options.group, partition = %self.partition, ?after, ?position,
                        "another consumer wrote this partition; going on behind it"
                    );
                    return Ok(Settled::Again(position));
                }
                Ok(Ok(Handled::Moved { position })) => Some(format!("the store went back from {after:?} to {position:?}")),
                Ok(Ok(Handled::Dead(dead))) => match self.set_dead_aside(&dead, &given, buried).await? {
                    Ok(()) => return Ok(Settled::Again(after)),
                    Err(problem) => Some(problem),
                },
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("the handler did not answer in time".to_owned()),
            };
            if let Some(problem) = problem {
                self.retry("the handler did not take a batch", &problem, backoff).await?;
                return Ok(Settled::Again(after));
            }
        }
        if std::mem::take(backoff).failures > 0 {
            self.parts.board.set(self.partition.partition, PartitionState::Reading);
            tracing::info!(group = %self.parts.options.group, partition = %self.partition, "the handler takes batches again");
        }
        self.measure(messages, begun);
        Ok(Settled::Done(position))
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

    /// Makes dead letters of what the handler calls dead of the offsets it was given. The inner error: it named none, or others.
    async fn set_dead_aside(
        &mut self,
        dead: &[(i64, String)],
        given: &[i64],
        buried: &mut BTreeSet<i64>,
    ) -> Result<Result<(), String>, Stop> {
        let mut offsets: Vec<i64> = dead.iter().map(|(offset, _)| *offset).collect();
        offsets.sort_unstable();
        if offsets.is_empty() || !offsets.iter().all(|offset| given.binary_search(offset).is_ok()) {
            return Ok(Err("the handler calls records dead that it was not given".to_owned()));
        }
        let mut backoff = Backoff::default();
        let originals = loop {
            let found = self.parts.dead_letters.originals(&self.parts.kafka, &self.partition, &offsets).await;
            match found {
                Ok(originals) => break originals,
                Err(error) => self.retry("dead letters could not be read again", &error.to_string(), &mut backoff).await?,
            }
        };
        let reason = |message: &OwnedMessage| {
            let offset = rdkafka::Message::offset(message);
            dead.iter().find(|(dead, _)| *dead == offset).map(|(_, reason)| reason.clone()).unwrap_or_default()
        };
        let letters = originals.into_iter().map(|message| (reason(&message), message)).map(|(reason, message)| (message, reason)).collect();
        self.bury(letters, buried).await?;
        Ok(Ok(()))
    }

    /// Publishes dead letters until the brokers have them, each once.
    async fn bury(&mut self, mut letters: Vec<(OwnedMessage, String)>, buried: &mut BTreeSet<i64>) -> Result<(), Stop> {
        letters.retain(|(message, _)| !buried.contains(&rdkafka::Message::offset(message)));
        if letters.is_empty() {
            return Ok(());
        }
        for (message, reason) in &letters {
            let offset = rdkafka::Message::offset(message);
            tracing::warn!(group = %self.parts.options.group, partition = %self.partition, offset, reason, "a message became a dead letter");
        }
        let mut backoff = Backoff::default();
        while let Err(error) = self.parts.dead_letters.publish(&letters).await {
            self.retry("dead letters could not be published", &error.to_string(), &mut backoff).await?;
        }
        buried.extend(letters.iter().map(|(message, _)| rdkafka::Message::offset(message)));
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

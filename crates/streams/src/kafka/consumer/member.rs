//! A member of the group: answers the group's decisions, keeps one task per owned partition, and gives partitions away only when their
//! tasks are quiet and their offsets are committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError as Native;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::super::error::KafkaError;
use super::group::{Decision, Group};
use super::partition::{Exit, Partition, Parts};
use super::{PartitionState, commits, lag, told};
use crate::LogPartition;

/// Before a client that failed for good is made anew, and before a failed partition is assigned again.
const RESTART_INTERVAL: Duration = Duration::from_secs(1);

/// Works until stopped; a client that fails for good is made anew.
pub(super) async fn run(parts: Arc<Parts>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let mut member = match Member::join(&parts) {
            Ok(member) => member,
            Err(error) => {
                tracing::error!(group = %parts.options.group, %error, "the kafka consumer cannot begin");
                let _ = tokio::time::timeout(RESTART_INTERVAL, told(&mut stopped)).await;
                continue;
            }
        };
        let failed = member.work(&mut stopped).await;
        member.leave().await;
        if let Err(error) = failed {
            tracing::error!(group = %parts.options.group, %error, "the kafka consumer failed and begins anew");
            let _ = tokio::time::timeout(RESTART_INTERVAL, told(&mut stopped)).await;
        }
    }
}

/// A task of a partition. Dropping it ends the task.
struct Task {
    stop: watch::Sender<bool>,
    handle: JoinHandle<()>,
    generation: u64,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// A task that ended by itself.
struct Ended {
    partition: i32,
    generation: u64,
    exit: Exit,
}

struct Member {
    parts: Arc<Parts>,
    tasks: BTreeMap<i32, Task>,
    generation: u64,
    decisions: mpsc::UnboundedReceiver<Decision>,
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
    /// Measures the lag.
    _lag: AbortOnDrop<()>,
    /// Commits.
    _commits: AbortOnDrop<()>,
    /// Last, so that the tasks go before it.
    consumer: Closing,
}

/// The client. Dropping it leaves the group without waiting for decisions.
struct Closing(Arc<StreamConsumer<Group>>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.context().close();
    }
}

impl Member {
    fn join(parts: &Arc<Parts>) -> Result<Self, KafkaError> {
        let (sender, decisions) = mpsc::unbounded_channel();
        let group = Group::new(&parts.options.group, &parts.options.topic, sender);
        let consumer: StreamConsumer<Group> = StreamConsumer::from_config_and_context(&parts.options.config(&parts.kafka)?, group)?;
        consumer.subscribe(&[&parts.options.topic])?;
        let consumer = Closing(Arc::new(consumer));
        let (interval, timeout) = (parts.options.lag_interval, parts.options.request_timeout);
        let lag = AbortOnDrop(tokio::spawn(lag::watch(Arc::downgrade(&consumer.0), interval, timeout)));
        let commits = AbortOnDrop(tokio::spawn(commits::keep(Arc::downgrade(&consumer.0), timeout)));
        let (parts, ended) = (Arc::clone(parts), mpsc::unbounded_channel());
        Ok(Self { parts, tasks: BTreeMap::new(), generation: 0, decisions, ended, _lag: lag, _commits: commits, consumer })
    }

    /// Serves the client until stopped, or until it fails for good.
    async fn work(&mut self, stopped: &mut watch::Receiver<bool>) -> Result<(), KafkaError> {
        loop {
            let client = Arc::clone(&self.consumer.0);
            tokio::select! {
                biased;
                () = told(stopped) => return Ok(()),
                Some(decision) = self.decisions.recv() => match decision {
                    Decision::Assigned(partitions) => self.assign(&partitions)?,
                    Decision::Revoked(partitions) => self.revoke(&partitions).await?,
                },
                Some(ended) = self.ended.1.recv() => self.restart(ended).await?,
                message = client.recv() => match message {
                    // Each partition has its own queue; should one message come here nevertheless, its partition begins anew.
                    Ok(message) => {
                        let (partition, exit) = (message.partition(), Exit::Failed("a message came the wrong way".to_owned()));
                        drop(message);
                        let generation = self.tasks.get(&partition).map_or(0, |task| task.generation);
                        self.restart(Ended { partition, generation, exit }).await?;
                    }
                    Err(error @ Native::MessageConsumptionFatal(_)) => return Err(error.into()),
                    Err(error) => {
                        tracing::warn!(group = %self.parts.options.group, %error, "kafka consumer");
                        // Not as fast as errors may come.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
    }

    /// Takes partitions, paused: their tasks find the beginning and let them run.
    fn assign(&mut self, partitions: &[i32]) -> Result<(), KafkaError> {
        let topic = self.parts.options.topic.clone();
        let mut queues = Vec::with_capacity(partitions.len());
        for &partition in partitions {
            // Before the assignment, so that no message takes the common way.
            let queue = self.consumer.0.split_partition_queue(&topic, partition);
            queues.push((partition, queue.ok_or_else(|| KafkaError::UnknownTopic(topic.clone()))?));
        }
        // A place that need not be looked up. A named one such as the end is asked of the broker, again and again until an answer counts;
        // the last of those answers may come after the partition was moved to its beginning, and would silently move it to the end.
        let list = self.list(partitions, Offset::Offset(0))?;
        if !partitions.is_empty() {
            // Before the assignment, so that nothing is fetched from there.
            self.consumer.0.pause(&list)?;
        }
        self.consumer.0.incremental_assign(&list)?;
        self.consumer.0.context().own(partitions);
        for (partition, queue) in queues {
            self.generation += 1;
            let (stop, stopped) = watch::channel(false);
            let task = Partition {
                parts: Arc::clone(&self.parts),
                consumer: Arc::clone(&self.consumer.0),
                queue,
                partition: LogPartition { topic: topic.clone(), partition },
                stop: stopped,
            };
            let (ended, generation) = (self.ended.0.clone(), self.generation);
            let handle = tokio::spawn(async move {
                // A task of its own, so that a panic in the handler reaches us as an answer.
                let mut work = AbortOnDrop(tokio::spawn(task.run()));
                let exit = match (&mut work.0).await {
                    Ok(exit) => exit,
                    Err(error) => Exit::Failed(error.to_string()),
                };
                // The member may be gone.
                let _ = ended.send(Ended { partition, generation, exit });
            });
            self.tasks.insert(partition, Task { stop, handle, generation });
        }
        Ok(())
    }

    /// Gives partitions away: quiet, committed, unassigned, in this order.
    async fn revoke(&mut self, partitions: &[i32]) -> Result<(), KafkaError> {
        self.quiet(partitions).await;
        if !self.consumer.0.assignment_lost() {
            self.commit().await;
        }
        self.consumer.0.incremental_unassign(&self.list(partitions, Offset::Invalid)?)?;
        self.consumer.0.context().disown(partitions);
        for partition in partitions {
            self.parts.board.remove(*partition);
        }
        Ok(())
    }

    /// Begins a partition anew whose task ended by itself.
    async fn restart(&mut self, ended: Ended) -> Result<(), KafkaError> {
        let current = self.tasks.get(&ended.partition).is_some_and(|task| task.generation == ended.generation);
        let Exit::Failed(cause) = ended.exit else { return Ok(()) };
        if !current {
            return Ok(());
        }
        tracing::warn!(group = %self.parts.options.group, partition = ended.partition, cause, "kafka partition begins anew");
        self.parts.board.set(ended.partition, PartitionState::Retrying(cause));
        self.tasks.remove(&ended.partition);
        tokio::time::sleep(RESTART_INTERVAL).await;
        self.consumer.0.incremental_unassign(&self.list(&[ended.partition], Offset::Invalid)?)?;
        self.assign(&[ended.partition])
    }

    /// Stops tasks and waits for batches in the handler's hands.
    async fn quiet(&mut self, partitions: &[i32]) {
        let mut tasks: Vec<_> = partitions.iter().filter_map(|partition| Some((*partition, self.tasks.remove(partition)?))).collect();
        for (_, task) in &tasks {
            task.stop.send_replace(true);
        }
        let deadline = tokio::time::Instant::now() + self.parts.options.drain_timeout;
        for (partition, task) in &mut tasks {
            if tokio::time::timeout_at(deadline, &mut task.handle).await.is_err() {
                tracing::warn!(group = %self.parts.options.group, partition, "a batch was not finished in time and will be read again");
            }
        }
    }

    /// Commits and waits for the answer. A failure costs a second reading, nothing else.
    async fn commit(&self) {
        if let Err(error) = commits::commit(&self.consumer.0, self.parts.options.request_timeout).await {
            tracing::warn!(group = %self.parts.options.group, %error, "kafka offsets were not committed");
        }
    }

    /// Leaves the group in order.
    async fn leave(mut self) {
        let owned: Vec<i32> = self.tasks.keys().copied().collect();
        self.quiet(&owned).await;
        self.commit().await;
        self.consumer.0.context().disown(&owned);
        for partition in &owned {
            self.parts.board.remove(*partition);
        }
        // Who still asks the brokers holds the client, too, and whoever lets it go last closes it: that is to be us, if it is soon.
        let close_timeout = self.parts.options.close_timeout;
        let deadline = tokio::time::Instant::now() + close_timeout / 3;
        while Arc::strong_count(&self.consumer.0) > 1 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Closing waits for the brokers, without end when they are gone: in a thread of its own, which no runtime waits for when it ends.
        let group = self.parts.options.group.clone();
        let (done, closed) = oneshot::channel();
        let close = move || {
            drop(self);
            // Nobody waits any more: fine.
            let _ = done.send(());
        };
        if let Err(error) = std::thread::Builder::new().name("kafka-close".to_owned()).spawn(close) {
            tracing::error!(group, %error, "the kafka consumer was closed without a thread");
        }
        match tokio::time::timeout(close_timeout * 2 / 3, closed).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!(group, "the kafka consumer did not close"),
            Err(_) => tracing::warn!(group, "the kafka consumer is left to close by itself: the brokers do not answer"),
        }
    }

    fn list(&self, partitions: &[i32], offset: Offset) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(&self.parts.options.topic, *partition, offset)?;
        }
        Ok(list)
    }
}

/// A task that ends with its owner.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

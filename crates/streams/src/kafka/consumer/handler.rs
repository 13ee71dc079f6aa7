//! What a consumer feeds: a handler that stores batches and knows how far its store has come.

use async_trait::async_trait;

use super::super::error::HandlerError;
use crate::{LogPartition, LogRecord};

/// Events of one partition in its order: all that the log holds after `after` up to and with `last`, save what was put aside as dead.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    /// Where they were read.
    pub partition: LogPartition,
    /// The store's position when the batch was begun, as the handler said last.
    pub after: Option<i64>,
    /// The last offset of the batch, also where it holds no event.
    pub last: i64,
    /// Ascending by offset, each greater than `after` and not greater than `last`; never empty.
    pub records: Vec<LogRecord>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Everything in it is stored or a copy of what is. The log is told so, and the next batch carries `position` as its `after`.
    Settled {
        /// What the store holds now.
        position: Option<i64>,
    },
    /// Another consumer was quicker: nothing was stored, the store stands elsewhere. The consumer goes on from there.
    Moved {
        /// What the store holds now.
        position: Option<i64>,
    },
    /// Nothing was stored, because these records can never be: offset and reason. They become dead letters, and what is around them comes
    /// again without them.
    Dead(Vec<(i64, String)>),
}

/// Takes batches, one at a time per partition, partitions beside each other.
#[async_trait]
pub trait LogHandler: Send + Sync + 'static {
    /// The last offset that the store holds of a partition; none before the first.
    async fn position(&self, partition: &LogPartition) -> Result<Option<i64>, HandlerError>;

    /// Stores a batch, if the store still stands at its `after`. An error means "not now": its records are read again and come again, for as
    /// long as it takes, so storing them twice must change nothing.
    async fn handle(&self, batch: RecordBatch) -> Result<Handled, HandlerError>;
}

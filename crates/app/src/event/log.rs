//! The event log of the cluster profile: it takes events in, consumers count them later (spec 10 §§1.3, 3).

use async_trait::async_trait;
use domain::event::Event;
use domain::scope::Scope;
use streams::LogPartition;

use crate::{App, Error, Result};

/// Why the event log did not take events.
#[derive(Debug, thiserror::Error)]
pub enum EventLogError {
    /// More is waiting to be published than the queue holds.
    #[error("the event log is overloaded")]
    Overloaded,
    /// An event that no log takes: trying again does not help.
    #[error("{0}")]
    TooLarge(String),
    /// Not known to be in the log: to be sent again, for copies change nothing.
    #[error("the event log is unavailable: {0}")]
    Unavailable(String),
}

/// Events that consumers have not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LogLag {
    /// Of the group that stores events.
    pub events: u64,
    /// Of the group that counts usage.
    pub usage: u64,
}

/// Keeps accepted events until consumers have counted them.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Returns when all events are durable in the log.
    async fn publish(&self, scope: &Scope, events: Vec<Event>) -> std::result::Result<(), EventLogError>;

    /// Waits until the usage ledger holds every event that the log holds now.
    async fn settle(&self) -> std::result::Result<(), EventLogError>;

    /// Waits until both ledgers of meters, that of usage and that of costs, hold what the log holds now; says up to where that was.
    async fn settle_both(&self) -> std::result::Result<Vec<(LogPartition, i64)>, EventLogError>;

    /// How far consumers are behind the end of the log.
    async fn lag(&self) -> std::result::Result<LogLag, EventLogError>;

    /// Proves that the log answers: for readiness.
    async fn check(&self) -> std::result::Result<(), EventLogError>;

    /// Waits for what is being published and releases the log.
    async fn close(&self);
}

impl From<EventLogError> for Error {
    fn from(error: EventLogError) -> Self {
        match error {
            EventLogError::Overloaded => Self::TooManyRequests("more events arrive than can be taken in: send them again".into()),
            EventLogError::TooLarge(cause) => Self::field("events", cause),
            EventLogError::Unavailable(cause) => {
                tracing::warn!(%cause, "the event log is unavailable");
                Self::Unavailable("the event log does not answer at the moment: send the events again".into())
            }
        }
    }
}

impl App {
    /// Waits until every event that was accepted before is counted: invoices are computed after it. Without a log events are counted when
    /// they are acknowledged.
    pub(crate) async fn settle_events(&self) -> Result<()> {
        match &self.shared.log {
            Some(log) => log.settle().await.map_err(|error| {
                tracing::warn!(%error, "consumers have not counted all events yet");
                Error::Unavailable("events that were accepted are not counted yet: try again in a moment, and watch the consumers".into())
            }),
            None => Ok(()),
        }
    }
}

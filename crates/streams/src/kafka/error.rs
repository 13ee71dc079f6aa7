//! Errors of the event log.

use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};

/// Why events were not accepted. In every case some of them may be in the log: sending them again with the same ids is harmless.
#[derive(Debug, thiserror::Error)]
pub enum EventLogError {
    /// More is waiting for the brokers than the queue holds; nothing of the request was sent. Try again after a moment.
    #[error("the event log is overloaded")]
    Overloaded,
    /// The brokers did not acknowledge all events in time.
    #[error("the event log is unavailable: {0}")]
    Unavailable(String),
    /// An event does not fit into a message; nothing of the request was sent. Trying again does not help.
    #[error("event `{event_id}` takes {bytes} bytes, more than the {bytes_max} that the event log accepts")]
    TooLarge {
        /// The event.
        event_id: String,
        /// Its size as a message.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}

/// Why an operation on the brokers failed.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The settings make no sense or are not supported; trying again does not help.
    #[error("kafka settings: {0}")]
    Settings(String),
    /// The brokers cannot be reached or did not answer in time.
    #[error("kafka is unavailable: {0}")]
    Unavailable(String),
    /// The topic is not there.
    #[error("kafka topic `{0}` does not exist; create it with `topics apply`")]
    UnknownTopic(String),
    /// The brokers refused.
    #[error("kafka refused: {0}")]
    Refused(String),
    /// It would move keys between partitions while consumers have not read all of them.
    #[error("{0}")]
    NotDrained(String),
}

impl From<Native> for KafkaError {
    fn from(error: Native) -> Self {
        match &error {
            Native::ClientConfig(..) | Native::ClientCreation(_) => Self::Settings(error.to_string()),
            Native::AdminOp(code) if !is_transient(*code) => Self::Refused(code.to_string()),
            Native::ConsumerCommit(code) if !is_transient(*code) => Self::Refused(code.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Whether trying again later may help.
fn is_transient(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::MessageTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::NetworkException
    )
}

/// Why a handler could not take a batch now. The consumer keeps the batch and tries again until it can: what can never be handled is
/// [`Handled::Dead`](super::Handled::Dead), not an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HandlerError(String);

impl HandlerError {
    /// From any cause.
    pub fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

impl From<crate::EventStoreError> for HandlerError {
    fn from(error: crate::EventStoreError) -> Self {
        Self::new(error)
    }
}

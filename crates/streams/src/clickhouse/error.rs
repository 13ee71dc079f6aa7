//! What went wrong, in the words of the event store.

use std::time::Duration;

use clickhouse::error::Error;

use crate::EventStoreError;

/// The server's codes for what passes: repeating the same request may succeed.
/// <https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp>
const PASSING: [u32; 17] = [
    159, // TIMEOUT_EXCEEDED
    164, // READONLY, while a replica has lost its keeper
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    225, // NO_ZOOKEEPER
    241, // MEMORY_LIMIT_EXCEEDED
    242, // TABLE_IS_READ_ONLY
    252, // TOO_MANY_PARTS
    279, // ALL_CONNECTION_TRIES_FAILED
    285, // TOO_FEW_LIVE_REPLICAS
    286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    289, // REPLICA_IS_NOT_IN_QUORUM
    319, // UNKNOWN_STATUS_OF_INSERT
    425, // SYSTEM_ERROR
    519, // NO_AVAILABLE_REPLICA
    999, // KEEPER_EXCEPTION
];

/// A failed request.
#[derive(Debug)]
pub(super) struct Failure {
    /// For the caller.
    pub(super) error: EventStoreError,
    /// Whether the same request may succeed a moment later. Inserts carry a token, so repeating one is always safe.
    pub(super) passes: bool,
}

impl Failure {
    /// The request took longer than its limit.
    pub(super) fn timeout(what: &str, limit: Duration) -> Self {
        let text = format!("clickhouse: {what} took too long, more than {} s", limit.as_secs_f64());
        Self { error: EventStoreError::Unavailable(text), passes: true }
    }

    /// The store was closed.
    pub(super) fn closed() -> Self {
        Self { error: EventStoreError::Unavailable("clickhouse: the store is closed".to_owned()), passes: false }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let passes = match &error {
            Error::Network(_) | Error::TimedOut | Error::Other(_) => true,
            Error::BadResponse(text) => code(text).is_none_or(|code| PASSING.contains(&code)),
            _ => false,
        };
        let corrupt = matches!(
            error,
            Error::Decompression(_)
                | Error::DataFormat(_)
                | Error::NotEnoughData
                | Error::InvalidUtf8Encoding(_)
                | Error::InvalidTagEncoding(_)
                | Error::InvalidColumnsHeader(_)
                | Error::SchemaMismatch(_)
                | Error::Custom(_)
        );
        let text = with_causes(&error);
        let error = if corrupt { EventStoreError::Corrupt(text) } else { EventStoreError::Unavailable(format!("clickhouse: {text}")) };
        Self { error, passes }
    }
}

/// The server's own code in a text such as `Code: 252. DB::Exception: Too many parts …`.
fn code(text: &str) -> Option<u32> {
    let (_, after) = text.split_once("Code: ")?;
    let digits = after.find(|character: char| !character.is_ascii_digit()).unwrap_or(after.len());
    after.get(..digits)?.parse().ok()
}

/// The message with its chain of causes; a query that the server quotes at length is cut.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text.chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_failures_are_told_from_lasting_ones() {
        let failure = |text: &str| Failure::from(Error::BadResponse(text.to_owned()));
        assert!(failure("Code: 252. DB::Exception: Too many parts (300)").passes);
        assert!(failure("502 Bad Gateway").passes);
        assert!(!failure("Code: 62. DB::Exception: Syntax error").passes);
        assert!(!failure("Code: 60. DB::Exception: Table x does not exist").passes);
        assert!(Failure::from(Error::TimedOut).passes);
        assert!(matches!(Failure::from(Error::NotEnoughData).error, EventStoreError::Corrupt(_)));
        assert!(matches!(failure("Code: 62").error, EventStoreError::Unavailable(_)));
    }
}

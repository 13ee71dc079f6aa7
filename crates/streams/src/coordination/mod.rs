//! What processes share besides the stores. Losing it makes the system slower, never wrong.

use async_trait::async_trait;

/// The coordination server does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the coordination server does not answer: {0}")]
pub struct CoordinationError(pub String);

/// Tells processes of each other's changes.
#[async_trait]
pub trait Coordination: Send + Sync {
    /// The generation numbers of keys, one round trip; 0 for one that never moved. On an error the caller must not trust its caches.
    async fn generations(&self, keys: &[String]) -> Result<Vec<u64>, CoordinationError>;

    /// Moves generations on: what others have cached under them is no longer true.
    async fn advance(&self, keys: &[String]) -> Result<(), CoordinationError>;

    /// Proves that the server answers.
    async fn check(&self) -> Result<(), CoordinationError>;
}

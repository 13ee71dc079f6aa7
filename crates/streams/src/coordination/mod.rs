//! What processes share besides the stores. Losing it makes the system slower, never wrong.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;

/// Inside one process, for the embedded profile and for tests.
mod local;

/// On Redis, for the cluster profile.
#[cfg(feature = "cluster")]
mod redis;

pub use local::LocalCoordination;
#[cfg(feature = "cluster")]
pub use redis::{RedisCoordination, RedisOptions};

/// The coordination server does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the coordination server does not answer: {0}")]
pub struct CoordinationError(pub String);

/// How often something may happen: a bucket of `burst` tokens that fills with `per_second`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Tokens that come back each second.
    pub per_second: NonZeroU32,
    /// Most tokens at once.
    pub burst: NonZeroU32,
}

/// A lock that its holder took: the proof for [`Coordination::extend`] and [`Coordination::release`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    key: String,
    owner: u64,
    fence: u64,
}

impl Lock {
    /// What is locked.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The fencing token: larger than that of every earlier lock of this key. A store that remembers the largest it saw can refuse a holder
    /// whose lock ran out without its knowing.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }
}

/// Tells processes of each other's changes, and keeps them out of each other's way.
#[async_trait]
pub trait Coordination: Send + Sync {
    /// The generation numbers of keys in their order, one round trip. A number means something only beside what the same instance returned
    /// before: equal, and nobody advanced in between; it differs after an [`advance`](Self::advance), and whenever the server may have lost
    /// one. It never comes back to a number it had. On an error the caller must not trust its caches.
    async fn generations(&self, keys: &[String]) -> Result<Vec<u64>, CoordinationError>;

    /// Moves generations on: what others have cached under them is no longer true.
    async fn advance(&self, keys: &[String]) -> Result<(), CoordinationError>;

    /// Takes `cost` tokens of the bucket of `key`: `None` when they were there, else the wait after which they will be, if nobody else takes
    /// them. A cost above the burst passes when the bucket is full and leaves a debt, so that the rate holds in the long run and nothing is
    /// refused for ever.
    async fn take(&self, key: &str, limit: RateLimit, cost: u32) -> Result<Option<Duration>, CoordinationError>;

    /// Locks `key` for at most `ttl` (in milliseconds, at least one); `None` while another holds it. A lock is advice: a holder that sleeps
    /// past its `ttl` no longer holds it, so what must not happen twice also checks the [`fence`](Lock::fence) or a constraint of the store.
    async fn lock(&self, key: &str, ttl: Duration) -> Result<Option<Lock>, CoordinationError>;

    /// Lets a lock live for `ttl` from now; false when it ran out or another holds it.
    async fn extend(&self, lock: &Lock, ttl: Duration) -> Result<bool, CoordinationError>;

    /// Gives a lock back; false when it ran out or another holds it, which stays as it is.
    async fn release(&self, lock: &Lock) -> Result<bool, CoordinationError>;

    /// Proves that the server answers and takes changes.
    async fn check(&self) -> Result<(), CoordinationError>;
}

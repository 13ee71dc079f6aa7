//! Repetitions of a request under the same idempotency key.

use domain::scope::Scope;
use storage::idempotency::IdempotencyRecord;

use crate::{App, Error, IdempotencyKey, Result};

/// Longest key, in characters.
const KEY_CHARS_MAX: usize = 255;

impl App {
    /// The answer that was given under this key. The same key with another request is refused.
    pub async fn recall_answer(&self, scope: &Scope, idempotency: &IdempotencyKey) -> Result<Option<IdempotencyRecord>> {
        if idempotency.key.chars().count() > KEY_CHARS_MAX {
            return Err(Error::input(format!("Idempotency-Key has at most {KEY_CHARS_MAX} characters")));
        }
        match storage::idempotency::recall(&mut self.database(), scope, &idempotency.key).await? {
            Some(record) if record.fingerprint != idempotency.fingerprint => {
                Err(Error::input("this Idempotency-Key was used for another request: use a new key for a new request"))
            }
            found => Ok(found),
        }
    }
}

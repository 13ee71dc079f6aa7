//! The system's clock as tests set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::time::Timestamp;

/// Stands still until it is set. Clones show the same time.
#[derive(Clone, Debug)]
pub struct SystemClock(Arc<AtomicI64>);

impl SystemClock {
    /// Where every test begins.
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(instant("2025-01-01T00:00:00Z").micros())))
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    /// Sets the present, RFC 3339.
    pub fn set(&self, to: &str) {
        self.0.store(instant(to).micros(), Ordering::SeqCst);
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("`{text}` is no instant: {error}"))
}

//! Batches that may be in memory at the same time, over all partitions of a consumer; and how much they hold.

use std::sync::Arc;

use metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ConsumerOptions;

/// The turns of a consumer.
pub(super) struct Turns {
    free: Arc<Semaphore>,
    buffered_bytes: Gauge,
}

impl Turns {
    pub(super) fn new(options: &ConsumerOptions) -> Self {
        let labels = [("group", options.group.clone()), ("topic", options.topic.clone())];
        let buffered_bytes = metrics::gauge!("flexprice_kafka_buffered_bytes", &labels);
        Self { free: Arc::new(Semaphore::new(options.batches_in_flight_max)), buffered_bytes }
    }

    /// Waits for a turn.
    pub(super) async fn take(&self) -> Option<Turn> {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        Some(Turn { _permit: permit, buffered_bytes: self.buffered_bytes.clone(), bytes: 0.0 })
    }
}

/// The right to hold one batch; given back when dropped, which whoever has the batch does together with it.
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    buffered_bytes: Gauge,
    bytes: f64,
}

impl Turn {
    /// The batch has grown by a message of so many bytes.
    #[expect(clippy::cast_precision_loss, reason = "a gauge of bytes")]
    pub(super) fn hold(&mut self, bytes: usize) {
        self.bytes += bytes as f64;
        self.buffered_bytes.increment(bytes as f64);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.buffered_bytes.decrement(self.bytes);
    }
}

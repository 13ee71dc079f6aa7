//! Evenly spaced starts: so many messages per second over all partitions of a process.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Waits shorter than this are not worth a timer.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Gives out start times.
pub(super) struct Pace {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// None when there is no limit (0).
    pub(super) fn new(messages_per_second: u32) -> Option<Self> {
        (messages_per_second > 0).then(|| Self { interval: Duration::from_secs(1) / messages_per_second, next: Mutex::new(None) })
    }

    /// Waits for the turn of one message. No burst: time that passed unused is lost.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = next.map_or(now, |next| next.max(now));
            *next = Some(turn + self.interval);
            turn
        };
        if turn > now + SHORTEST_WAIT {
            tokio::time::sleep_until(turn).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_are_evenly_spaced() {
        assert!(Pace::new(0).is_none());
        let pace = Pace::new(200).unwrap();
        let begun = Instant::now();
        for _ in 0..41 {
            pace.turn().await;
        }
        let took = begun.elapsed();
        // 40 intervals of 5 ms.
        assert!(took >= Duration::from_millis(195), "{took:?}");
    }
}

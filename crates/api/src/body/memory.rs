//! The memory of all bodies under way. It is taken as bytes arrive and given back when the request has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use app::Error;

use super::LARGE_BYTES;

/// What bodies may hold together, and what they hold.
pub(crate) struct Memory {
    bytes_max: usize,
    bytes: AtomicUsize,
}

impl Memory {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: AtomicUsize::new(0) }
    }

    /// The bound for a body of this size. A quarter is left to small ones, so that a few large bodies stop no ordinary request.
    fn bound_of(&self, bytes: usize) -> usize {
        if bytes > LARGE_BYTES { self.bytes_max - self.bytes_max / 4 } else { self.bytes_max }
    }
}

/// What one request holds of it.
pub(crate) struct Share {
    memory: Arc<Memory>,
    bytes: AtomicUsize,
}

impl Share {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self { memory, bytes: AtomicUsize::new(0) }
    }

    /// Refuses a body of this size if there is no room for it now. Takes nothing: a client that announces much and sends little holds little.
    pub(super) fn require_room(&self, bytes: usize) -> Result<(), Error> {
        let held = self.memory.bytes.load(Ordering::Relaxed);
        let fits = held.checked_add(bytes).is_some_and(|sum| sum <= self.memory.bound_of(bytes));
        if fits { Ok(()) } else { Err(full()) }
    }

    /// Takes more.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Error> {
        let bound = self.memory.bound_of(self.bytes.load(Ordering::Relaxed).saturating_add(bytes));
        let grown = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= bound);
        self.memory.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).map_err(|_| full())?;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.bytes.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

fn full() -> Error {
    Error::Unavailable("the bodies of other requests take up all memory that is meant for them: try again, or send less at once".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn bodies_together_stay_within_the_memory_and_give_it_back() {
        let memory = Arc::new(Memory::new(8 * MIB));
        let share = || Share::new(Arc::clone(&memory));
        let (first, second) = (share(), share());
        first.take(4 * MIB).unwrap();
        second.take(2 * MIB).unwrap();
        assert!(matches!(second.take(1), Err(Error::Unavailable(_))), "three quarters are the most for large ones");
        drop(first);
        second.take(4 * MIB).unwrap();
        drop(second);
        assert_eq!(memory.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn large_bodies_leave_room_for_small_ones() {
        let memory = Arc::new(Memory::new(8 * MIB));
        let share = || Share::new(Arc::clone(&memory));
        let large = share();
        while large.take(64 * 1024).is_ok() {}
        let small: Vec<_> = (0..8).map(|_| share()).collect();
        for share in &small {
            share.take(LARGE_BYTES).unwrap();
        }
        assert!(share().take(1).is_err());
    }

    #[test]
    fn what_is_announced_is_refused_early_and_takes_nothing() {
        let memory = Arc::new(Memory::new(8 * MIB));
        let share = Share::new(Arc::clone(&memory));
        share.require_room(6 * MIB).unwrap();
        assert!(share.require_room(6 * MIB + 1).is_err());
        assert!(share.require_room(usize::MAX).is_err());
        assert_eq!(memory.bytes.load(Ordering::Relaxed), 0);
    }
}

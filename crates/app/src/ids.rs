//! Where identifiers come from.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::ids::IdGen;

/// ULIDs of the present millisecond, rising within one process.
#[derive(Default)]
pub struct UlidIds(Mutex<ulid::Generator>);

impl IdGen for UlidIds {
    fn ulid(&self) -> String {
        let mut generator = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The generator fails only when 2^80 identifiers were made within one millisecond.
        generator.generate().unwrap_or_else(|_| ulid::Ulid::generate()).to_string()
    }
}

/// ULIDs that count from 1: for tests.
#[derive(Default)]
pub struct SequentialIds(AtomicU64);

impl IdGen for SequentialIds {
    fn ulid(&self) -> String {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        ulid::Ulid::from(u128::from(number)).to_string()
    }
}

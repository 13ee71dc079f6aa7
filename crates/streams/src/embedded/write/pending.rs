//! What groups that are prepared but not yet committed will store.

use std::collections::{HashMap, VecDeque};

use super::hashing::KeyHashing;
use super::names::Numbered;
use crate::embedded::key::{IdKey, UniqueKey};

/// What one group will store.
#[derive(Default)]
pub(super) struct Pending {
    /// Sorted.
    pub(super) ids: Vec<IdKey>,
    pub(super) names: HashMap<Box<[u8]>, Numbered>,
    pub(super) uniques: HashMap<UniqueKey, u32, KeyHashing>,
    /// How many copies of an event there were by then.
    pub(super) copies: HashMap<IdKey, u64, KeyHashing>,
}

/// The groups on their way, oldest first.
#[derive(Default)]
pub(super) struct InFlight(VecDeque<(u64, Pending)>);

impl InFlight {
    /// Forgets what has been committed.
    pub(super) fn committed(&mut self, group: u64) {
        while self.0.front().is_some_and(|(number, _)| *number <= group) {
            self.0.pop_front();
        }
    }

    pub(super) fn push(&mut self, group: u64, pending: Pending) {
        self.0.push_back((group, pending));
    }

    pub(super) fn has_id(&self, id: &IdKey) -> bool {
        self.0.iter().any(|(_, pending)| pending.ids.binary_search(id).is_ok())
    }

    pub(super) fn name(&self, key: &[u8]) -> Option<Numbered> {
        self.0.iter().find_map(|(_, pending)| pending.names.get(key).copied())
    }

    /// The days on which a unique value was seen, as of the newest group that saw it.
    pub(super) fn unique(&self, key: &UniqueKey) -> Option<u32> {
        self.0.iter().rev().find_map(|(_, pending)| pending.uniques.get(key).copied())
    }

    /// How many copies of an event there were, as of the newest group with any.
    pub(super) fn copies(&self, id: &IdKey) -> Option<u64> {
        self.0.iter().rev().find_map(|(_, pending)| pending.copies.get(id).copied())
    }
}

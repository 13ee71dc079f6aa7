//! What is in force: one value per key, with its source.

use std::collections::BTreeMap;

use super::key::Key;
use super::setting::Setting;
use super::source::Source;
use super::value::Value;

/// One key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The row of the table.
    pub key: &'static Key,
    /// The value in force.
    pub value: Value,
    /// Where it was set.
    pub source: Source,
}

/// The value of every key.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<&'static str, Entry>);

impl Settings {
    pub(super) fn insert(&mut self, entry: Entry) {
        self.0.insert(entry.key.path, entry);
    }

    /// The entry of a key; `None` when no such key exists.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.0.get(path)
    }

    /// All entries, by key.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }

    /// Reads a key into its type. Form and type were checked while loading, so a mismatch is a mistake in the table.
    pub(super) fn read<T: Setting>(&self, path: &'static str) -> T {
        let entry = self.get(path).unwrap_or_else(|| panic!("key {path} is missing from the table"));
        T::read(&entry.value).unwrap_or_else(|allowed| panic!("key {path} must be {allowed}"))
    }
}

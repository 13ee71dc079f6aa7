//! The open database: its keyspaces, a commit that neither hangs nor lies, and what the engine's errors mean.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fjall::compaction::Leveled;
use fjall::config::{BlockSizePolicy, CompressionPolicy};
use fjall::{AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use super::codec::corrupt;
use super::disk;
use super::key;
use super::options::EmbeddedOptions;
use super::witness::Witness;
use crate::EventStoreError;

/// Layout of keys and values; a store of another one is refused.
const FORMAT_VERSION: u32 = 4;
/// Journals on disk before the engine writes out even small memtables, bytes.
const JOURNALS_BYTES_MAX: u64 = 128 << 20;
/// Tables of the first level that are merged into the second. A memtable of small entries makes a small table, so several are
/// collected before the second level is rewritten, whose size is that of this many tables.
const FIRST_LEVEL_TABLES: u8 = 8;
/// Sealed memtables, of all keyspaces, that may wait to be written out. The engine itself stops a commit at 4 of one keyspace, and
/// would wait forever if its worker had died.
const SEALED_MEMTABLES_MAX: usize = 3;
/// Tables in the first level before commits wait; the engine slows them down from 20 and stops at 30.
const FIRST_LEVEL_TABLES_MAX: usize = 19;
/// Between two looks at the above.
const BACKPRESSURE_PAUSE: Duration = Duration::from_millis(1);
/// Longest wait of one commit.
const BACKPRESSURE_MAX: Duration = Duration::from_secs(10);

/// An open database. Dropping the last handle closes it.
pub(super) struct Engine {
    pub(super) db: Database,
    /// Interned names, format version, next free number.
    pub(super) names: Keyspace,
    /// Event ids.
    pub(super) ids: Keyspace,
    /// Chunks of events.
    pub(super) bodies: Keyspace,
    /// Events by time.
    pub(super) times: Keyspace,
    /// Ledger rows by customer and hour.
    pub(super) ledger: Keyspace,
    /// Aggregates by customer, pack and span.
    pub(super) cells: Keyspace,
    /// Unique values by customer, meter and month.
    pub(super) uniques: Keyspace,
    /// Refused copies of events.
    pub(super) copies: Keyspace,
    memtable_bytes: u64,
    /// The number of the last commit. Commits come one after the other.
    last_commit: AtomicU64,
    witness: Witness,
}

impl Engine {
    /// Opens or makes the database in a directory. Blocks.
    pub(super) fn open(dir: &Path, options: &EmbeddedOptions) -> Result<Self, EventStoreError> {
        let db = open_database(dir, options)?;
        let plain = || {
            KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes).compaction_strategy(Arc::new(
                Leveled::default().with_l0_threshold(FIRST_LEVEL_TABLES).with_table_target_size(options.table_bytes),
            ))
        };
        // Hashes do not compress.
        let random = || plain().data_block_compression_policy(CompressionPolicy::disabled());
        // Chunks are never moved again, so they are compressed at once; one block holds one or two.
        let chunks = || {
            plain()
                .data_block_size_policy(BlockSizePolicy::all(16 << 10))
                .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
        };
        let open = |name: &str, make: &dyn Fn() -> KeyspaceCreateOptions| db.keyspace(name, make).map_err(engine_error);
        let engine = Self {
            names: open("names", &plain)?,
            ids: open("ids", &random)?,
            bodies: open("bodies", &chunks)?,
            times: open("times", &plain)?,
            ledger: open("ledger", &plain)?,
            cells: open("cells", &plain)?,
            uniques: open("uniques", &random)?,
            copies: open("copies", &chunks)?,
            memtable_bytes: options.memtable_bytes,
            last_commit: AtomicU64::new(0),
            witness: Witness::open(dir).map_err(|error| disk::io_error(&error))?,
            db,
        };
        engine.last_commit.store(engine.read_last_commit()?, Ordering::Relaxed);
        engine.check_format()?;
        Ok(engine)
    }

    /// Refuses a store that has lost what was acknowledged. What it still has can be read.
    pub(super) fn require_all_commits(&self) -> Result<(), EventStoreError> {
        self.witness.require(self.last_commit.load(Ordering::Relaxed))
    }

    fn read_last_commit(&self) -> Result<u64, EventStoreError> {
        match self.names.get(key::COMMIT).map_err(engine_error) {
            Ok(Some(number)) => Ok(u64::from_be_bytes((*number).try_into().map_err(|_| corrupt("the number of the last commit"))?)),
            Ok(None) => Ok(0),
            // Whoever would write meets the damage as well.
            Err(EventStoreError::Damaged(_)) => Ok(u64::MAX),
            Err(error) => Err(error),
        }
    }

    fn check_format(&self) -> Result<(), EventStoreError> {
        let found = match self.names.get(key::FORMAT).map_err(engine_error) {
            // Whoever would write meets the damage as well; what can be read is better than nothing.
            Err(EventStoreError::Damaged(_)) => return Ok(()),
            found => found?,
        };
        match found {
            Some(found) if *found == FORMAT_VERSION.to_be_bytes() => Ok(()),
            Some(found) => {
                let found: Option<u32> = (*found).try_into().ok().map(u32::from_be_bytes);
                let by = if found.is_some_and(|found| found > FORMAT_VERSION) {
                    "a newer version of this program"
                } else {
                    "another version of this program"
                };
                let found = found.map_or_else(|| "unknown".to_owned(), |found| found.to_string());
                Err(EventStoreError::Corrupt(format!(
                    "its directory was written by {by}, in format {found}, and this one reads only format {FORMAT_VERSION}: \
                     use the version that wrote it, or restore a backup"
                )))
            }
            // All of it is lost, which is told of later: a new beginning would hide it.
            None if self.witness.noted() > 0 => Ok(()),
            None => {
                let mut batch = self.batch(1);
                batch.insert(&self.names, key::FORMAT, FORMAT_VERSION.to_be_bytes());
                self.commit(batch)
            }
        }
    }

    /// An empty batch with room for some items.
    pub(super) fn batch(&self, items: usize) -> OwnedWriteBatch {
        OwnedWriteBatch::with_capacity(self.db.clone(), items).durability(Some(PersistMode::SyncData))
    }

    /// Writes all of a batch or nothing; on return it is durable and visible. Blocks, also while the engine is behind with its work.
    ///
    /// After an error it is not known whether the batch will be there once the database is opened again.
    pub(super) fn commit(&self, mut batch: OwnedWriteBatch) -> Result<(), EventStoreError> {
        self.wait_for_room()?;
        let number = self.last_commit.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        batch.insert(&self.names, key::COMMIT, number.to_be_bytes());
        batch.commit().map_err(engine_error)?;
        // The batch is durable whatever becomes of this.
        if let Err(error) = self.witness.note(number) {
            tracing::warn!(%error, "the note of commits cannot be written");
        }
        Ok(())
    }

    /// Bounds what is held in memory and on the first level. The engine's own loops do not notice that its worker has died, and it
    /// seals memtables only when the worker gets to it, which a compaction delays.
    ///
    /// Whoever waits compacts meanwhile. The engine's worker does so once for each memtable that it has written out, and no more: merging a
    /// table of each of several levels needs more than that in the long run, and while commits wait no memtable is written out.
    fn wait_for_room(&self) -> Result<(), EventStoreError> {
        for keyspace in self.keyspaces() {
            if keyspace.tree.active_memtable().size() > self.memtable_bytes {
                keyspace.rotate_memtable().map_err(engine_error)?;
            }
        }
        let waiting_since = Instant::now();
        while self.is_behind() {
            self.check_alive()?;
            if waiting_since.elapsed() > BACKPRESSURE_MAX {
                tracing::warn!("the event store's engine stays behind: writing on");
                break;
            }
            for keyspace in self.keyspaces().into_iter().filter(|keyspace| has_full_first_level(keyspace)) {
                self.compact(keyspace)?;
            }
            std::thread::sleep(BACKPRESSURE_PAUSE);
        }
        Ok(())
    }

    fn is_behind(&self) -> bool {
        self.keyspaces().iter().map(|keyspace| keyspace.sealed_memtable_count()).sum::<usize>() > SEALED_MEMTABLES_MAX
            || self.keyspaces().into_iter().any(has_full_first_level)
    }

    /// One compaction of what most needs it; none while the worker has these tables in its hands.
    fn compact(&self, keyspace: &Keyspace) -> Result<(), EventStoreError> {
        let oldest_snapshot = self.db.supervisor.snapshot_tracker.get_seqno_safe_to_gc();
        keyspace.tree.compact(keyspace.config.compaction_strategy.clone(), oldest_snapshot).map_err(|error| engine_error(error.into()))
    }

    fn keyspaces(&self) -> [&Keyspace; 8] {
        [&self.ids, &self.bodies, &self.times, &self.ledger, &self.cells, &self.uniques, &self.copies, &self.names]
    }

    /// Fails once a write or a background worker has failed.
    pub(super) fn check_alive(&self) -> Result<(), EventStoreError> {
        self.db.persist(PersistMode::Buffer).map_err(engine_error)
    }

    /// The greatest key of the chunks: the number of the last one.
    pub(super) fn last_chunk(&self) -> Result<Option<u64>, EventStoreError> {
        let Some(guard) = self.bodies.last_key_value() else { return Ok(None) };
        let key = guard.key().map_err(engine_error)?;
        let number = (*key).try_into().map_err(|_| corrupt("a chunk has a bad key"))?;
        Ok(Some(u64::from_be_bytes(number)))
    }
}

fn has_full_first_level(keyspace: &Keyspace) -> bool {
    keyspace.l0_table_count() > FIRST_LEVEL_TABLES_MAX
}

/// Opens the database; the engine panics over some wrong bytes in its journal.
fn open_database(dir: &Path, options: &EmbeddedOptions) -> Result<Database, EventStoreError> {
    let builder = Database::builder(dir)
        .cache_size(options.cache_bytes)
        .manual_journal_persist(true)
        .max_journaling_size(JOURNALS_BYTES_MAX)
        // One: with more, the first spins while it waits for the others to compact.
        .worker_threads(1);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.open()))
        .unwrap_or_else(|_| Err(fjall::Error::Unrecoverable))
        .map_err(engine_error)
}

/// What an error of the engine means to a caller.
pub(super) fn engine_error(error: fjall::Error) -> EventStoreError {
    use fjall::{Error, LsmError};
    match error {
        Error::Io(error) | Error::Storage(LsmError::Io(error)) => disk::io_error(&error),
        Error::Locked => EventStoreError::Unavailable("another process has it open".to_owned()),
        Error::Poisoned => EventStoreError::Unavailable(error.to_string()),
        Error::Storage(LsmError::ChecksumMismatch { .. }) | Error::JournalRecovery(_) => {
            EventStoreError::Damaged(format!("a checksum does not match what is on disk ({error})"))
        }
        Error::Storage(_) | Error::Unrecoverable | Error::InvalidTrailer | Error::InvalidTag(_) | Error::Decompress(_) => {
            EventStoreError::Damaged(format!("a file does not hold what was written ({error})"))
        }
        other => EventStoreError::Corrupt(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each memtable becomes a table several times as large as those of the levels below, so one compaction for each is not enough.
    #[test]
    fn commits_go_on_when_the_worker_cannot_keep_up() {
        const GROUPS: u64 = 250;
        let dir = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { memtable_bytes: 128 << 10, table_bytes: 6 << 10, ..EmbeddedOptions::default() };
        let engine = Engine::open(dir.path(), &options).unwrap();
        for group in 0..GROUPS {
            let mut batch = engine.batch(1_000);
            for item in 0..1_000_u64 {
                let random = (group * 1_000 + item).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                batch.insert(&engine.ids, random.to_be_bytes(), item.to_be_bytes());
            }
            engine.commit(batch).unwrap();
            // What was sealed before the commit may have come since.
            let tables = engine.ids.l0_table_count();
            assert!(tables <= FIRST_LEVEL_TABLES_MAX + SEALED_MEMTABLES_MAX + 2, "{tables} tables after group {group}");
        }
        assert_eq!(engine.ids.len().unwrap() as u64, GROUPS * 1_000);
    }
}

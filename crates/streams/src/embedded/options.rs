//! Bounds of the embedded event store.

use std::time::Duration;

/// How much memory and disk the store may use, and how much may wait.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Cache of blocks read from disk, bytes.
    pub cache_bytes: u64,
    /// Size at which one of the eight memtables is sealed and written out, bytes. All together hold up to some ten times this.
    pub memtable_bytes: u64,
    /// Size of one table on disk, bytes: small, so that one compaction is short and memtables need not wait for it long.
    pub table_bytes: u64,
    /// Cells the writer keeps in memory, bytes. Those of the months and days that come in should fit, some 700 bytes each: what does not is
    /// written in parts, which every reader adds up.
    pub cell_cache_bytes: u64,
    /// Most memory for knowing which event ids the store may have, bytes: it grows with their number, at 12 bits for each. Beyond, more and
    /// more new ids are looked up.
    pub id_sieve_bytes_max: u64,
    /// The same for unique values by customer, meter and month.
    pub unique_sieve_bytes_max: u64,
    /// Rows of one hour of a customer that are written without an aggregate of the hour; further ones get it. Whoever asks for the hour
    /// adds those few up.
    pub loose_rows_max: u32,
    /// Most events that wait to be written; beyond, `append` answers `Overloaded`.
    pub queue_events_max: usize,
    /// Most bytes of events that wait to be written; beyond, `append` answers `Overloaded`.
    pub queue_bytes_max: usize,
    /// A group takes no further request that would bring it beyond this many events.
    pub group_events_max: usize,
    /// A group takes no further request that would bring it beyond this many bytes of events.
    pub group_bytes_max: usize,
    /// Free disk space below which nothing is accepted, bytes. It leaves the engine room to tidy up.
    pub disk_reserve_bytes: u64,
    /// Pause between attempts to reopen after a failed write.
    pub reopen_pause: Duration,
    /// Reads that run at once; further ones wait.
    pub concurrent_reads_max: usize,
    /// Different unique values one read holds in memory; beyond, it reads in several passes.
    pub unique_hashes_max: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 24 << 20,
            memtable_bytes: 8 << 20,
            table_bytes: 4 << 20,
            cell_cache_bytes: 16 << 20,
            id_sieve_bytes_max: 32 << 20,
            unique_sieve_bytes_max: 16 << 20,
            loose_rows_max: 32,
            queue_events_max: 40_000,
            queue_bytes_max: 32 << 20,
            group_events_max: 5_000,
            group_bytes_max: 4 << 20,
            disk_reserve_bytes: 256 << 20,
            reopen_pause: Duration::from_millis(500),
            concurrent_reads_max: 8,
            unique_hashes_max: 250_000,
        }
    }
}

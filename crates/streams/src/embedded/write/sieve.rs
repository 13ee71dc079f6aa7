//! Which keys a keyspace may have, in few bits for each, so that a key that is new needs no look-up in the trees.
//!
//! What comes in is noted at once. What was there before is read in the background; until that is done every key may be there.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use fastbloom::BloomFilter;
use fjall::{Keyspace, Readable};

use super::hashing::KeyHashing;
use crate::EventStoreError;
use crate::embedded::engine::{Engine, engine_error};

/// Bits for a key: with seven hashes one new key of 300 is taken for one that may be there.
const BITS_PER_KEY: u64 = 12;
const HASHES: u32 = 7;
/// Size of the first layer, bytes. A further one is as large as all before it.
const LAYER_BYTES_MIN: u64 = 512 << 10;
/// Keys between two looks whether the reading is to stop.
const STOP_LOOK_KEYS: usize = 4_096;

type Filter = BloomFilter<KeyHashing>;

/// Keys of `N` bytes that a keyspace may have.
pub(super) struct Sieve<const N: usize> {
    before: Before,
    /// What came since the store was opened.
    layers: Vec<Layer>,
    hashing: KeyHashing,
    bytes: u64,
    bytes_max: u64,
}

/// What was there when the store was opened.
enum Before {
    Unknown(Reading),
    /// It could not be read.
    Lost,
    Known(Filter),
}

/// The thread that reads it. Dropping it ends the thread, so that the engine can be closed.
struct Reading {
    thread: Option<JoinHandle<Result<Option<Filter>, EventStoreError>>>,
    stop: Arc<AtomicBool>,
}

struct Layer {
    filter: Filter,
    /// Keys it still has room for.
    room: u64,
}

impl<const N: usize> Sieve<N> {
    /// Of a keyspace as it is now: whatever is written later has to be noted. Beyond `bytes_max` the sieve takes ever more new keys for
    /// such that may be there.
    pub(super) fn open(engine: &Engine, keyspace: &Keyspace, bytes_max: u64) -> Result<Self, EventStoreError> {
        // Counts a key once for each of its versions: fine for a size, and 0 only when there is none.
        let stored = keyspace.approximate_len() as u64;
        let keys = engine.db.snapshot().iter(keyspace).map(|guard| guard.key().map_err(engine_error));
        Self::of(keys, stored, bytes_max).map_err(|error| EventStoreError::Unavailable(error.to_string()))
    }

    fn of<K: AsRef<[u8]>>(
        stored: impl Iterator<Item = Result<K, EventStoreError>> + Send + 'static,
        count: u64,
        bytes_max: u64,
    ) -> std::io::Result<Self> {
        let hashing = KeyHashing::default();
        let bytes = (count * BITS_PER_KEY / 8).clamp(8, (bytes_max / 2).max(8));
        let filter = new_filter(bytes, &hashing);
        let before = if count == 0 { Before::Known(filter) } else { Before::Unknown(Reading::start::<K, N>(stored, filter)?) };
        Ok(Self { before, layers: Vec::new(), hashing, bytes, bytes_max })
    }

    /// Notes a key. Whether it may have been there before; if not, neither the store nor a group on its way to it has the key.
    pub(super) fn note(&mut self, key: &[u8; N]) -> bool {
        let hash = self.hashing.hash_one(key);
        let before = match &self.before {
            Before::Known(filter) => filter.contains_hash(hash),
            Before::Unknown(_) | Before::Lost => true,
        };
        let since = self.layers.iter().any(|layer| layer.filter.contains_hash(hash));
        // What may have come since is marked by the same bits.
        if !since {
            self.mark(hash);
        }
        before || since
    }

    fn mark(&mut self, hash: u64) {
        if self.layers.last().is_none_or(|layer| layer.room == 0) {
            let left = if self.layers.is_empty() { LAYER_BYTES_MIN } else { self.bytes_max.saturating_sub(self.bytes) };
            let bytes = self.bytes.max(LAYER_BYTES_MIN).min(left);
            if bytes >= LAYER_BYTES_MIN {
                self.layers.push(Layer { filter: new_filter(bytes, &self.hashing), room: bytes * 8 / BITS_PER_KEY });
                self.bytes += bytes;
            }
        }
        if let Some(layer) = self.layers.last_mut() {
            layer.filter.insert_hash(hash);
            layer.room = layer.room.saturating_sub(1);
        }
    }

    /// Takes over what the background has read meanwhile.
    pub(super) fn look_after(&mut self) {
        let Before::Unknown(reading) = &mut self.before else { return };
        if reading.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        self.before = match reading.thread.take().map(JoinHandle::join) {
            Some(Ok(Ok(Some(filter)))) => Before::Known(filter),
            Some(Ok(Err(error))) => {
                tracing::warn!(%error, "the keys of the event store cannot be read ahead: new events are looked up one by one");
                Before::Lost
            }
            _ => Before::Lost,
        };
    }
}

impl Reading {
    fn start<K: AsRef<[u8]>, const N: usize>(
        keys: impl Iterator<Item = Result<K, EventStoreError>> + Send + 'static,
        filter: Filter,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("event-sieve".to_owned()).spawn({
            let stop = stop.clone();
            move || read::<K, N>(keys, filter, &stop)
        })?;
        Ok(Self { thread: Some(thread), stop })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that reads the event store's keys panicked");
        }
    }
}

/// Fills a filter with all keys of `N` bytes; `None` when it was stopped.
fn read<K: AsRef<[u8]>, const N: usize>(
    keys: impl Iterator<Item = Result<K, EventStoreError>>,
    mut filter: Filter,
    stop: &AtomicBool,
) -> Result<Option<Filter>, EventStoreError> {
    for (number, key) in keys.enumerate() {
        if number % STOP_LOOK_KEYS == 0 && stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // Others are notes behind an event's own key.
        if let Ok(key) = <&[u8; N]>::try_from(key?.as_ref()) {
            filter.insert(key);
        }
    }
    Ok(Some(filter))
}

fn new_filter(bytes: u64, hashing: &KeyHashing) -> Filter {
    let bits = usize::try_from(bytes * 8).unwrap_or(usize::MAX);
    BloomFilter::with_num_bits(bits).hasher(hashing.clone()).hashes(HASHES)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    fn key(number: u64) -> [u8; 20] {
        let mut key = [7; 20];
        key[4..12].copy_from_slice(&number.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes());
        key
    }

    /// What is stored, handed out as it arrives.
    fn sieve(stored: Receiver<Result<Vec<u8>, EventStoreError>>, count: u64, bytes_max: u64) -> Sieve<20> {
        Sieve::of(stored.into_iter(), count, bytes_max).unwrap()
    }

    fn settle(sieve: &mut Sieve<20>) {
        while let Before::Unknown(_) = sieve.before {
            std::thread::yield_now();
            sieve.look_after();
        }
    }

    #[test]
    fn no_key_that_is_there_is_called_new() {
        let (stored, receiver) = channel();
        let mut sieve = sieve(receiver, 20_000, 1 << 20);
        (0..10_000).for_each(|number| stored.send(Ok(key(number).to_vec())).unwrap());
        // A note of another length, and keys that come while the stored ones are read.
        stored.send(Ok(vec![1; 24])).unwrap();
        assert!((0..20_000).all(|number| sieve.note(&key(number))), "while it is not known what is stored, every key may be");
        (10_000..20_000).for_each(|number| stored.send(Ok(key(number).to_vec())).unwrap());
        drop(stored);
        settle(&mut sieve);
        assert!(matches!(sieve.before, Before::Known(_)));
        assert!((0..20_000).all(|number| sieve.note(&key(number))));
        let mistaken = (20_000..120_000).filter(|number| sieve.note(&key(*number))).count();
        assert!(mistaken < 2_000, "{mistaken} of 100,000 new keys need a look-up");
        assert!((0..120_000).all(|number| sieve.note(&key(number))));
    }

    #[test]
    fn memory_is_bounded_and_keys_beyond_it_are_still_found() {
        let (_, receiver) = channel();
        let mut sieve = sieve(receiver, 0, LAYER_BYTES_MIN);
        let new = (0..600_000).filter(|number| !sieve.note(&key(*number))).count();
        assert!(new > 500_000, "{new}");
        let bytes: usize = sieve.layers.iter().map(|layer| layer.filter.num_bits() / 8).sum();
        assert!(bytes as u64 <= LAYER_BYTES_MIN, "{bytes} bytes");
        assert!((0..600_000).all(|number| sieve.note(&key(number))));
    }

    #[test]
    fn what_cannot_be_read_may_be_there() {
        let (stored, receiver) = channel();
        let mut sieve = sieve(receiver, 2, 1 << 20);
        stored.send(Err(EventStoreError::Unavailable("a disk".into()))).unwrap();
        settle(&mut sieve);
        assert!(matches!(sieve.before, Before::Lost));
        assert!(sieve.note(&key(1)));
    }

    #[test]
    fn reading_ends_with_the_sieve() {
        let keys = (0..).map(|number| Ok::<_, EventStoreError>(key(number)));
        drop(Sieve::<20>::of(keys, 1, 1 << 20).unwrap());
    }
}

//! Bodies of requests and the bounds they have, from the first byte to what is made of them: their length, the memory of all of them
//! together, what they inflate to, how many values they hold and how long their lists and maps are.

mod encoding;
mod list;
mod map;
mod memory;
mod receive;
mod values;

pub(crate) use encoding::check_encoding;
pub(crate) use list::{List, Texts};
pub(crate) use map::{Map, Metadata};
use memory::{Memory, Share};
pub(crate) use receive::{read, receive};
pub(crate) use values::{Bounded, bounded};

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Bodies above this are read into values off the threads that serve, and never take the last quarter of the memory of bodies.
const LARGE_BYTES: usize = 256 * 1024;

/// The bounds of all bodies of a process.
pub(crate) struct Bodies {
    /// Longest body, in bytes, before and after it is inflated.
    bytes_max: usize,
    memory: Arc<Memory>,
    /// How many large bodies are worked on at once: half of the processors, so that the others serve.
    large: Arc<Semaphore>,
}

impl Bodies {
    /// No body beyond `bytes_max`, and all together within `all_bytes_max`.
    pub(crate) fn new(bytes_max: usize, all_bytes_max: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let large = Arc::new(Semaphore::new((processors / 2).max(1)));
        Self { bytes_max, memory: Arc::new(Memory::new(all_bytes_max)), large }
    }

    /// A share of the memory, empty at first: for one request.
    pub(crate) fn share(&self) -> Arc<Share> {
        Arc::new(Share::new(Arc::clone(&self.memory)))
    }
}

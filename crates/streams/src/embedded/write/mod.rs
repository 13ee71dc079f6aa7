//! The way in: a bounded queue, a thread that prepares groups, a thread that commits them.
//!
//! While one group is being written and synced, the next one is prepared. What a prepared but not yet committed group will store is
//! remembered beside it (`Pending`), so that the next group finds its ids, names and unique values.

mod cells;
mod commit;
mod hashing;
mod hours;
mod intake;
mod late;
mod names;
mod pending;
mod prepare;
mod queue;
mod sieve;
mod timeline;
mod uniques;
mod writer;

pub(super) use names::Numbered;
pub(super) use queue::{Answer, Load, Queue, Request, closed};
pub(super) use uniques::decode_days;
pub(super) use writer::Writer;

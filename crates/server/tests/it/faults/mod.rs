//! Faults: the real binary is killed, stopped, locked out of its database and left without disk, and every number stays right.

pub(crate) mod books;
pub(crate) mod client;
pub(crate) mod random;
pub(crate) mod sent;
pub(crate) mod serving;
pub(crate) mod shop;
pub(crate) mod small_disk;

mod full_disk;
mod graceful_stop;
mod kill_billing;
mod kill_ingest;
mod locked_database;

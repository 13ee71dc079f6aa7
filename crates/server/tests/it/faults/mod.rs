//! Faults: the real binary is killed, stopped, locked out of its database and left without disk, and every number stays right.

mod books;
mod client;
mod random;
mod sent;
mod serving;
mod shop;
mod small_disk;

mod full_disk;
mod graceful_stop;
mod kill_billing;
mod kill_ingest;
mod locked_database;

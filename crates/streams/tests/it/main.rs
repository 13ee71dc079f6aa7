//! The contract of event stores, and what only the embedded one must stand: crashes, full disks, reopening.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bounds;
#[cfg(feature = "cluster")]
mod clickhouse;
mod contract;
mod coordination;
mod crash;
mod damage;
mod disk_full;
mod embedded;
#[cfg(feature = "cluster")]
mod kafka;
mod model;
mod random;

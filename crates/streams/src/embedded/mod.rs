//! The event store in one directory, for a production of one machine (ADR 0003).
//!
//! Keyspaces of a log-structured store, written together in one atomic batch per group of requests:
//!
//! | keyspace | key → value |
//! |---|---|
//! | names | kind, scope, name or hash of a long one → number, long name (scopes, customers, meters, event names) |
//! | ids | scope, hash of event id → place; behind it, meter → entry that came later |
//! | bodies | chunk → events as they were accepted |
//! | times | scope, hour / minute / second, group → rows: event time and id, place |
//! | ledger | customer, whether in the hour's cell, hour, group → rows: event time and id, and (meter, quantity, unique hash) for each meter |
//! | cells | customer, pack of meters, hour / day / month, slot → aggregates |
//! | uniques | customer, meter, month, hash → days on which it was seen |
//! | copies | scope, hash of event id → copies refused so far; behind it, place in a ring → copy |
//!
//! A period is read from the longest cells whose events all lie in it; rows serve what an edge cuts. Whatever the path, the answer is
//! that of the plain formula over the rows.

mod body;
mod cell;
mod codec;
mod copies;
mod damage;
mod disk;
mod engine;
mod files;
mod key;
mod ledger;
mod options;
mod read;
mod shared;
mod span;
mod store;
mod witness;
mod write;

pub use files::{VerifiedFiles, known_damage, verify_embedded_files};
pub use options::EmbeddedOptions;
pub use store::EmbeddedEventStore;

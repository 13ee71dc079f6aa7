//! The event store on ClickHouse (ADR 0005): raw events and a usage ledger, each fed by its own consumer group of the event log.
//!
//! `options → engine` (one request) `→ schema, migrate` (the tables) `→ append` (one batch, exactly once),
//! `late` (entries for what was counted before), `copies` (what was refused) `→ read` (one answer).

mod options;

mod sql;

mod error;

mod engine;

mod schema;

mod migrate;

mod block;

mod row;

mod position;

mod known;

mod append;

mod late;

mod carry;

mod copies;

mod read;

mod store;

pub use options::ClickHouseOptions;
pub use store::ClickHouseEventStore;

//! Relational data: the catalog, customers, subscriptions, invoices and due work. Only this crate knows SQL.
//!
//! A statement is text plus typed values ([`Sql`]), so that one statement serves every database (ADR 0002). A thing of the domain
//! is a [`Record`]: its table and columns are declared once, and reading, writing and listing follow from that.

mod cell;
mod database;
mod error;
mod list;
mod migrations;
mod pool_usage;
#[cfg(feature = "cluster")]
mod postgres;
mod record;
mod row;
mod sql;
mod sqlite;
mod unit_of_work;

/// What each record's table and columns are.
pub mod records;

/// Due work: rows with a due time.
pub mod due_work;

/// Answers of requests that carried an idempotency key.
pub mod idempotency;

/// Sandbox clocks.
pub mod clocks;

/// Counters of invoice numbers and of a subscription's invoices.
pub mod sequences;

/// How often something has changed that processes keep in memory.
pub mod generations;

/// The outbox: what others are told of changes.
pub mod outbox;

/// The activity log.
pub mod activities;

/// Objects of an external collector.
pub mod raw_events;

/// External ids that customers had before.
pub mod former_external_ids;

/// Which ledger counts a meter.
pub mod meter_ledgers;

/// Questions about invoices that no plain list answers.
pub mod billed_lines;

pub use cell::{Cell, Kind, Value};
pub use database::{Database, DatabaseOptions, Depth};
pub use error::StoreError;
pub use list::{Condition, Direction, ListQuery, Page, Sort};
pub use pool_usage::PoolUsage;
#[cfg(feature = "cluster")]
pub use postgres::{PostgresOptions, PostgresUsage, SslMode};
pub use record::{
    AUDIT_COLUMNS, Column, Record, count, find, find_all, get, get_many, insert, insert_all, insert_if_absent, list, remove, snapshot,
    update,
};
pub use records::{all_environments, secret_by_hash};
pub use row::Row;
pub use sql::{Source, Sql};
pub use unit_of_work::{Reading, UnitOfWork};

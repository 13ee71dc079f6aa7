//! Use cases: what can be asked of the system, one function each. They read and write the stores, ask the clock and call the
//! rules of `domain`; they decide nothing about money themselves.

mod change;
mod clocks;
mod coherence;
mod context;
mod error;
mod ids;
mod system;

/// Tenants, environments, keys, clocks: who asks, where, when.
pub mod platform;

/// Customers.
pub mod customer;

/// Meters, features, groups, plans, prices.
pub mod catalog;

/// What may be used: entitlements, and what was used of them.
pub mod entitlement;

/// Events in.
pub mod event;

/// Usage out: the one way in which it is read.
pub mod usage;

/// What usage costs the seller.
pub mod cost;

/// Contracts: create, cancel, roll over.
pub mod subscription;

/// Invoices: draft, compute, finalize, preview.
pub mod invoice;

/// What must happen later, and doing it.
pub mod due_work;

pub use change::{Entity, Pending};
pub use clocks::Clocks;
pub use coherence::Sharing;
pub use context::{Context, IdempotencyKey, Reach};
pub use error::{Error, Result};
pub use ids::{SequentialIds, UlidIds};

pub use storage::{AUDIT_COLUMNS, Cell, Column, Condition, Direction, Kind, ListQuery, Page, Record, Sort, Value};
pub use streams::{EventFilter, EventOrder, RefusedCopy};
pub use system::{App, Foundation, Health, Settings};

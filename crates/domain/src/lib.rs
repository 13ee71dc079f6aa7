//! The rules of billing. Pure: no I/O, no clock, no randomness, never async; the same input gives the same answer.
//!
//! The modules stand in the order of the flow: event → meter → rating → invoice. What the flow reads (catalog, customer,
//! subscription) and what it counts in (money, time) follows.

#[macro_use]
mod text_enum;

#[cfg(feature = "openapi")]
mod openapi;

/// Raw usage as it was sent, and its identity.
pub mod event;

/// What to measure: filters, quantities, aggregations and windows.
pub mod meter;

/// Usage to charges: price models and the steps that explain an amount.
pub mod rating;

/// The invoice: which charges it carries, its totals, its number, its life.
pub mod invoice;

/// What is sold: features, plans, groups.
pub mod catalog;

/// What a customer may use: limits, switches and values.
pub mod entitlement;

/// What usage costs its seller: cost sheets and margins.
pub mod cost;

/// Who buys.
pub mod customer;

/// A customer's contract: periods, lines, cancellation.
pub mod subscription;

/// Who may do what, what others are told, what an environment can choose.
pub mod platform;

/// Exact decimals, currencies, rounding, metered quantities.
pub mod money;

/// Instants, half-open periods, billing boundaries, time zones.
pub mod time;

/// Typed identifiers.
pub mod ids;

/// Tenant and environment: the first argument of every store call.
pub mod scope;

/// What is wrong with an input, in words a client can act on.
pub mod invalid;

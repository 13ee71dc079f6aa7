//! The rules of billing, proven from outside: golden tables that read like a price list, and properties checked against oracles that
//! share no code with the implementation.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// What several of the suites build on: tables, exact rationals, random zones and instants.
mod support;

/// Exact decimals against rationals.
mod decimals;

/// Metered quantities: their bounds, and sums in any order.
mod quantities;

/// Rounding to a currency's minor unit.
mod rounding;

/// Instants as text.
mod timestamps;

/// Where billing periods end.
mod boundaries;

/// Windows of usage.
mod windows;

/// What events add to a meter, and what that adds up to.
mod measuring;

/// What formulas over properties measure, and which are refused.
mod expressions;

/// What is sold.
mod catalog;

/// Which prices can be billed.
mod prices;

/// What a quantity costs.
mod rating;

/// What an invoice carries, what it adds up to, how it comes to be final.
mod invoices;

/// How contracts begin, turn and end.
mod subscriptions;

/// What may be used: limits, their renewal, what is free.
mod entitlements;

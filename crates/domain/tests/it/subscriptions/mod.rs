//! Contracts: how they begin, what a wish to end them does, how their periods turn.

/// The first period, the lines, the opening invoice.
mod begin;

/// Cancellation.
mod cancel;

/// A scheduled end that is called off.
mod schedule;

/// Periods follow each other until the contract ends.
mod turn;

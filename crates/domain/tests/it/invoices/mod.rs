//! Invoices: one pipeline from inputs to lines and totals, and the life of what it makes.

/// The pipeline, against the finance people's table.
mod computed;

/// What is missing refuses an invoice.
mod missing;

/// Periods follow each other without gap or overlap, and parts add up.
mod properties;

/// Drafts, previews, recomputation, finalization.
mod life;

/// Sums and their invariants.
mod totals;

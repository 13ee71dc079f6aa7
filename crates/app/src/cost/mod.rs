//! Cost sheets, and what is left of the revenue (spec 10 §12, 20 §13).

mod analytics;
mod meter_ledgers;
mod sheet;

pub use analytics::{CostAnalytics, CostItem, CostRequest};

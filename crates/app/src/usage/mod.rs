//! Usage out: what meters counted, for invoices, previews, analytics and questions (spec 10 §§8 to 12). One number on every path.

mod analytics;
mod buckets;
mod ledger_usage;
mod ledgers;
mod meter_usage;
mod raw_usage;
mod request_costs;
mod usage_lines;

pub use analytics::{Analytics, AnalyticsItem, AnalyticsPoint, AnalyticsRequest, AnalyticsRow, BilledBy, PriceOwner};
pub use ledger_usage::{MeterUsage, MeterUsagePoint, MeterUsageRequest};
pub(crate) use meter_usage::MeterRead;
pub use raw_usage::{RawUsage, RawUsageRequest, RawWindow};
pub(crate) use usage_lines::{VALUES_MAX, is_active_at};

//! Events in, usage out (spec 10).

mod analytics;
mod buckets;
mod choices;
mod ingest;
mod log;
mod meter_index;
mod meter_usage;
mod query;
mod raw_usage;
mod store_logged;

pub use analytics::{Analytics, AnalyticsItem, AnalyticsPoint, AnalyticsRequest, AnalyticsRow, BilledBy, PriceOwner};
pub use choices::{EventChoices, EventTimes, Negatives, WeightedSums};
pub use ingest::{IncomingEvent, Ingested};
pub use log::{EventLog, EventLogError};
pub(crate) use meter_index::MeterIndex;
pub(crate) use meter_usage::MeterRead;
pub use query::{EventPage, EventPageRequest};
pub use raw_usage::{RawUsage, RawUsageRequest};
pub use store_logged::{LogRecord, StoredRecords};

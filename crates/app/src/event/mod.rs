//! Events in, usage out (spec 10).

mod analytics;
mod backfill;
mod buckets;
mod choices;
mod collected;
mod ingest;
mod ledger_usage;
mod log;
mod lookup;
mod meter_index;
mod meter_usage;
mod monitoring;
mod query;
mod raw_usage;
mod request_costs;
mod store_logged;
mod usage_lines;

pub use analytics::{Analytics, AnalyticsItem, AnalyticsPoint, AnalyticsRequest, AnalyticsRow, BilledBy, PriceOwner};
pub use backfill::BackfillState;
pub use choices::{EventChoices, EventTimes, Negatives, WeightedSums};
pub use collected::ReprocessRequest;
pub use ingest::{IncomingEvent, Ingested};
pub use ledger_usage::{MeterUsage, MeterUsagePoint, MeterUsageRequest};
pub use log::{EventLog, EventLogError, LogLag};
pub use lookup::{EventLookup, ExaminedMeter, FailedFilter, FailurePoint};
pub(crate) use meter_index::MeterIndex;
pub(crate) use meter_usage::MeterRead;
pub use monitoring::EventMonitoring;
pub(crate) use monitoring::KnownLag;
pub use query::{EventCursor, EventPage, EventPageRequest, EventSort, Side};
pub use raw_usage::{RawUsage, RawUsageRequest, RawWindow};
pub use store_logged::LogOutcome;

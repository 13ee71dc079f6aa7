//! Events in: checked, measured, stored; listed, looked up, taken in again (spec 10).

mod backfill;
mod choices;
mod collected;
mod ingest;
mod log;
mod lookup;
mod meter_index;
mod monitoring;
mod query;
mod store_logged;

pub use backfill::BackfillState;
pub use choices::{EventChoices, EventTimes, Negatives, WeightedSums};
pub use collected::ReprocessRequest;
pub use ingest::{IncomingEvent, Ingested};
pub use log::{EventLog, EventLogError, LogLag};
pub use lookup::{EventLookup, ExaminedMeter, FailedFilter, FailurePoint};
pub(crate) use meter_index::{MeterIndex, Meters};
pub use monitoring::EventMonitoring;
pub(crate) use monitoring::KnownLag;
pub use query::{EventCursor, EventPage, EventPageRequest, EventSort, Side};
pub use store_logged::LogOutcome;
pub use streams::LogPartition;

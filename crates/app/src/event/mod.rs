//! Events in, usage out (spec 10).

mod analytics;
mod backfill;
mod collected;
mod ingest;
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

pub use analytics::{AnalyticsItem, AnalyticsPoint, AnalyticsRequest};
pub(crate) use backfill::BACKFILL_METER;
pub use backfill::BackfillState;
pub(crate) use collected::REPROCESS_RAW_EVENTS;
pub use collected::{ReprocessRequest, reprocess_work_id};
pub use ingest::{IncomingEvent, Ingested};
pub use log::{EventLog, EventLogError, LogLag};
pub use lookup::{EventLookup, ExaminedMeter, FailedFilter, FailurePoint};
pub(crate) use meter_index::MeterIndex;
pub use meter_usage::{MeterUsage, MeterUsagePoint, MeterUsageRequest};
pub use monitoring::EventMonitoring;
pub(crate) use monitoring::KnownLag;
pub use query::{EventCursor, EventPage, EventPageRequest, EventSort, Side};
pub use raw_usage::{RawUsage, RawUsageRequest, RawWindow};
pub use store_logged::{LogRecord, StoredRecords};

use domain::ids::MeterId;
use domain::invoice::Usage;
use domain::meter::AggregationType;
use domain::scope::Scope;
use domain::time::Period;
use streams::UsageQuery;

use crate::{App, Error, Result};

/// A meter to be read over a period.
#[derive(Clone, Debug)]
pub(crate) struct MeterRead {
    pub(crate) meter_id: MeterId,
    pub(crate) kind: AggregationType,
    pub(crate) period: Period,
}

impl App {
    /// What meters counted for a set of customers, all from one state, in the order of the reads. Empty periods count nothing.
    pub(crate) async fn read_meters(&self, scope: &Scope, external_customer_ids: &[String], reads: &[MeterRead]) -> Result<Vec<Usage>> {
        if external_customer_ids.is_empty() {
            return Err(Error::operation("usage is read for at least one customer"));
        }
        let queries = reads
            .iter()
            .map(|read| UsageQuery {
                external_customer_ids: external_customer_ids.to_vec(),
                meter_id: read.meter_id.clone(),
                period: read.period,
            })
            .collect();
        let aggregates = self.events().usage(scope, queries).await?;
        let usages = aggregates.iter().zip(reads).map(|(aggregate, read)| Usage {
            quantity: aggregate.usage(read.kind, read.period),
            events: aggregate.events,
            aggregation: read.kind.to_string(),
        });
        Ok(usages.collect())
    }
}

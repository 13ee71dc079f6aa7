//! Raw objects of an external collector, on the wire (spec 10 §13).

use crate::body::Texts;
use app::event::ReprocessRequest;
use domain::event::ReprocessMode;
use domain::invalid::Invalid;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::body::List;
use crate::wire::events::ingest::EVENTS_MAX;

/// Raw objects to keep and take in.
#[derive(Debug, ToSchema)]
#[schema(as = BulkRawEventRequest)]
#[expect(dead_code, reason = "stands for the wire format in the OpenAPI document; Bulk reads it")]
pub(crate) struct RawBulkSchema {
    /// 1 to 1000 objects.
    #[schema(value_type = Vec<Object>, max_items = 1000)]
    events: List<String, EVENTS_MAX>,
}

/// The texts of raw objects; anything else is refused, and all with it.
pub(crate) fn objects(raw: &[&RawValue]) -> Result<Vec<String>, Invalid> {
    let object = |(index, raw): (usize, &&RawValue)| match raw.get().as_bytes().first() {
        Some(b'{') => Ok(raw.get().to_owned()),
        _ => Err(Invalid::field("events", "events must be objects").with("index", index)),
    };
    raw.iter().enumerate().map(object).collect()
}

/// What was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RawBulkResponse {
    /// For people: that they were accepted.
    pub(crate) message: &'static str,
    /// Objects of the request.
    pub(crate) batch_size: i64,
}

/// Which raw objects to transform again. Empty lists hold for all.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ReprocessRawEventsRequest {
    /// Objects whose events happened at or after this instant.
    #[schema(value_type = Timestamp, required = true)]
    start_date: Option<Timestamp>,
    /// Objects whose events happened before this instant; now without.
    end_date: Option<Timestamp>,
    /// 1 to 1000; 1000 without.
    batch_size: Option<i64>,
    /// Only objects of these customers, by external id: at most 1000; of all without.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    external_customer_ids: Texts,
    /// Only objects that become events of these names: at most 1000; of all without.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    event_names: Texts,
    /// Only objects that become events with these ids: at most 1000; of all without.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    event_ids: Texts,
}

impl ReprocessRawEventsRequest {
    /// The run that is asked for.
    pub(crate) fn into_request(self, mode: ReprocessMode) -> Result<ReprocessRequest, Invalid> {
        Ok(ReprocessRequest {
            mode,
            start_time: self.start_date.ok_or_else(|| Invalid::input("start_date is required").with("field", "start_date"))?,
            end_time: self.end_date,
            batch_size: self.batch_size.filter(|size| *size != 0),
            external_customer_ids: self.external_customer_ids.into_vec(),
            event_names: self.event_names.into_vec(),
            event_ids: self.event_ids.into_vec(),
        })
    }
}

/// A run that was planned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReprocessRawEventsResponse {
    /// For people: that the run was planned.
    pub(crate) message: &'static str,
    /// The work that does it.
    pub(crate) workflow_id: String,
    /// `reprocess_` and a ULID.
    pub(crate) run_id: String,
}

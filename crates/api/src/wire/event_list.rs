//! Lists of events on the wire (spec 10 §9.3).

use domain::event::Event;
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Filters, RawProperties};
use crate::schema::Time;

/// Which events.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetEventsRequest {
    pub(crate) external_customer_id: Option<String>,
    pub(crate) event_name: Option<String>,
    pub(crate) event_id: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) property_filters: Option<Filters>,
    /// Seven days before the end without.
    #[schema(value_type = Option<Time>)]
    pub(crate) start_time: Option<Timestamp>,
    /// Now without; inclusive.
    #[schema(value_type = Option<Time>)]
    pub(crate) end_time: Option<Timestamp>,
    /// timestamp.
    pub(crate) sort: Option<String>,
    /// asc or desc.
    pub(crate) order: Option<String>,
    /// 50 without, at most 1000.
    pub(crate) page_size: Option<i64>,
    pub(crate) offset: Option<i64>,
    /// Events newer than this key.
    pub(crate) iter_first_key: Option<String>,
    /// Events older than this key.
    pub(crate) iter_last_key: Option<String>,
}

/// An event.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventResponse {
    pub(crate) id: String,
    pub(crate) event_name: String,
    pub(crate) external_customer_id: String,
    pub(crate) customer_id: String,
    pub(crate) environment_id: String,
    pub(crate) source: String,
    #[schema(value_type = Time)]
    pub(crate) timestamp: Timestamp,
    /// As they were sent.
    pub(crate) properties: RawProperties,
}

/// A page of events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GetEventsResponse {
    pub(crate) events: Vec<EventResponse>,
    pub(crate) has_more: bool,
    pub(crate) total_count: i64,
    /// The offset of the next page.
    pub(crate) offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iter_first_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iter_last_key: Option<String>,
}

impl EventResponse {
    /// An event of a scope.
    pub(crate) fn new(scope: &Scope, event: &Event) -> Self {
        Self {
            id: event.id.clone(),
            event_name: event.name.clone(),
            external_customer_id: event.external_customer_id.clone(),
            customer_id: event.customer_id.clone(),
            environment_id: scope.environment_id.to_string(),
            source: event.source.clone(),
            timestamp: event.timestamp,
            properties: RawProperties::new(&event.properties),
        }
    }
}

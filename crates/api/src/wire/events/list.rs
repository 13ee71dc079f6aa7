//! Lists of events on the wire (spec 10 §9.3).

use crate::wire::PropertyFilters;
use std::collections::BTreeMap;

use domain::event::Event;
use domain::invalid::Invalid;
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::Texts;
use crate::wire::RawProperties;

/// Which events.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetEventsRequest {
    /// Only a customer's, by the identifier that the events name.
    pub(crate) external_customer_id: Option<String>,
    /// Exactly.
    pub(crate) event_name: Option<String>,
    /// Exactly.
    pub(crate) event_id: Option<String>,
    /// Exactly.
    pub(crate) source: Option<String>,
    /// Each of these properties with any of its values; values as texts.
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    pub(crate) property_filters: Option<PropertyFilters>,
    /// Seven days before the end without.
    pub(crate) start_time: Option<Timestamp>,
    /// Now without; inclusive.
    pub(crate) end_time: Option<Timestamp>,
    /// timestamp or event_name; timestamp without.
    pub(crate) sort: Option<String>,
    /// asc or desc; desc without.
    pub(crate) order: Option<String>,
    /// Most events of the page: 1 to 1000; 50 without.
    pub(crate) page_size: Option<i64>,
    /// Events before the page, without a key; far down a list, page with `iter_last_key`.
    pub(crate) offset: Option<i64>,
    /// Events newer than the event of this key, which an answer gave; wins over `iter_last_key`.
    pub(crate) iter_first_key: Option<String>,
    /// Events older than the event of this key, which an answer gave.
    pub(crate) iter_last_key: Option<String>,
}

/// Which events, in a query string.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetEventsQuery {
    /// Only a customer's, by the identifier that the events name.
    external_customer_id: Option<String>,
    /// Exactly.
    event_name: Option<String>,
    /// Exactly.
    event_id: Option<String>,
    /// Exactly.
    source: Option<String>,
    /// `k1:v1,v2;k2:v3`: each property with any of its values.
    property_filters: Option<String>,
    /// RFC 3339; seven days before the end without.
    start_time: Option<String>,
    /// RFC 3339; now without; inclusive.
    end_time: Option<String>,
    /// timestamp or event_name; timestamp without.
    sort: Option<String>,
    /// asc or desc; desc without.
    order: Option<String>,
    /// 1 to 50; 50 without.
    page_size: Option<String>,
    /// Events before the page, without a key; far down a list, page with `iter_last_key`.
    offset: Option<String>,
    /// Events newer than the event of this key, which an answer gave; wins over `iter_last_key`.
    iter_first_key: Option<String>,
    /// Events older than the event of this key, which an answer gave.
    iter_last_key: Option<String>,
}

/// Most events of a page that a query string asks for.
const QUERY_PAGE_MAX: i64 = 50;

impl GetEventsQuery {
    /// As a body would ask it.
    pub(crate) fn into_request(self) -> Result<GetEventsRequest, Invalid> {
        let page_size = number("page_size", self.page_size.as_deref())?.filter(|size| *size != 0);
        if let Some(size) = page_size.filter(|size| !(1..=QUERY_PAGE_MAX).contains(size)) {
            let message = format!("page_size must be 1 to {QUERY_PAGE_MAX}, not {size}: POST /v1/events/query takes larger ones");
            return Err(Invalid::input(message).with("field", "page_size").with("limit", QUERY_PAGE_MAX));
        }
        Ok(GetEventsRequest {
            external_customer_id: self.external_customer_id,
            event_name: self.event_name,
            event_id: self.event_id,
            source: self.source,
            property_filters: self.property_filters.as_deref().map(property_filters).transpose()?,
            start_time: time("start_time", self.start_time.as_deref())?,
            end_time: time("end_time", self.end_time.as_deref())?,
            sort: self.sort,
            order: self.order,
            page_size: Some(page_size.unwrap_or(QUERY_PAGE_MAX)),
            offset: number("offset", self.offset.as_deref())?,
            iter_first_key: self.iter_first_key,
            iter_last_key: self.iter_last_key,
        })
    }
}

fn number(field: &str, text: Option<&str>) -> Result<Option<i64>, Invalid> {
    let number = text.filter(|text| !text.is_empty()).map(str::parse).transpose();
    number.map_err(|_| Invalid::input(format!("{field} must be a whole number")).with("field", field))
}

/// An instant of a query string; empty is none.
pub(crate) fn time(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Invalid> {
    let time = text.filter(|text| !text.is_empty()).map(str::parse::<Timestamp>).transpose();
    time.map_err(|error| Invalid::input(format!("{field}: {error}")).with("field", field))
}

fn property_filters(text: &str) -> Result<PropertyFilters, Invalid> {
    let mut filters = BTreeMap::<_, Texts>::new();
    for filter in text.split(';').filter(|filter| !filter.is_empty()) {
        let Some((key, values)) = filter.split_once(':').filter(|(key, _)| !key.is_empty()) else {
            return Err(Invalid::input("property_filters look like k1:v1,v2;k2:v3").with("field", "property_filters"));
        };
        filters.entry(key.to_owned()).or_default().extend(values.split(',').map(str::to_owned));
    }
    Ok(filters.into())
}

/// An event.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventResponse {
    /// The sender's idempotency key, or one that was made up.
    pub(crate) id: String,
    /// What happened.
    pub(crate) event_name: String,
    /// Who did it, by the integrating application's own identifier.
    pub(crate) external_customer_id: String,
    /// As it was sent; empty without.
    pub(crate) customer_id: String,
    /// Where it was taken in.
    pub(crate) environment_id: String,
    /// As it was sent; empty without.
    pub(crate) source: String,
    /// When it happened; when it came in, where the sender did not say.
    pub(crate) timestamp: Timestamp,
    /// As they were sent.
    pub(crate) properties: RawProperties,
}

/// A page of events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GetEventsResponse {
    /// In the order that was asked for; newest first without.
    pub(crate) events: Vec<EventResponse>,
    /// Whether more follow.
    pub(crate) has_more: bool,
    /// How many match in all; with a key, on its side of it.
    pub(crate) total_count: i64,
    /// The offset of the next page.
    pub(crate) offset: i64,
    /// Of the first event of the page: events newer than this come before. Absent on an empty page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iter_first_key: Option<String>,
    /// Of the last event of the page: events older than this follow. Absent when a key led to the last page.
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

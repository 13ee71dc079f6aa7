//! What single events cost, on the wire (spec 10 §9.6). Names are those of the marketplace.

use crate::body::Texts;
use domain::money::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which events.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetHuggingFaceBillingDataRequest {
    /// Event ids: 1 to 1000.
    #[serde(default, rename = "requestIds")]
    #[schema(value_type = Vec<String>, max_items = 10000, required = true)]
    pub(crate) request_ids: Texts,
}

/// What they cost, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GetHuggingFaceBillingDataResponse {
    /// One for each id, in the order of the request.
    pub(crate) requests: Vec<EventCostInfo>,
}

/// What one event costs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventCostInfo {
    /// The event's id.
    #[serde(rename = "requestId")]
    pub(crate) request_id: String,
    /// Billionths of a US dollar, not rounded.
    #[serde(rename = "costNanoUsd")]
    pub(crate) cost_nano_usd: Decimal,
}

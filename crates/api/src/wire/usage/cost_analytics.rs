//! What usage costs, on the wire.

use crate::body::Texts;
use crate::wire::PropertyFilters;
use domain::money::Decimal;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::prices::PriceResponse;

/// Which usage is asked about.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct GetCostAnalyticsRequest {
    /// With `end_time`, or neither: then the last seven days.
    pub(crate) start_time: Option<Timestamp>,
    /// With `start_time`, or neither; not before it.
    pub(crate) end_time: Option<Timestamp>,
    /// Everybody's without, then without revenue.
    pub(crate) external_customer_id: Option<String>,
    /// Only of these features; of all without.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) feature_ids: Texts,
    /// Only events with each of these properties, of any of its values.
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    pub(crate) property_filters: Option<PropertyFilters>,
    /// Accepted, and changes nothing yet: there are no inherited subscriptions whose usage it could add.
    #[expect(dead_code, reason = "read and documented; nothing hangs on it until subscriptions are inherited")]
    pub(crate) include_children: Option<bool>,
    /// meter, price.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) expand: Texts,
    /// Accepted, and changes nothing: all items are answered.
    #[expect(dead_code, reason = "part of the contract, without effect by the specification")]
    pub(crate) limit: Option<i64>,
    /// Accepted, and changes nothing.
    #[expect(dead_code, reason = "part of the contract, without effect by the specification")]
    pub(crate) offset: Option<i64>,
}

/// What the usage of one meter costs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CostAnalyticItem {
    /// What counted it.
    pub(crate) meter_id: String,
    /// The name of its events.
    pub(crate) meter_name: String,
    /// The active cost sheet.
    pub(crate) costsheet_id: String,
    /// The cost sheet's price of the meter.
    pub(crate) price_id: String,
    /// As it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_customer_id: Option<String>,
    /// Over the whole time.
    pub(crate) total_quantity: Decimal,
    /// Not rounded.
    pub(crate) total_cost: Decimal,
    /// Events behind it.
    pub(crate) total_events: i64,
    /// Three letters, lower case.
    pub(crate) currency: String,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter: Option<MeterResponse>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<PriceResponse>,
}

/// Cost beside revenue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GetDetailedCostAnalyticsResponse {
    /// One for each meter that the active cost sheet prices and that has usage.
    pub(crate) cost_analytics: Vec<CostAnalyticItem>,
    /// The sum of the items' costs.
    pub(crate) total_cost: Decimal,
    /// 0 without a customer.
    pub(crate) total_revenue: Decimal,
    /// Revenue less cost; this and the next are 0 without an active cost sheet.
    pub(crate) margin: Decimal,
    /// Margin in percent of the revenue: 25 is a quarter; 0 without revenue.
    pub(crate) margin_percent: Decimal,
    /// Margin per unit of cost: 0.25 is a quarter; 0 without cost.
    pub(crate) roi: Decimal,
    /// The same in percent.
    pub(crate) roi_percent: Decimal,
    /// Empty when nothing is priced.
    pub(crate) currency: String,
    /// First instant of the time.
    pub(crate) start_time: Timestamp,
    /// First instant after it.
    pub(crate) end_time: Timestamp,
}

//! Usage on the wire.

pub(crate) mod analytics;
pub(crate) mod cost_analytics;
pub(crate) mod meter_usage;
pub(crate) mod raw_usage;
pub(crate) mod request_costs;

//! What events add up to: by meter, by line, and what it costs.

mod analytics;
mod cost_analytics;
mod meter_usage;
mod raw_usage;
mod request_costs;

use utoipa_axum::router::OpenApiRouter;

use crate::ApiState;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(request_costs::router())
        .merge(meter_usage::router())
        .merge(raw_usage::router())
        .merge(analytics::router())
        .merge(cost_analytics::router())
}

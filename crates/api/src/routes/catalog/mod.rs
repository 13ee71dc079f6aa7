//! What is metered, sold and priced.

mod backfills;
mod costsheets;
mod features;
mod groups;
mod meters;
mod plans;
mod prices;

use utoipa_axum::router::OpenApiRouter;

use crate::ApiState;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(meters::router())
        .merge(backfills::router())
        .merge(features::router())
        .merge(groups::router())
        .merge(plans::router())
        .merge(prices::router())
        .merge(costsheets::router())
}

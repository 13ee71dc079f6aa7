//! Events: in, one or many, and as they were sent.

mod collected;
mod ingest;
mod list;
mod lookup;
mod monitoring;

use utoipa_axum::router::OpenApiRouter;

use crate::ApiState;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(ingest::router())
        .merge(list::router())
        .merge(collected::router())
        .merge(lookup::router())
        .merge(monitoring::router())
}

//! Tenants' environments, their clocks and keys; the process itself.

mod api_keys;
mod clocks;
mod environments;
pub(crate) mod health;
mod settings;

use utoipa_axum::router::OpenApiRouter;

use crate::ApiState;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().merge(environments::router()).merge(clocks::router()).merge(api_keys::router()).merge(settings::router())
}

//! One folder per concept, one file per thing: handlers that decode, call one use case, encode.

mod asked_period;
mod catalog;
mod customers;
mod entitlements;
mod events;
mod expand;
mod invoices;
mod items;
pub(crate) mod platform;
mod schedules;
mod subscriptions;
mod usage;

use utoipa_axum::router::OpenApiRouter;

use crate::ApiState;

/// Every route under `/v1`, with its documentation.
pub(crate) fn versioned() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(events::router())
        .merge(usage::router())
        .merge(customers::router())
        .merge(catalog::router())
        .merge(entitlements::router())
        .merge(subscriptions::router())
        .merge(schedules::router())
        .merge(invoices::router())
        .merge(platform::router())
}

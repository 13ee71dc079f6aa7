//! One file per concept: handlers that decode, call one use case, encode.

mod api_keys;
mod asked_period;
mod backfills;
mod clocks;
mod collected;
mod costs;
mod customers;
mod environments;
mod event_list;
mod event_lookup;
mod events;
mod expand;
mod features;
mod groups;
pub(crate) mod health;
mod invoices;
mod meter_usage;
mod meters;
mod monitoring;
mod plans;
mod prices;
mod raw_usage;
mod request_costs;
mod subscriptions;
mod usage;

use utoipa_axum::router::OpenApiRouter;

use crate::ApiState;

/// Every route under `/v1`, with its documentation.
pub(crate) fn versioned() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(events::router())
        .merge(event_list::router())
        .merge(collected::router())
        .merge(event_lookup::router())
        .merge(monitoring::router())
        .merge(request_costs::router())
        .merge(meter_usage::router())
        .merge(raw_usage::router())
        .merge(usage::router())
        .merge(customers::router())
        .merge(meters::router())
        .merge(backfills::router())
        .merge(features::router())
        .merge(groups::router())
        .merge(plans::router())
        .merge(prices::router())
        .merge(costs::router())
        .merge(subscriptions::router())
        .merge(invoices::router())
        .merge(environments::router())
        .merge(clocks::router())
        .merge(api_keys::router())
}

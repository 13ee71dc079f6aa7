//! Usage straight from the events, by name and property or by meter.

use app::Error;
use app::event::{RawUsage, RawUsageRequest};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::ids::MeterId;
use domain::meter::{Aggregation, AggregationType, Filter, Meter, ResetUsage, Window, WindowSize};
use domain::scope::Scope;
use domain::time::{Timestamp, Zone};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked_period::asked_period;
use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::wire::raw_usage::{GetUsageByMeterRequest, GetUsageRequest, GetUsageResponse, UsageResult};
use crate::wire::{Filters, Number};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(usage_statistics)).routes(routes!(usage_by_meter))
}

/// Windows in a zone; an unknown zone is UTC, as the published API has it.
fn window(size: Option<WindowSize>, timezone: Option<&str>, anchor: Option<Timestamp>) -> Option<Window> {
    let zone = Zone::parse(timezone.unwrap_or_default()).unwrap_or(Zone::UTC);
    size.map(|size| match anchor {
        Some(anchor) => Window::anchored(size, zone, anchor),
        None => Window::new(size, zone),
    })
}

fn filters(filters: Option<Filters>) -> Vec<Filter> {
    filters.unwrap_or_default().into_iter().filter(|(_, values)| !values.is_empty()).map(|(key, values)| Filter { key, values }).collect()
}

/// The external id to read: the one given, or that of the customer whose id is given.
async fn external_id(state: &ApiState, scope: &Scope, external_id: Option<String>, id: Option<String>) -> ApiResult<Option<String>> {
    if let Some(external_id) = external_id.filter(|id| !id.is_empty()) {
        return Ok(Some(external_id));
    }
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(Some(state.app.customer(scope, &id).await?.external_id.clone())),
        None => Ok(None),
    }
}

/// Usage by event name and property, straight from the events
#[utoipa::path(post, path = "/v1/events/usage", operation_id = "getUsageStatistics", tag = "Events", request_body = GetUsageRequest,
    responses((status = 200, body = GetUsageResponse)))]
async fn usage_statistics(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetUsageRequest>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    if request.bucket_size.is_some() || !request.group_by.is_empty() || request.group_by_property.is_some() {
        return Err(Error::unbuilt("bucket_size or group_by").into());
    }
    let event_name = request.event_name.trim().to_owned();
    domain::invalid::require_text(&event_name, "event_name")?;
    let asked = request.aggregation_type.to_uppercase();
    let kind = AggregationType::parse(&asked).ok_or_else(|| Error::input(format!("aggregation_type `{asked}` is unknown")))?;
    if request.multiplier.is_some() && kind != AggregationType::SumWithMultiplier {
        return Err(Error::input("multiplier belongs to SUM_WITH_MULTIPLIER").into());
    }
    let field = request.property_name.unwrap_or_default();
    // Without a property there is nothing to add up but the events themselves.
    let kind = if field.is_empty() { AggregationType::Count } else { kind };
    let meter = Meter {
        id: MeterId::default(),
        name: event_name.clone(),
        event_name,
        aggregation: Aggregation {
            kind,
            field,
            expression: None,
            multiplier: request.multiplier,
            bucket_size: None,
            group_by: String::new(),
        },
        filters: filters(request.filters),
        reset_usage: ResetUsage::BillingPeriod,
        audit: state.app.audit(&context),
    };
    meter.validate()?;
    let raw = RawUsageRequest {
        meter,
        external_customer_id: external_id(&state, scope, request.external_customer_id, request.customer_id).await?,
        period: asked_period(&state, scope, request.start_time, request.end_time)?,
        window: window(request.window_size, request.timezone.as_deref(), request.billing_anchor),
    };
    respond(&state, scope, raw).await
}

/// Usage by a meter, straight from the events
#[utoipa::path(post, path = "/v1/events/usage/meter", operation_id = "getUsageByMeter", tag = "Events", request_body = GetUsageByMeterRequest,
    responses((status = 200, body = GetUsageResponse)))]
async fn usage_by_meter(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetUsageByMeterRequest>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    if request.bucket_size.is_some() {
        return Err(Error::unbuilt("bucket_size").into());
    }
    domain::invalid::require_text(&request.meter_id, "meter_id")?;
    let mut meter: Meter = state.app.get(scope, "meter", &request.meter_id).await?;
    meter.filters.extend(filters(request.filters));
    let raw = RawUsageRequest {
        meter,
        external_customer_id: external_id(&state, scope, request.external_customer_id, request.customer_id).await?,
        period: asked_period(&state, scope, request.start_time, request.end_time)?,
        window: window(request.window_size, request.timezone.as_deref(), request.billing_anchor),
    };
    respond(&state, scope, raw).await
}

async fn respond(state: &ApiState, scope: &Scope, request: RawUsageRequest) -> ApiResult<Response> {
    let event_name = request.meter.event_name.clone();
    let kind = request.meter.aggregation.kind.to_string();
    let windowed = request.window.is_some();
    let RawUsage { value, windows } = state.app.raw_usage(scope, request).await?;
    let results: Vec<UsageResult> =
        windows.iter().map(|(start, value)| UsageResult { window_size: *start, value: Number::from(value) }).collect();
    let response = GetUsageResponse {
        event_name,
        kind,
        value: if value.is_zero() || windowed { None } else { Some(Number::from(&value)) },
        results: if results.is_empty() { None } else { Some(results) },
    };
    Ok(axum::Json(response).into_response())
}

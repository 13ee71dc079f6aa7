//! Usage straight from the events, by name and property or by meter.

use app::Error;
use app::usage::{RawUsage, RawUsageRequest};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::ids::MeterId;
use domain::invalid::Invalid;
use domain::meter::{Aggregation, AggregationType, Filter, Meter, ResetUsage, Window, WindowSize};
use domain::scope::Scope;
use domain::time::{Timestamp, Zone};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::error::ApiResult;
use crate::extract::{Body, Caller};
use crate::routes::asked_period::asked_period;
use crate::wire::usage::raw_usage::{GetUsageByMeterRequest, GetUsageRequest, GetUsageResponse, UsageResult};
use crate::wire::{Number, PropertyFilters, values_by_property};

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(usage_statistics)).routes(routes!(usage_by_meter))
}

/// Windows in a zone. One that does not exist is refused: days would begin where nobody asked.
fn window(size: Option<WindowSize>, timezone: Option<&str>, anchor: Option<Timestamp>) -> ApiResult<Option<Window>> {
    let zone = Zone::parse(timezone.unwrap_or_default())?;
    Ok(size.map(|size| Window::anchored(size, zone, anchor)))
}

fn filters(filters: Option<PropertyFilters>) -> Vec<Filter> {
    values_by_property(filters).into_iter().filter(|(_, values)| !values.is_empty()).map(|(key, values)| Filter { key, values }).collect()
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

/// The property that buckets are told apart by: the first of `group_by` in the form `properties.NAME`, else the older field. What has
/// another form groups nothing, as the published API has it.
fn group_by(group_by: &[String], group_by_property: Option<String>) -> String {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    let name = match group_by.first() {
        Some(first) => first.strip_prefix("properties.").unwrap_or_default().to_owned(),
        None => group_by_property.unwrap_or_default(),
    };
    if is_name(&name) { name } else { String::new() }
}

/// Usage by event name and property, straight from the events
#[utoipa::path(post, path = "/v1/events/usage", operation_id = "getUsageStatistics", tag = "Events", request_body = GetUsageRequest,
    responses((status = 200, body = GetUsageResponse)))]
async fn usage_statistics(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<GetUsageRequest>,
) -> ApiResult<Response> {
    use AggregationType::{Count, Max, Sum, SumWithMultiplier};
    let scope = &context.scope;
    let event_name = request.event_name.trim().to_owned();
    domain::invalid::require_text(&event_name, "event_name")?;
    let asked = request.aggregation_type.to_uppercase();
    let kind = AggregationType::parse(&asked).ok_or_else(|| Invalid::not_one_of("aggregation_type", AggregationType::TEXTS, &asked))?;
    if request.multiplier.is_some() && kind != SumWithMultiplier {
        return Err(Error::field("multiplier", "multiplier belongs to SUM_WITH_MULTIPLIER").into());
    }
    if request.multiplier.as_ref().is_some_and(|multiplier| !multiplier.is_positive()) {
        return Err(Error::field("multiplier", "multiplier must be above 0").into());
    }
    let field = request.property_name.unwrap_or_default();
    // Without a property there is nothing to add up but the events themselves.
    let kind = if field.is_empty() { Count } else { kind };
    let bucket_size = request.bucket_size.filter(|_| matches!(kind, Max | Sum));
    let group_by =
        if bucket_size.is_some() && kind == Max { group_by(&request.group_by, request.group_by_property) } else { String::new() };
    let meter = Meter {
        id: MeterId::default(),
        name: event_name.clone(),
        event_name,
        aggregation: Aggregation {
            kind,
            field,
            expression: None,
            multiplier: request.multiplier.filter(|_| kind == SumWithMultiplier),
            bucket_size,
            group_by,
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
        window: window(request.window_size, request.timezone.as_deref(), request.billing_anchor)?,
        billing_anchor: request.billing_anchor,
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
    domain::invalid::require_text(&request.meter_id, "meter_id")?;
    let mut meter: Meter = state.app.require(scope, &request.meter_id).await?;
    meter.filters.extend(filters(request.filters));
    let takes_buckets = matches!(meter.aggregation.kind, AggregationType::Max | AggregationType::Sum);
    meter.aggregation.bucket_size = meter.aggregation.bucket_size.or(request.bucket_size).filter(|_| takes_buckets);
    let raw = RawUsageRequest {
        meter,
        external_customer_id: external_id(&state, scope, request.external_customer_id, request.customer_id).await?,
        period: asked_period(&state, scope, request.start_time, request.end_time)?,
        window: window(request.window_size, request.timezone.as_deref(), request.billing_anchor)?,
        billing_anchor: request.billing_anchor,
    };
    respond(&state, scope, raw).await
}

async fn respond(state: &ApiState, scope: &Scope, request: RawUsageRequest) -> ApiResult<Response> {
    let event_name = request.meter.event_name.clone();
    let kind = request.meter.aggregation.kind.to_string();
    // Windows of a meter that resets say all there is; else the value says what they do not.
    let windows_only =
        request.window.is_some() && request.meter.aggregation.bucket_size.is_none() && request.meter.reset_usage != ResetUsage::Never;
    let RawUsage { value, windows } = state.app.raw_usage(scope, request).await?;
    let results: Vec<UsageResult> = windows
        .into_iter()
        .map(|window| UsageResult { window_size: window.start, value: Number::from(&window.value), group: window.group.map(String::from) })
        .collect();
    let response = GetUsageResponse {
        event_name,
        kind,
        value: if value.is_zero() || windows_only { None } else { Some(Number::from(&value)) },
        results: if results.is_empty() { None } else { Some(results) },
    };
    Ok(axum::Json(response).into_response())
}

#[cfg(test)]
mod tests {
    use super::group_by;

    #[test]
    fn only_plain_property_names_group() {
        let first = |name: &str| group_by(&[name.to_owned()], Some("old".to_owned()));
        assert_eq!(first("properties.node.id_1"), "node.id_1");
        for name in ["node", "properties.", "properties.a-b", "properties.a b", "feature_id"] {
            assert_eq!(first(name), "", "{name}");
        }
        assert_eq!(group_by(&[], Some("node".to_owned())), "node");
        assert_eq!(group_by(&[], None), "");
    }
}

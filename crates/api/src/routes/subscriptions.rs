//! Subscriptions.

use std::collections::HashMap;

use app::subscription::SubscriptionWithLines;
use app::{Condition, Error, Page, Value};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::catalog::Plan;
use domain::customer::Customer;
use domain::meter::Meter;
use domain::rating::Price;
use domain::scope::Scope;
use domain::subscription::{CancelRequest, CancellationType, ProrationBehavior, Subscription, SubscriptionLineItem, SubscriptionStatus};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::commit;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::Columns;
use crate::list::{DefaultStatus, ListResponse};
use crate::routes::entitlements::aggregated;
use crate::routes::expand::{Allowed, Expand};
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::plans::PlanResponse;
use crate::wire::catalog::prices::PriceResponse;
use crate::wire::customers::CustomerResponse;
use crate::wire::embedding::{InvoiceResponse, SubscriptionResponse};
use crate::wire::entitlements::effective::AggregatedFeature;
use crate::wire::subscriptions::{
    CancelSubscriptionRequest, CancelSubscriptionResponse, CreateSubscriptionRequest, SubscriptionFilter, SubscriptionLineItemResponse,
    SubscriptionUsageRequest, SubscriptionUsageResponse,
};

const COLUMNS: Columns = Columns::of::<Subscription>(&[
    "lookup_key",
    "customer_id",
    "invoicing_customer_id",
    "plan_id",
    "subscription_status",
    "subscription_type",
    "currency",
    "billing_cycle",
    "billing_period",
    "billing_period_count",
    "billing_anchor",
    "start_date",
    "end_date",
    "current_period_start",
    "current_period_end",
    "cancelled_at",
    "cancel_at",
    "cancel_at_period_end",
    "collection_method",
    "version",
]);

/// Schedules and coupons are not built yet: they may be asked for, and none is embedded.
const EXPAND: Allowed = &[
    ("plan", &["prices"]),
    ("customer", &[]),
    ("prices", &["meters"]),
    ("meters", &[]),
    ("schedule", &[]),
    ("coupon_associations", &["coupon"]),
    ("coupon", &[]),
    ("subscription_line_items", &["prices", "meters"]),
    ("entitlements", &[]),
];

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_subscription, list_subscriptions))
        .routes(routes!(query_subscription))
        .routes(routes!(subscription_usage))
        .routes(routes!(get_subscription))
        .routes(routes!(get_subscription_v2))
        .routes(routes!(cancel_subscription))
        .routes(routes!(subscriptions_for_customer))
}

/// Makes a subscription with its opening invoice
#[utoipa::path(post, path = "/v1/subscriptions", operation_id = "createSubscription", tag = "Subscriptions",
    request_body = CreateSubscriptionRequest, responses((status = 201, body = SubscriptionResponse)))]
async fn create_subscription(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateSubscriptionRequest>,
) -> ApiResult<Response> {
    let pending = state.app.create_subscription(&context, request.into_new(state.app.now(&context.scope))?).await?;
    commit(&context, StatusCode::CREATED, pending, |(made, plan, invoice)| {
        let mut response = SubscriptionResponse::from(&made.subscription);
        response.line_items = Some(made.lines.iter().map(SubscriptionLineItemResponse::from).collect());
        response.plan = Some(PlanResponse::new(plan, None));
        response.latest_invoice = invoice.as_ref().map(|(invoice, lines)| InvoiceResponse::new(invoice, Some(lines)));
        response
    })
    .await
}

/// Lists active subscriptions
#[utoipa::path(get, path = "/v1/subscriptions", operation_id = "listSubscriptions", tag = "Subscriptions",
    params(Query<SubscriptionFilter>), responses((status = 200, body = ListResponse<SubscriptionResponse>)))]
async fn list_subscriptions(state: State<ApiState>, caller: Caller, Query(filter): Query<SubscriptionFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

/// Searches subscriptions; without a status only active ones
#[utoipa::path(post, path = "/v1/subscriptions/search", operation_id = "querySubscription", tag = "Subscriptions",
    request_body = SubscriptionFilter, responses((status = 200, body = ListResponse<SubscriptionResponse>)))]
async fn query_subscription(state: State<ApiState>, caller: Caller, Body(filter): Body<SubscriptionFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

async fn search(State(state): State<ApiState>, Caller(context): Caller, mut filter: SubscriptionFilter) -> ApiResult<Response> {
    let scope = &context.scope;
    let expand = Expand::parse(filter.common.expand.as_deref(), EXPAND)?;
    let with_lines = filter.with_line_items == Some(true) || expand.has("subscription_line_items");
    let own = conditions(&state, scope, &mut filter).await?;
    let query = filter.common.into_query_with_times(&COLUMNS, DefaultStatus::Published, own, None, None)?;
    let Page { items, total } = state.app.list::<Subscription>(scope, &query).await?;
    let wants = Embed {
        plan: true,
        customer: expand.has("customer"),
        lines: with_lines,
        prices: expand.has("prices") || expand.has_in("subscription_line_items", "prices"),
        meters: expand.has("meters") || expand.has_in("subscription_line_items", "meters"),
        entitlements: expand.has("entitlements"),
    };
    let items = embed(&state, scope, &items, wants).await?;
    Ok(axum::Json(ListResponse::new(Page { items, total }, query.limit, query.offset, |subscription| subscription)).into_response())
}

async fn conditions(state: &ApiState, scope: &Scope, filter: &mut SubscriptionFilter) -> ApiResult<Vec<Condition>> {
    let mut own = Vec::new();
    for (column, values) in
        [("id", &filter.subscription_ids), ("customer_id", &filter.customer_ids), ("invoicing_customer_id", &filter.invoicing_customer_ids)]
    {
        if !values.is_empty() {
            own.push(Condition::one_of(column, values));
        }
    }
    Error::refuse_unbuilt([
        ("parent_subscription_ids", !filter.parent_subscription_ids.is_empty()),
        ("trial_end_due_lte", filter.trial_end_due_lte.is_some()),
    ])?;
    if !filter.billing_cadence.is_empty() && !filter.billing_cadence.iter().any(|cadence| cadence == "RECURRING") {
        own.push(Condition::In("id", Vec::new()));
    }
    if let Some(external_id) = filter.external_customer_id.as_deref().filter(|id| !id.is_empty()) {
        let customer = state.app.customer_by_external_id(scope, external_id).await?;
        own.push(Condition::eq("customer_id", &customer.id));
    }
    for (column, value) in [("customer_id", &filter.customer_id), ("plan_id", &filter.plan_id)] {
        own.extend(value.as_ref().filter(|value| !value.is_empty()).map(|value| Condition::eq(column, value)));
    }
    match &filter.subscription_status {
        Some(statuses) if !statuses.is_empty() => own.push(Condition::one_of("subscription_status", statuses)),
        // Without a status, active subscriptions alone are shown (spec 30 §17).
        _ if filter.common.names_column("subscription_status") => {}
        _ => own.push(Condition::eq("subscription_status", &SubscriptionStatus::Active)),
    }
    if let Some(types) = filter.subscription_type.as_ref().filter(|types| !types.is_empty()) {
        own.push(Condition::one_of("subscription_type", types));
    }
    if let Some(periods) = filter.billing_period.as_ref().filter(|periods| !periods.is_empty()) {
        own.push(Condition::one_of("billing_period", periods));
    }
    if let Some(at) = filter.active_at {
        own.push(Condition::Lte("start_date", Value::Time(at)));
        own.push(Condition::NullOrGt("end_date", Value::Time(at)));
    }
    if let Some(at) = filter.effective_date_for_update {
        own.push(Condition::Lte("current_period_end", Value::Time(at)));
    }
    own.extend(filter.common.start_time.map(|at| Condition::Gte("current_period_start", Value::Time(at))));
    own.extend(filter.common.end_time.map(|at| Condition::Lte("current_period_end", Value::Time(at))));
    Ok(own)
}

/// What is embedded in subscriptions.
#[derive(Clone, Copy, Default)]
struct Embed {
    plan: bool,
    customer: bool,
    lines: bool,
    prices: bool,
    meters: bool,
    entitlements: bool,
}

/// Subscriptions with what is wanted: one query per kind of thing, whatever their number.
async fn embed(state: &ApiState, scope: &Scope, subscriptions: &[Subscription], wants: Embed) -> ApiResult<Vec<SubscriptionResponse>> {
    let app = &state.app;
    let plan_ids = subscriptions.iter().filter(|_| wants.plan).map(|subscription| subscription.plan_id.to_string());
    let plans: HashMap<String, Plan> = app.get_many(scope, plan_ids).await?;
    let customer_ids = subscriptions.iter().filter(|_| wants.customer).map(|subscription| subscription.customer_id.to_string());
    let customers: HashMap<String, Customer> = app.get_many(scope, customer_ids).await?;
    let ids: Vec<_> = subscriptions.iter().map(|subscription| subscription.id.clone()).collect();
    let lines: Vec<SubscriptionLineItem> = if wants.lines { app.lines_of_subscriptions(scope, &ids).await? } else { Vec::new() };
    let price_ids = lines.iter().filter(|_| wants.prices).map(|line| line.price_id.to_string());
    let prices: HashMap<String, Price> = app.get_many(scope, price_ids).await?;
    let meter_ids = lines.iter().filter(|_| wants.meters).filter_map(|line| Some(line.meter_id.as_ref()?.to_string()));
    let meters: HashMap<String, Meter> = app.get_many(scope, meter_ids).await?;
    let mut by_subscription: HashMap<String, Vec<SubscriptionLineItemResponse>> = HashMap::new();
    for line in &lines {
        let mut response = SubscriptionLineItemResponse::from(line);
        response.price = prices.get(line.price_id.as_str()).map(PriceResponse::from);
        response.meter = line.meter_id.as_ref().and_then(|id| meters.get(id.as_str())).map(MeterResponse::from);
        by_subscription.entry(line.subscription_id.to_string()).or_default().push(response);
    }
    let mut entitlements = if wants.entitlements { entitlements_of(state, scope, subscriptions).await? } else { HashMap::new() };
    let response = |subscription: &Subscription| {
        let mut response = SubscriptionResponse::from(subscription);
        if wants.entitlements {
            response.entitlements = Some(entitlements.remove(subscription.id.as_str()).unwrap_or_default());
        }
        response.plan = plans.get(subscription.plan_id.as_str()).map(|plan| PlanResponse::new(plan, None));
        response.customer = customers.get(subscription.customer_id.as_str()).map(CustomerResponse::from);
        if wants.lines {
            response.line_items = Some(by_subscription.remove(subscription.id.as_str()).unwrap_or_default());
        }
        response
    };
    Ok(subscriptions.iter().map(response).collect())
}

/// What each subscription may use, by its id.
async fn entitlements_of(
    state: &ApiState,
    scope: &Scope,
    subscriptions: &[Subscription],
) -> ApiResult<HashMap<String, Vec<AggregatedFeature>>> {
    let features = state.app.entitlements_of_each(scope, subscriptions).await?;
    let mut aggregated = aggregated(state, scope, &features.iter().flatten().cloned().collect::<Vec<_>>()).await?.into_iter();
    let of_each = subscriptions.iter().zip(features);
    Ok(of_each.map(|(subscription, features)| (subscription.id.to_string(), aggregated.by_ref().take(features.len()).collect())).collect())
}

/// Reads a subscription with customer, plan, lines and prices
#[utoipa::path(get, path = "/v1/subscriptions/{id}", operation_id = "getSubscription", tag = "Subscriptions",
    responses((status = 200, body = SubscriptionResponse)))]
async fn get_subscription(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let subscription: Subscription = state.app.require(&context.scope, &id).await?;
    let wants = Embed { plan: true, customer: true, lines: true, prices: true, ..Embed::default() };
    Ok(axum::Json(embed(&state, &context.scope, &[subscription], wants).await?.pop()).into_response())
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct ExpandQuery {
    /// Things to embed, with commas between them: plan, customer, prices, meters, subscription_line_items, entitlements.
    expand: Option<String>,
}

/// Reads a subscription with what is asked for
#[utoipa::path(get, path = "/v1/subscriptions/{id}/v2", operation_id = "getSubscriptionV2", tag = "Subscriptions", params(Query<ExpandQuery>), responses((status = 200, body = SubscriptionResponse)))]
async fn get_subscription_v2(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Query(query): Query<ExpandQuery>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    let expand = Expand::parse(query.expand.as_deref(), EXPAND)?;
    let SubscriptionWithLines { subscription, .. } = state.app.subscription(scope, &id).await?;
    let wants = Embed {
        plan: expand.has("plan"),
        customer: expand.has("customer"),
        lines: expand.has("subscription_line_items"),
        prices: expand.has("prices") || expand.has_in("subscription_line_items", "prices"),
        meters: expand.has("meters") || expand.has_in("subscription_line_items", "meters"),
        entitlements: expand.has("entitlements"),
    };
    let out_of_sync = state.app.plan_price_sequence(scope, subscription.plan_id.as_str()).await? > subscription.synced_price_sequence;
    let mut response = embed(&state, scope, &[subscription], wants).await?.pop();
    if let Some(response) = &mut response {
        response.plan_prices_out_of_sync = Some(out_of_sync);
    }
    Ok(axum::Json(response).into_response())
}

/// Ends a subscription: now, with its period, or on a date
#[utoipa::path(post, path = "/v1/subscriptions/{id}/cancel", operation_id = "cancelSubscription", tag = "Subscriptions",
    request_body = CancelSubscriptionRequest, responses((status = 200, body = CancelSubscriptionResponse)))]
async fn cancel_subscription(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<CancelSubscriptionRequest>,
) -> ApiResult<Response> {
    let kind = request
        .cancellation_type
        .ok_or_else(|| Error::field("cancellation_type", "cancellation_type is required: immediate, end_of_period or scheduled_date"))?;
    if request.proration_behavior == Some(ProrationBehavior::CreateProrations) && kind == CancellationType::Immediate {
        return Err(Error::unbuilt_value("proration_behavior", "proration_behavior create_prorations (a credit to a wallet)").into());
    }
    let policy = match (request.cancel_immediately_inovice_policy, request.cancel_immediately_invoice_policy) {
        (Some(one), Some(other)) if one != other => {
            return Err(Error::field(
                "cancel_immediately_inovice_policy",
                "cancel_immediately_inovice_policy and cancel_immediately_invoice_policy contradict each other",
            )
            .into());
        }
        (Some(policy), _) | (None, Some(policy)) => policy,
        (None, None) => domain::subscription::InvoicePolicy::default(),
    };
    let reason = request.reason.unwrap_or_default();
    let request = CancelRequest { kind, cancel_at: request.cancel_at, invoice_policy: policy, reason: reason.clone() };
    let pending = state.app.cancel_subscription(&context, &id, &request).await?;
    let processed_at = state.app.now(&context.scope);
    commit(&context, StatusCode::OK, pending, |(subscription, effective)| CancelSubscriptionResponse {
        subscription_id: subscription.id.to_string(),
        status: subscription.subscription_status,
        cancellation_type: kind,
        effective_date: *effective,
        processed_at,
        reason,
        message: format!("subscription cancellation takes effect at {effective}"),
        total_credit_amount: domain::money::Decimal::zero(),
        proration_details: Vec::new(),
    })
    .await
}

/// Lists the active and trialing subscriptions of a customer
#[utoipa::path(get, path = "/v1/customers/external/{external_id}/subscriptions", operation_id = "getSubscriptionsForCustomer",
    tag = "Customers", params(Query<ExpandQuery>), responses((status = 200, body = ListResponse<SubscriptionResponse>)))]
async fn subscriptions_for_customer(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(external_id): Path<String>,
    Query(query): Query<ExpandQuery>,
) -> ApiResult<Response> {
    let scope = &context.scope;
    let expand = Expand::parse(query.expand.as_deref(), &[("subscription_line_items", &["meters"]), ("entitlements", &[])])?;
    let customer = state.app.customer_by_external_id(scope, &external_id).await?;
    let conditions = [
        Condition::eq("customer_id", &customer.id),
        Condition::one_of("subscription_status", &[SubscriptionStatus::Active, SubscriptionStatus::Trialing]),
    ];
    let subscriptions: Vec<Subscription> = state.app.find_all(scope, &conditions).await?;
    let meters = expand.has_in("subscription_line_items", "meters");
    let lines = expand.has("subscription_line_items");
    let wants = Embed { plan: true, lines, meters, entitlements: expand.has("entitlements"), ..Embed::default() };
    let items = embed(&state, scope, &subscriptions, wants).await?;
    let total = i64::try_from(items.len()).unwrap_or(i64::MAX);
    Ok(axum::Json(ListResponse::new(Page { items, total }, total, 0, |subscription| subscription)).into_response())
}

/// Usage and its cost in a window
#[utoipa::path(post, path = "/v1/subscriptions/usage", operation_id = "getSubscriptionUsage", tag = "Subscriptions",
    request_body = SubscriptionUsageRequest, responses((status = 200, body = SubscriptionUsageResponse)))]
async fn subscription_usage(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<SubscriptionUsageRequest>,
) -> ApiResult<Response> {
    let lifetime = request.lifetime_usage == Some(true);
    let usage =
        state.app.subscription_usage(&context.scope, &request.subscription_id, request.start_time, request.end_time, lifetime).await?;
    Ok(axum::Json(SubscriptionUsageResponse::from(&usage)).into_response())
}

//! What subscriptions and customers may use, and what was used of it.

use std::collections::HashMap;

use app::entitlement::{CustomerEntitlements, SubscriptionEntitlements, UsageSummaryRequest};
use app::{Error, Page};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::catalog::Plan;
use domain::customer::Customer;
use domain::entitlement::{EntitlementEntityType, FeatureEntitlement};
use domain::scope::Scope;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::features;
use crate::ApiState;
use crate::body::Texts;
use crate::error::ApiResult;
use crate::extract::{Caller, Query};
use crate::list::ListResponse;
use crate::wire::catalog::features::FeatureResponse;
use crate::wire::embedding::SubscriptionResponse;
use crate::wire::entitlements::effective::{
    AggregatedEntitlement, AggregatedFeature, BillingPeriodInfo, CustomerEntitlementsResponse, CustomerUsageSummaryResponse,
    FeatureUsageSummary, SubscriptionEntitlementsResponse, sources,
};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(subscription_entitlements))
        .routes(routes!(customer_entitlements))
        .routes(routes!(customer_entitlements_by_external_id))
        .routes(routes!(usage_summary))
        .routes(routes!(usage_summary_of_customer))
}

/// Which features.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct WhichFeatures {
    /// Any of these ids; with commas between them, or one each time.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    feature_ids: Texts,
}

/// Which features, through which contracts.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct WhichEntitlements {
    /// Any of these ids; with commas between them, or one each time.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    feature_ids: Texts,
    /// Any of these ids; with commas between them, or one each time.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    subscription_ids: Texts,
}

/// Which features, through which contracts, and whose.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct WhichUsage {
    /// Whose: by id.
    customer_id: Option<String>,
    /// Whose: by external id.
    customer_lookup_key: Option<String>,
    /// Any of these ids; with commas between them, or one each time.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    feature_ids: Texts,
    /// And these lookup keys; with commas between them, or one each time.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    feature_lookup_keys: Texts,
    /// Any of these ids; with commas between them, or one each time.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    subscription_ids: Texts,
}

/// Which features, through which contracts of a customer whom the path names.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct WhichUsageOfOne {
    /// Any of these ids; with commas between them, or one each time.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    feature_ids: Texts,
    /// And these lookup keys; with commas between them, or one each time.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    feature_lookup_keys: Texts,
    /// Any of these ids; with commas between them, or one each time.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    subscription_ids: Texts,
}

/// Names as clients send them: with commas between them, or one each time.
fn listed(texts: &Texts) -> Vec<String> {
    let names = texts.iter().flat_map(|text| text.split(','));
    names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Reads what a subscription may use
#[utoipa::path(get, path = "/v1/subscriptions/{id}/entitlements", operation_id = "getSubscriptionEntitlements", tag = "Subscriptions",
    params(Query<WhichFeatures>),
    responses((status = 200, body = SubscriptionEntitlementsResponse)))]
async fn subscription_entitlements(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Query(which): Query<WhichFeatures>,
) -> ApiResult<Response> {
    let feature_ids = listed(&which.feature_ids);
    let SubscriptionEntitlements { subscription, features } =
        state.app.subscription_entitlements(&context.scope, &id, &feature_ids).await?;
    let response = SubscriptionEntitlementsResponse {
        subscription_id: subscription.id.to_string(),
        plan_id: subscription.plan_id.to_string(),
        features: aggregated(&state, &context.scope, &features).await?,
    };
    Ok(axum::Json(response).into_response())
}

/// Reads what a customer may use, over its active and trialing subscriptions
#[utoipa::path(get, path = "/v1/customers/{id}/entitlements", operation_id = "getCustomerEntitlements", tag = "Customers",
    params(Query<WhichEntitlements>),
    responses((status = 200, body = CustomerEntitlementsResponse)))]
async fn customer_entitlements(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Query(which): Query<WhichEntitlements>,
) -> ApiResult<Response> {
    let customer = state.app.customer(&context.scope, &id).await?;
    entitlements_of(&state, &context.scope, &customer, &which).await
}

/// Reads what a customer may use, by its external id
#[utoipa::path(get, path = "/v1/customers/external/{external_id}/entitlements", operation_id = "getCustomerEntitlementsByExternalID",
    tag = "Customers", params(Query<WhichEntitlements>),
    responses((status = 200, body = CustomerEntitlementsResponse)))]
async fn customer_entitlements_by_external_id(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(external_id): Path<String>,
    Query(which): Query<WhichEntitlements>,
) -> ApiResult<Response> {
    let customer = state.app.customer_by_external_id(&context.scope, &external_id).await?;
    entitlements_of(&state, &context.scope, &customer, &which).await
}

async fn entitlements_of(state: &ApiState, scope: &Scope, customer: &Customer, which: &WhichEntitlements) -> ApiResult<Response> {
    let (feature_ids, subscription_ids) = (listed(&which.feature_ids), listed(&which.subscription_ids));
    let CustomerEntitlements { customer_id, subscriptions, features } =
        state.app.customer_entitlements(scope, customer, &feature_ids, &subscription_ids).await?;
    let response = CustomerEntitlementsResponse {
        customer_id: customer_id.to_string(),
        features: aggregated(state, scope, &features).await?,
        subscriptions: subscriptions.iter().map(SubscriptionResponse::from).collect(),
    };
    Ok(axum::Json(response).into_response())
}

/// Reads what a customer has used of what it may use
#[utoipa::path(get, path = "/v1/customers/usage", operation_id = "getCustomerUsageSummary", tag = "Customers",
    params(Query<WhichUsage>),
    responses((status = 200, body = CustomerUsageSummaryResponse)))]
async fn usage_summary(State(state): State<ApiState>, Caller(context): Caller, Query(which): Query<WhichUsage>) -> ApiResult<Response> {
    let named = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let by_key = match named(&which.customer_lookup_key) {
        Some(key) => Some(state.app.customer_by_external_id(&context.scope, &key).await?),
        None => None,
    };
    let customer = match (named(&which.customer_id), by_key) {
        (Some(id), Some(customer)) if customer.id.as_str() != id => {
            return Err(Error::field(
                "customer_lookup_key",
                "customer_id and customer_lookup_key name different customers: give one of them",
            )
            .into());
        }
        (_, Some(customer)) => customer,
        (Some(id), None) => (*state.app.customer(&context.scope, &id).await?).clone(),
        (None, None) => return Err(Error::field("customer_id", "customer_id or customer_lookup_key is required").into()),
    };
    let WhichUsage { feature_ids, feature_lookup_keys, subscription_ids, .. } = which;
    used(&state, &context.scope, &customer, &WhichUsageOfOne { feature_ids, feature_lookup_keys, subscription_ids }).await
}

/// Reads what a customer has used of what it may use (former path)
#[utoipa::path(get, path = "/v1/customers/{id}/usage", operation_id = "getUsageOfCustomer", tag = "Customers",
    params(Query<WhichUsageOfOne>),
    responses((status = 200, body = CustomerUsageSummaryResponse)))]
async fn usage_summary_of_customer(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Query(which): Query<WhichUsageOfOne>,
) -> ApiResult<Response> {
    let customer = state.app.customer(&context.scope, &id).await?;
    used(&state, &context.scope, &customer, &which).await
}

async fn used(state: &ApiState, scope: &Scope, customer: &Customer, which: &WhichUsageOfOne) -> ApiResult<Response> {
    let request = UsageSummaryRequest {
        feature_ids: listed(&which.feature_ids),
        feature_lookup_keys: listed(&which.feature_lookup_keys),
        subscription_ids: listed(&which.subscription_ids),
    };
    let summary = state.app.usage_summary(scope, customer, &request).await?;
    let plans = plans(state, scope, summary.features.iter().map(|usage| &usage.entitlement)).await?;
    let features: Vec<FeatureUsageSummary> = summary
        .features
        .iter()
        .map(|usage| FeatureUsageSummary::new(usage, FeatureResponse::new(&usage.feature, None, None), &plans))
        .collect();
    let total = i64::try_from(features.len()).unwrap_or(i64::MAX);
    let ListResponse { items: features, pagination } = ListResponse::new(Page { items: features, total }, total, 0, |feature| feature);
    let period = summary.period.map(|(period, billing_period)| BillingPeriodInfo {
        start_time: period.start,
        end_time: period.end,
        period: billing_period.to_string(),
    });
    let response = CustomerUsageSummaryResponse { customer_id: summary.customer_id.to_string(), period, features, pagination };
    Ok(axum::Json(response).into_response())
}

/// Features with what may be used of them: one query per kind of thing, whatever their number.
pub(in crate::routes) async fn aggregated(
    state: &ApiState,
    scope: &Scope,
    entitlements: &[FeatureEntitlement],
) -> ApiResult<Vec<AggregatedFeature>> {
    let ids = entitlements.iter().map(|entitlement| entitlement.feature_id.to_string());
    let known = features(state, scope, ids, true).await?;
    let plans = plans(state, scope, entitlements.iter()).await?;
    let feature = |entitlement: &FeatureEntitlement| {
        let missing = || Error::Internal(format!("an entitlement names feature {}, which does not exist", entitlement.feature_id));
        let feature = known.get(entitlement.feature_id.as_str()).cloned().ok_or_else(missing)?;
        let (entitlement, sources) = (AggregatedEntitlement::from(entitlement), sources(entitlement, &plans));
        Ok(AggregatedFeature { feature, entitlement, sources })
    };
    entitlements.iter().map(feature).collect()
}

/// The plans that entitlements come from.
async fn plans(
    state: &ApiState,
    scope: &Scope,
    entitlements: impl Iterator<Item = &FeatureEntitlement>,
) -> ApiResult<HashMap<String, Plan>> {
    let of_plans = entitlements
        .flat_map(|entitlement| &entitlement.sources)
        .filter(|source| source.entitlement.entity_type == EntitlementEntityType::Plan)
        .map(|source| source.entitlement.entity_id.clone());
    Ok(state.app.get_many(scope, of_plans.collect::<Vec<_>>()).await?)
}

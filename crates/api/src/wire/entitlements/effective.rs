//! What subscriptions and customers may use, and what was used of it, on the wire.

use std::collections::HashMap;

use app::entitlement::FeatureUsage;
use domain::catalog::Plan;
use domain::entitlement::{Entitlement, EntitlementEntityType, FeatureEntitlement, UsageResetPeriod};
use domain::money::Decimal;
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::list::Pagination;
use crate::wire::catalog::features::FeatureResponse;
use crate::wire::embedding::SubscriptionResponse;

/// What several entitlements on one feature amount to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AggregatedEntitlement {
    pub(crate) is_enabled: bool,
    /// The sum of the limits; null without limit.
    pub(crate) usage_limit: Option<i64>,
    pub(crate) is_soft_limit: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage_reset_period: Option<UsageResetPeriod>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) static_values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) config_values: Vec<Map<String, Value>>,
    /// Always additive: grants are not built yet.
    pub(crate) aggregation_mode: String,
}

/// Where an entitlement comes from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EntitlementSource {
    pub(crate) subscription_id: String,
    pub(crate) entitlement_id: String,
    /// plan, addon or subscription.
    pub(crate) entity_type: String,
    pub(crate) entity_id: String,
    pub(crate) entity_name: String,
    /// Always 1: an add-on that is attached twice is two sources.
    pub(crate) quantity: i64,
    pub(crate) is_enabled: bool,
    pub(crate) usage_limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage_reset_period: Option<UsageResetPeriod>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) static_value: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub(crate) config_value: Map<String, Value>,
}

/// A feature with what may be used of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AggregatedFeature {
    pub(crate) feature: FeatureResponse,
    pub(crate) entitlement: AggregatedEntitlement,
    pub(crate) sources: Vec<EntitlementSource>,
}

/// What a subscription may use.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SubscriptionEntitlementsResponse {
    pub(crate) subscription_id: String,
    pub(crate) plan_id: String,
    pub(crate) features: Vec<AggregatedFeature>,
}

/// What a customer may use.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CustomerEntitlementsResponse {
    pub(crate) customer_id: String,
    pub(crate) features: Vec<AggregatedFeature>,
    pub(crate) subscriptions: Vec<SubscriptionResponse>,
}

/// The running period of the oldest subscription.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BillingPeriodInfo {
    pub(crate) start_time: Timestamp,
    pub(crate) end_time: Timestamp,
    pub(crate) period: String,
}

/// What was used of a feature.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FeatureUsageSummary {
    pub(crate) feature: FeatureResponse,
    /// Null without limit.
    pub(crate) total_limit: Option<i64>,
    pub(crate) is_unlimited: bool,
    /// Since the limit last began anew.
    pub(crate) current_usage: Decimal,
    /// Used of the limit as a ratio: 0.25 is a quarter.
    pub(crate) usage_percent: Decimal,
    pub(crate) is_enabled: bool,
    pub(crate) is_soft_limit: bool,
    /// Null where the limit begins anew with the billing period, or never.
    pub(crate) next_usage_reset_at: Option<Timestamp>,
    pub(crate) sources: Vec<EntitlementSource>,
}

/// What a customer has used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustomerUsageSummaryResponse {
    pub(crate) customer_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period: Option<BillingPeriodInfo>,
    pub(crate) features: Vec<FeatureUsageSummary>,
    pub(crate) pagination: Pagination,
}

impl From<&FeatureEntitlement> for AggregatedEntitlement {
    fn from(feature: &FeatureEntitlement) -> Self {
        Self {
            is_enabled: true,
            usage_limit: feature.usage_limit,
            is_soft_limit: feature.is_soft_limit,
            usage_reset_period: feature.usage_reset_period,
            static_values: feature.static_values.clone(),
            config_values: feature.config_values.clone(),
            aggregation_mode: "additive".to_owned(),
        }
    }
}

/// Where a feature's entitlements come from; plans by name.
pub(crate) fn sources(feature: &FeatureEntitlement, plans: &HashMap<String, Plan>) -> Vec<EntitlementSource> {
    let source = |source: &domain::entitlement::Source| {
        let Entitlement { entity_type, entity_id, .. } = &source.entitlement;
        let entity_type = match entity_type {
            EntitlementEntityType::Plan => "plan",
            EntitlementEntityType::Addon => "addon",
            EntitlementEntityType::Subscription => "subscription",
        };
        EntitlementSource {
            subscription_id: source.subscription_id.to_string(),
            entitlement_id: source.entitlement.id.to_string(),
            entity_type: entity_type.to_owned(),
            entity_id: entity_id.clone(),
            entity_name: plans.get(entity_id).map(|plan| plan.name.clone()).unwrap_or_default(),
            quantity: 1,
            is_enabled: source.entitlement.is_enabled,
            usage_limit: source.entitlement.usage_limit,
            usage_reset_period: source.entitlement.usage_reset_period,
            static_value: source.entitlement.static_value.clone(),
            config_value: source.entitlement.config_value.clone(),
        }
    };
    feature.sources.iter().map(source).collect()
}

impl FeatureUsageSummary {
    /// What was used, with where it comes from.
    pub(crate) fn new(usage: &FeatureUsage, feature: FeatureResponse, plans: &HashMap<String, Plan>) -> Self {
        let FeatureUsage { entitlement, .. } = usage;
        let is_metered = usage.feature.kind == domain::catalog::FeatureType::Metered;
        Self {
            feature,
            total_limit: entitlement.usage_limit,
            is_unlimited: is_metered && entitlement.usage_limit.is_none(),
            current_usage: usage.current_usage.clone(),
            usage_percent: usage.usage_percent.clone(),
            is_enabled: true,
            is_soft_limit: entitlement.is_soft_limit,
            next_usage_reset_at: usage.next_reset,
            sources: sources(entitlement, plans),
        }
    }
}

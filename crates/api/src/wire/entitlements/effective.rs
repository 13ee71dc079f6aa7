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
    /// Always true: what is off is left out.
    pub(crate) is_enabled: bool,
    /// The sum of the limits; null without limit.
    pub(crate) usage_limit: Option<i64>,
    /// Whether one source only reports what goes beyond the limit. It is charged either way.
    pub(crate) is_soft_limit: bool,
    /// When the limit begins anew: what most sources say; with each billing period without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage_reset_period: Option<UsageResetPeriod>,
    /// The different texts of a static feature, in the order of the sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) static_values: Vec<String>,
    /// The objects of a config feature, in the order of the sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) config_values: Vec<Map<String, Value>>,
    /// Always additive: grants are not built yet.
    pub(crate) aggregation_mode: String,
}

/// Where an entitlement comes from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EntitlementSource {
    /// Through which subscription it holds.
    pub(crate) subscription_id: String,
    /// Which entitlement it is.
    pub(crate) entitlement_id: String,
    /// plan, addon or subscription.
    pub(crate) entity_type: String,
    /// The id of the plan, add-on or subscription that gives it.
    pub(crate) entity_id: String,
    /// The plan's name; empty for others.
    pub(crate) entity_name: String,
    /// Always 1: an add-on that is attached twice is two sources.
    pub(crate) quantity: i64,
    /// Always true: what is off is left out.
    pub(crate) is_enabled: bool,
    /// Free units of a metered feature; null without limit.
    pub(crate) usage_limit: Option<i64>,
    /// When the limit begins anew; with each billing period without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage_reset_period: Option<UsageResetPeriod>,
    /// The text of a static feature.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) static_value: String,
    /// The object of a config feature.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub(crate) config_value: Map<String, Value>,
}

/// A feature with what may be used of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AggregatedFeature {
    /// What may be used.
    pub(crate) feature: FeatureResponse,
    /// How much of it: all sources together.
    pub(crate) entitlement: AggregatedEntitlement,
    /// Where that comes from; at least one.
    pub(crate) sources: Vec<EntitlementSource>,
}

/// What a subscription may use.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SubscriptionEntitlementsResponse {
    /// Whose entitlements they are.
    pub(crate) subscription_id: String,
    /// What the subscription bought.
    pub(crate) plan_id: String,
    /// One for each feature that may be used.
    pub(crate) features: Vec<AggregatedFeature>,
}

/// What a customer may use.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CustomerEntitlementsResponse {
    /// Whose entitlements they are.
    pub(crate) customer_id: String,
    /// One for each feature that may be used, of all subscriptions together.
    pub(crate) features: Vec<AggregatedFeature>,
    /// The subscriptions that give them.
    pub(crate) subscriptions: Vec<SubscriptionResponse>,
}

/// The running period of the oldest subscription.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BillingPeriodInfo {
    /// First instant of the period.
    pub(crate) start_time: Timestamp,
    /// First instant after it.
    pub(crate) end_time: Timestamp,
    /// How often the subscription is invoiced: DAILY, WEEKLY, MONTHLY, QUARTERLY, HALF_YEARLY or ANNUAL.
    pub(crate) period: String,
}

/// What was used of a feature.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FeatureUsageSummary {
    /// What was used.
    pub(crate) feature: FeatureResponse,
    /// Null without limit.
    pub(crate) total_limit: Option<i64>,
    /// Whether it is metered and one source sets no limit.
    pub(crate) is_unlimited: bool,
    /// Since the limit last began anew.
    pub(crate) current_usage: Decimal,
    /// Used of the limit as a ratio: 0.25 is a quarter; 0 without a limit, 100 where the limit is 0.
    pub(crate) usage_percent: Decimal,
    /// Always true: what is off is left out.
    pub(crate) is_enabled: bool,
    /// Whether one source only reports what goes beyond the limit. It is charged either way.
    pub(crate) is_soft_limit: bool,
    /// Null where the limit begins anew with the billing period, or never.
    pub(crate) next_usage_reset_at: Option<Timestamp>,
    /// Where the entitlement comes from; at least one.
    pub(crate) sources: Vec<EntitlementSource>,
}

/// What a customer has used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustomerUsageSummaryResponse {
    /// Whose usage it is.
    pub(crate) customer_id: String,
    /// The running period of the oldest subscription; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period: Option<BillingPeriodInfo>,
    /// Metered features first, then static, boolean and config ones; by name.
    pub(crate) features: Vec<FeatureUsageSummary>,
    /// All features stand on one page.
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

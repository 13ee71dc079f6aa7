//! Plans on the wire.

use crate::body::Metadata;
use crate::body::Texts;
use crate::list::CommonFilter;
use crate::wire::AuditBody;
use crate::wire::catalog::prices::PriceResponse;
use crate::wire::entitlements::EntitlementResponse;
use domain::catalog::Plan;
use domain::ids::PlanId;
use domain::scope::Audit;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A plan to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreatePlanRequest {
    /// Display name.
    #[serde(default)]
    pub(crate) name: String,
    /// The caller's name; may be empty.
    #[serde(default)]
    pub(crate) lookup_key: String,
    #[serde(default)]
    pub(crate) description: String,
    /// Position in lists.
    pub(crate) display_order: Option<i64>,
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// Changes of a plan: only what is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdatePlanRequest {
    pub(crate) name: Option<String>,
    pub(crate) lookup_key: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) display_order: Option<i64>,
    /// Replaces all pairs.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// What differs in the copy.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ClonePlanRequest {
    /// Required.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// Required.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) lookup_key: String,
    pub(crate) description: Option<String>,
    pub(crate) display_order: Option<i64>,
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// A plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PlanResponse {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) lookup_key: String,
    pub(crate) description: String,
    pub(crate) display_order: i64,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prices: Option<Vec<PriceResponse>>,
    /// Where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub(crate) entitlements: Option<Vec<EntitlementResponse>>,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// Which plans.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::PlanFilter)]
pub(crate) struct PlanFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Any of these ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) plan_ids: Texts,
    pub(crate) lookup_key: Option<String>,
    /// All pairs must be there.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

impl CreatePlanRequest {
    /// The plan that is asked for.
    pub(crate) fn into_plan(self, id: PlanId, audit: Audit) -> Plan {
        Plan {
            id,
            name: self.name,
            lookup_key: self.lookup_key,
            description: self.description,
            display_order: self.display_order.unwrap_or(0),
            metadata: self.metadata.map(Metadata::into_inner).unwrap_or_default(),
            audit,
        }
    }
}

impl UpdatePlanRequest {
    /// Applies what is given.
    pub(crate) fn apply(self, plan: &mut Plan) {
        for (given, field) in
            [(self.name, &mut plan.name), (self.lookup_key, &mut plan.lookup_key), (self.description, &mut plan.description)]
        {
            if let Some(given) = given {
                *field = given;
            }
        }
        if let Some(display_order) = self.display_order {
            plan.display_order = display_order;
        }
        if let Some(metadata) = self.metadata {
            plan.metadata = metadata.into_inner();
        }
    }
}

impl ClonePlanRequest {
    /// Applies what differs; metadata is added to the source's.
    pub(crate) fn apply(self, plan: &mut Plan) {
        plan.name = self.name;
        plan.lookup_key = self.lookup_key;
        if let Some(description) = self.description {
            plan.description = description;
        }
        if let Some(display_order) = self.display_order {
            plan.display_order = display_order;
        }
        plan.metadata.extend(self.metadata.map(Metadata::into_inner).unwrap_or_default());
    }
}

impl PlanResponse {
    /// A plan with its prices, where they are asked for.
    pub(crate) fn new(plan: &Plan, prices: Option<Vec<PriceResponse>>) -> Self {
        let Plan { audit, .. } = plan;
        Self {
            id: plan.id.to_string(),
            name: plan.name.clone(),
            lookup_key: plan.lookup_key.clone(),
            description: plan.description.clone(),
            display_order: plan.display_order,
            metadata: plan.metadata.clone(),
            prices,
            entitlements: None,
            audit: AuditBody::from(audit),
        }
    }
}

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
    /// What people read; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// The caller's name, unique among published plans; may be empty.
    #[serde(default)]
    pub(crate) lookup_key: String,
    /// Free text.
    #[serde(default)]
    pub(crate) description: String,
    /// Position in lists that sort by it; 0 without.
    pub(crate) display_order: Option<i64>,
    /// Free pairs, at most 100.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// Changes of a plan: only what is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdatePlanRequest {
    /// What people read; not blank; kept without.
    pub(crate) name: Option<String>,
    /// Unique among published plans; empty takes it away, kept without.
    pub(crate) lookup_key: Option<String>,
    /// Free text; kept without.
    pub(crate) description: Option<String>,
    /// Position in lists that sort by it; kept without.
    pub(crate) display_order: Option<i64>,
    /// Replaces all pairs.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// What differs in the copy.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ClonePlanRequest {
    /// Of the copy; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// Of the copy; unique among published plans.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) lookup_key: String,
    /// Free text; the source's without.
    pub(crate) description: Option<String>,
    /// Position in lists that sort by it; the source's without.
    pub(crate) display_order: Option<i64>,
    /// Added to the source's pairs.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// A plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PlanResponse {
    /// `plan_` and a ULID.
    pub(crate) id: String,
    /// What people read.
    pub(crate) name: String,
    /// The caller's name, unique among published plans; empty when unused.
    pub(crate) lookup_key: String,
    /// Free text; empty when unused.
    pub(crate) description: String,
    /// Position in lists that sort by it.
    pub(crate) display_order: i64,
    /// Free pairs.
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
    /// Exactly.
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

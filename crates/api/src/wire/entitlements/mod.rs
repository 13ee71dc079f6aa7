//! Entitlements on the wire.

pub(crate) mod effective;

use app::entitlement::EntitlementChange;
use domain::catalog::FeatureType;
use domain::entitlement::{Entitlement, EntitlementEntityType, EntitlementOverride, UsageResetPeriod};
use domain::ids::EntitlementId;
use domain::invalid::{Faults, require_field, require_text};
use domain::money::Decimal;
use domain::scope::Audit;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::body::{List, Map as Members, Texts};
use crate::list::CommonFilter;
use crate::wire::AuditBody;
use crate::wire::catalog::features::FeatureResponse;
use crate::wire::catalog::plans::PlanResponse;

/// Refuses the fields of entitlement grants, which are not built yet.
macro_rules! refuse_grants {
    ($request:expr) => {{
        let given = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
        let parallel = $request.aggregation_mode.as_deref().is_some_and(|mode| !matches!(mode, "" | "additive"));
        let fields = [
            ("aggregation_mode other than additive", parallel),
            ("grant_measure", given(&$request.grant_measure)),
            ("grant_duration_unit", given(&$request.grant_duration_unit)),
            ("grant_duration_value", $request.grant_duration_value.is_some_and(|value| value != 0)),
            ("grant_quota", $request.grant_quota.is_some()),
            ("grant_allocation_behavior", given(&$request.grant_allocation_behavior)),
            ("grant_unlimited", $request.grant_unlimited == Some(true)),
        ];
        app::Error::refuse_unbuilt(fields)
    }};
}

/// An entitlement to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateEntitlementRequest {
    /// PLAN, SUBSCRIPTION or ADDON; PLAN with `plan_id`.
    pub(crate) entity_type: Option<EntitlementEntityType>,
    /// What gives it; required unless `plan_id` is there.
    pub(crate) entity_id: Option<String>,
    /// The plan that gives it: a former way to say entity_type PLAN.
    pub(crate) plan_id: Option<String>,
    /// What may be used.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) feature_id: String,
    /// The feature's own type: metered, boolean, static or config.
    #[schema(required = true)]
    pub(crate) feature_type: Option<FeatureType>,
    /// Whether a boolean feature is on: no without. The others are on.
    pub(crate) is_enabled: Option<bool>,
    /// Free units of a metered feature: 0 or more; unlimited without.
    pub(crate) usage_limit: Option<i64>,
    /// When the limit begins anew; with each billing period without.
    #[serde(default, deserialize_with = "crate::wire::empty_is_none")]
    pub(crate) usage_reset_period: Option<UsageResetPeriod>,
    /// Whether use beyond the limit is only reported.
    pub(crate) is_soft_limit: Option<bool>,
    /// The text of a static feature.
    pub(crate) static_value: Option<String>,
    /// The object of a config feature.
    #[schema(value_type = Option<Object>)]
    pub(crate) config_value: Option<Members<Value, 1000>>,
    /// The entitlement that one of a subscription takes the place of.
    pub(crate) parent_entitlement_id: Option<String>,
    /// First instant; from the beginning without.
    pub(crate) start_date: Option<Timestamp>,
    /// First instant after it; open without.
    pub(crate) end_date: Option<Timestamp>,
    /// Only additive is built.
    pub(crate) aggregation_mode: Option<String>,
    /// Not built yet.
    pub(crate) grant_measure: Option<String>,
    /// Not built yet.
    pub(crate) grant_duration_unit: Option<String>,
    /// Not built yet.
    pub(crate) grant_duration_value: Option<i64>,
    /// Not built yet.
    pub(crate) grant_quota: Option<Decimal>,
    /// Not built yet.
    pub(crate) grant_allocation_behavior: Option<String>,
    /// Not built yet.
    pub(crate) grant_unlimited: Option<bool>,
}

/// Entitlements to make, all or none.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateBulkEntitlementRequest {
    /// 1 to 100; all are made or none.
    #[serde(default)]
    #[schema(value_type = Vec<CreateEntitlementRequest>, max_items = 100, required = true)]
    pub(crate) items: List<CreateEntitlementRequest, 100>,
}

/// The entitlements that were made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CreateBulkEntitlementResponse {
    /// As they were made, in the order of the request.
    pub(crate) items: Vec<EntitlementResponse>,
}

/// Changes of an entitlement: only what is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateEntitlementRequest {
    /// Whether it counts; kept without.
    pub(crate) is_enabled: Option<bool>,
    /// Free units of a metered feature; 0 makes it unlimited, kept without.
    pub(crate) usage_limit: Option<i64>,
    /// When the limit begins anew; kept when empty.
    #[serde(default, deserialize_with = "crate::wire::empty_is_none")]
    pub(crate) usage_reset_period: Option<UsageResetPeriod>,
    /// Whether use beyond the limit is only reported; kept without.
    pub(crate) is_soft_limit: Option<bool>,
    /// The text of a static feature; kept when empty.
    pub(crate) static_value: Option<String>,
    /// Replaces the object of a config feature; kept without.
    #[schema(value_type = Option<Object>)]
    pub(crate) config_value: Option<Members<Value, 1000>>,
    /// Grants are not built yet: there is none to clear.
    pub(crate) clear_grant_config: Option<bool>,
    /// Only additive is built.
    pub(crate) aggregation_mode: Option<String>,
    /// Not built yet.
    pub(crate) grant_measure: Option<String>,
    /// Not built yet.
    pub(crate) grant_duration_unit: Option<String>,
    /// Not built yet.
    pub(crate) grant_duration_value: Option<i64>,
    /// Not built yet.
    pub(crate) grant_quota: Option<Decimal>,
    /// Not built yet.
    pub(crate) grant_allocation_behavior: Option<String>,
    /// Not built yet.
    pub(crate) grant_unlimited: Option<bool>,
}

/// What is agreed on in place of an entitlement of the plan.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct OverrideEntitlementRequest {
    /// The plan's; required.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) entitlement_id: String,
    /// Free units of a metered feature; unlimited without.
    pub(crate) usage_limit: Option<i64>,
    /// As the plan's without.
    pub(crate) is_enabled: Option<bool>,
    /// The text of a static feature.
    pub(crate) static_value: Option<String>,
    /// The object of a config feature.
    #[schema(value_type = Option<Object>)]
    pub(crate) config_value: Option<Members<Value, 1000>>,
}

/// An entitlement.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EntitlementResponse {
    /// `ent_` and a ULID.
    pub(crate) id: String,
    /// What gives it: PLAN, SUBSCRIPTION or ADDON.
    pub(crate) entity_type: EntitlementEntityType,
    /// The id of that.
    pub(crate) entity_id: String,
    /// The id of the plan that gives it; absent for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan_id: Option<String>,
    /// What may be used.
    pub(crate) feature_id: String,
    /// The feature's type: it says which of the values counts.
    pub(crate) feature_type: FeatureType,
    /// Whether it counts; one that does not is as if it were not there.
    pub(crate) is_enabled: bool,
    /// Free units of a metered feature; null without limit.
    pub(crate) usage_limit: Option<i64>,
    /// When the limit begins anew; with each billing period without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage_reset_period: Option<UsageResetPeriod>,
    /// Whether use beyond the limit is only reported. It is charged either way.
    pub(crate) is_soft_limit: bool,
    /// The text of a static feature; empty for others.
    pub(crate) static_value: String,
    /// The object of a config feature; absent for others.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub(crate) config_value: Map<String, Value>,
    /// Always additive: grants are not built yet.
    pub(crate) aggregation_mode: String,
    /// Position in lists that sort by it.
    pub(crate) display_order: i64,
    /// The plan's or add-on's entitlement that this one of a subscription takes the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_entitlement_id: Option<String>,
    /// First instant; from the beginning without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_date: Option<Timestamp>,
    /// First instant after it; open without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_date: Option<Timestamp>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feature: Option<FeatureResponse>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub(crate) plan: Option<Box<PlanResponse>>,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// Which entitlements.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::EntitlementFilter)]
pub(crate) struct EntitlementFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Any of these ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) entitlement_ids: Texts,
    /// Given by these things only: PLAN, SUBSCRIPTION or ADDON.
    pub(crate) entity_type: Option<EntitlementEntityType>,
    /// Of any of these plans, add-ons or subscriptions.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) entity_ids: Texts,
    /// Of any of these plans.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) plan_ids: Texts,
    /// On any of these features.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) feature_ids: Texts,
    /// On features of this type only.
    pub(crate) feature_type: Option<FeatureType>,
    /// Only those that count, or only those that do not.
    pub(crate) is_enabled: Option<bool>,
    /// Grants are not built yet: true shows none.
    pub(crate) has_grant_config: Option<bool>,
}

/// An object as the use cases take it.
fn object(asked: Option<Members<Value, 1000>>) -> Option<Map<String, Value>> {
    asked.map(|members| members.into_inner().into_iter().collect())
}

impl CreateEntitlementRequest {
    /// The entitlement that is asked for.
    pub(crate) fn into_entitlement(self, id: EntitlementId, audit: Audit) -> Result<Entitlement, app::Error> {
        refuse_grants!(self)?;
        let named = |value: Option<String>| value.filter(|value| !value.is_empty());
        let (entity_type, entity_id) = match (self.entity_type, named(self.entity_id), named(self.plan_id)) {
            (Some(entity_type), Some(entity_id), plan_id) => {
                let agree = plan_id.is_none_or(|plan| entity_type == EntitlementEntityType::Plan && plan == entity_id);
                require_field(agree, "plan_id", "plan_id names something else than entity_type and entity_id: leave it out")?;
                (entity_type, entity_id)
            }
            (None | Some(EntitlementEntityType::Plan), None, Some(plan_id)) => (EntitlementEntityType::Plan, plan_id),
            _ => {
                return Err(app::Error::field(
                    "entity_id",
                    "entity_type (PLAN, SUBSCRIPTION or ADDON) and entity_id are required, or plan_id alone",
                ));
            }
        };
        let mut faults = Faults::default();
        faults.take(require_text(&self.feature_id, "feature_id"));
        let Some(feature_type) = faults.needed_word(self.feature_type, "feature_type", FeatureType::TEXTS) else {
            return Err(faults.refusal().into());
        };
        let entitlement = Entitlement {
            id,
            entity_type,
            entity_id,
            feature_id: self.feature_id.into(),
            feature_type,
            is_enabled: self.is_enabled.unwrap_or(false),
            usage_limit: self.usage_limit,
            usage_reset_period: self.usage_reset_period,
            is_soft_limit: self.is_soft_limit.unwrap_or(false),
            static_value: self.static_value.unwrap_or_default(),
            config_value: object(self.config_value).unwrap_or_default(),
            display_order: 0,
            parent_entitlement_id: named(self.parent_entitlement_id).map(EntitlementId::from),
            start_date: self.start_date,
            end_date: self.end_date,
            audit,
        };
        faults.take(entitlement.validate());
        faults.check()?;
        Ok(entitlement)
    }
}

impl UpdateEntitlementRequest {
    /// The changes that are asked for.
    pub(crate) fn into_change(self) -> Result<EntitlementChange, app::Error> {
        refuse_grants!(self)?;
        // No entitlement has a grant: each is as plain as `clear_grant_config` would make it.
        let _ = self.clear_grant_config;
        Ok(EntitlementChange {
            is_enabled: self.is_enabled,
            usage_limit: self.usage_limit,
            usage_reset_period: self.usage_reset_period,
            is_soft_limit: self.is_soft_limit,
            static_value: self.static_value,
            config_value: object(self.config_value),
        })
    }
}

impl From<OverrideEntitlementRequest> for EntitlementOverride {
    fn from(request: OverrideEntitlementRequest) -> Self {
        Self {
            entitlement_id: request.entitlement_id.into(),
            usage_limit: request.usage_limit,
            is_enabled: request.is_enabled,
            static_value: request.static_value.unwrap_or_default(),
            config_value: object(request.config_value).unwrap_or_default(),
        }
    }
}

impl From<&Entitlement> for EntitlementResponse {
    fn from(entitlement: &Entitlement) -> Self {
        let Entitlement { audit, .. } = entitlement;
        let is_of_plan = entitlement.entity_type == EntitlementEntityType::Plan;
        Self {
            id: entitlement.id.to_string(),
            entity_type: entitlement.entity_type,
            entity_id: entitlement.entity_id.clone(),
            plan_id: is_of_plan.then(|| entitlement.entity_id.clone()),
            feature_id: entitlement.feature_id.to_string(),
            feature_type: entitlement.feature_type,
            is_enabled: entitlement.is_enabled,
            usage_limit: entitlement.usage_limit,
            usage_reset_period: entitlement.usage_reset_period,
            is_soft_limit: entitlement.is_soft_limit,
            static_value: entitlement.static_value.clone(),
            config_value: entitlement.config_value.clone(),
            aggregation_mode: "additive".to_owned(),
            display_order: entitlement.display_order,
            parent_entitlement_id: entitlement.parent_entitlement_id.as_ref().map(ToString::to_string),
            start_date: entitlement.start_date,
            end_date: entitlement.end_date,
            feature: None,
            plan: None,
            audit: AuditBody::from(audit),
        }
    }
}

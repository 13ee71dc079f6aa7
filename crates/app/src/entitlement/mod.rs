//! Entitlements: made, changed, archived (spec 20 §9.1).

mod effective;
mod usage_summary;

pub use effective::{CustomerEntitlements, SubscriptionEntitlements};
pub use usage_summary::{FeatureUsage, UsageSummary, UsageSummaryRequest};

use std::collections::{HashMap, HashSet};

use domain::catalog::{Feature, FeatureType, Plan};
use domain::entitlement::{Entitlement, EntitlementEntityType, UsageResetPeriod};
use domain::ids::FeatureId;
use domain::invalid::{Invalid, require_field};
use domain::meter::Meter;
use domain::platform::{ActivityAction, EntityType, SystemEventName};
use domain::scope::{Scope, Status};
use domain::subscription::Subscription;
use serde_json::{Map, Value};
use storage::Condition;

use crate::change::{Change, Entity};
use crate::{App, Context, Error, Pending, Result};

/// Most entitlements of one bulk request.
const BULK_MAX: usize = 100;
/// Most published entitlements of one plan or subscription.
const ENTITLEMENTS_MAX: i64 = 1000;

impl Entity for Entitlement {
    const TYPE: EntityType = EntityType::Entitlement;
    const NAME: &'static str = "entitlement";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn unique(&self) -> Option<(&'static str, &str)> {
        Some(("feature_id", self.feature_id.as_str()))
    }

    fn taken(&self) -> String {
        let (feature, entity) = (&self.feature_id, &self.entity_id);
        format!("{entity} has an entitlement on the feature {feature} already: change that one, or delete it first")
    }

    fn event(&self, action: ActivityAction) -> Option<SystemEventName> {
        Some(match action {
            ActivityAction::Created => SystemEventName::EntitlementCreated,
            ActivityAction::Updated => SystemEventName::EntitlementUpdated,
            ActivityAction::Archived => SystemEventName::EntitlementDeleted,
        })
    }
}

/// The conditions under which an entitlement belongs to a plan.
pub(crate) fn entitlements_of(plan_id: &str) -> [Condition; 2] {
    [Condition::Eq("entity_id", storage::Value::Text(plan_id.to_owned())), Condition::eq("entity_type", &EntitlementEntityType::Plan)]
}

/// Changes of an entitlement: only what is given.
#[derive(Clone, Debug, Default)]
pub struct EntitlementChange {
    /// Whether it counts.
    pub is_enabled: Option<bool>,
    /// Free units; 0 makes it unlimited (spec 20 §15 no. 5).
    pub usage_limit: Option<i64>,
    /// When the limit begins anew.
    pub usage_reset_period: Option<UsageResetPeriod>,
    /// Whether use beyond the limit is only reported.
    pub is_soft_limit: Option<bool>,
    /// The text of a static feature; empty keeps.
    pub static_value: Option<String>,
    /// The object of a config feature.
    pub config_value: Option<Map<String, Value>>,
}

impl EntitlementChange {
    fn apply(self, entitlement: &mut Entitlement) {
        if let Some(is_enabled) = self.is_enabled {
            entitlement.is_enabled = is_enabled;
        }
        if let Some(limit) = self.usage_limit {
            entitlement.usage_limit = Some(limit).filter(|limit| *limit != 0);
        }
        if self.usage_reset_period.is_some() {
            entitlement.usage_reset_period = self.usage_reset_period;
        }
        if let Some(is_soft_limit) = self.is_soft_limit {
            entitlement.is_soft_limit = is_soft_limit;
        }
        if let Some(value) = self.static_value.filter(|value| !value.is_empty()) {
            entitlement.static_value = value;
        }
        if let Some(value) = self.config_value {
            entitlement.config_value = value;
        }
    }
}

impl App {
    /// Makes entitlements, all or none, in the order given. Refused: an entity or a feature that does not exist, another type than the
    /// feature's, a second one of a feature.
    pub async fn create_entitlements(&self, context: &Context, entitlements: Vec<Entitlement>) -> Result<Pending<Vec<Entitlement>>> {
        require_field((1..=BULK_MAX).contains(&entitlements.len()), "items", "items must hold 1 to 100 entitlements")?;
        let mut change = self.begin(context).await?;
        let entitlements = prepare(&mut change, entitlements).await?;
        let mut taken = HashSet::new();
        for (place, new) in entitlements.iter().enumerate() {
            if new.end_date.is_none() && !taken.insert((new.entity_type, &new.entity_id, &new.feature_id)) {
                return Err(Error::Invalid(Invalid::input(new.taken()).with("index", place)));
            }
        }
        check_not_given(&mut change, &entitlements).await?;
        check_room(&mut change, &entitlements).await?;
        change.create_all(&entitlements).await?;
        Ok(change.done(entitlements))
    }

    /// Changes an entitlement.
    pub async fn update_entitlement(&self, context: &Context, id: &str, given: EntitlementChange) -> Result<Pending<Entitlement>> {
        let change = |entitlement: &mut Entitlement| {
            given.apply(entitlement);
            Ok(entitlement.validate()?)
        };
        self.change(context, id, change).await
    }

    /// Archives an entitlement: at once none of its subscriptions has it any more.
    pub async fn delete_entitlement(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut change = self.begin(context).await?;
        let entitlement: Entitlement = change.require(id).await?;
        require_field(entitlement.audit.status == Status::Published, "id", "the entitlement is archived already")?;
        change.archive(&entitlement).await?;
        Ok(change.done(()))
    }

    /// The published entitlements of plans, oldest first.
    pub async fn entitlements_of_plans(&self, scope: &Scope, plans: &[String]) -> Result<Vec<Entitlement>> {
        if plans.is_empty() {
            return Ok(Vec::new());
        }
        let conditions = [Condition::one_of("entity_id", plans), Condition::eq("entity_type", &EntitlementEntityType::Plan)];
        self.find_all(scope, &conditions).await
    }
}

/// Checks entitlements against what they name, which stays until the change ends.
async fn prepare(change: &mut Change, entitlements: Vec<Entitlement>) -> Result<Vec<Entitlement>> {
    let scope = change.scope().clone();
    let ids: Vec<FeatureId> = entitlements.iter().map(|new| new.feature_id.clone()).collect();
    let conditions = [Condition::one_of("id", &ids)];
    let features: Vec<Feature> = storage::find_all(&mut change.work().shared(), &scope, &conditions).await?;
    let features: HashMap<&FeatureId, &Feature> = features.iter().map(|feature| (&feature.id, feature)).collect();
    let meter_ids: Vec<_> = features.values().filter_map(|feature| feature.meter_id.clone()).collect();
    let meters: Vec<Meter> = storage::find_all(&mut change.work().glance(), &scope, &[Condition::one_of("id", &meter_ids)]).await?;
    let mut known = HashSet::new();
    let mut prepared = Vec::with_capacity(entitlements.len());
    for mut new in entitlements {
        let feature = features.get(&new.feature_id).ok_or_else(|| Error::not_found("feature", new.feature_id.as_str()))?;
        let meter = meters.iter().find(|meter| Some(&meter.id) == feature.meter_id.as_ref());
        // What has a limit or a value is on as long as it is there.
        new.is_enabled |= new.feature_type != FeatureType::Boolean;
        new.validate()?;
        new.check_feature(feature, meter)?;
        if known.insert((new.entity_type, new.entity_id.clone())) {
            check_entity(change, &new).await?;
        }
        if let Some(parent) = &new.parent_entitlement_id {
            let parent: Entitlement = change.require_shared(parent.as_str()).await?;
            require_field(
                parent.feature_id == new.feature_id,
                "parent_entitlement_id",
                "parent_entitlement_id must name an entitlement on the same feature",
            )?;
        }
        prepared.push(new);
    }
    Ok(prepared)
}

/// Refuses an entity that is not there or is archived.
async fn check_entity(change: &mut Change, new: &Entitlement) -> Result<()> {
    let status = match new.entity_type {
        EntitlementEntityType::Plan => change.require_shared::<Plan>(&new.entity_id).await?.audit.status,
        EntitlementEntityType::Subscription => change.require_shared::<Subscription>(&new.entity_id).await?.audit.status,
        EntitlementEntityType::Addon => return Err(Error::not_found("addon", &new.entity_id)),
    };
    require_field(status == Status::Published, "entity_id", "the plan or subscription is archived: choose a published one")?;
    Ok(())
}

/// Refuses a second one without end of a feature, and says which of them; the database refuses what comes at the same time.
async fn check_not_given(change: &mut Change, new: &[Entitlement]) -> Result<()> {
    let scope = change.scope().clone();
    let entities: Vec<String> = new.iter().map(|new| new.entity_id.clone()).collect();
    let features: Vec<FeatureId> = new.iter().map(|new| new.feature_id.clone()).collect();
    let conditions = [Condition::one_of("entity_id", &entities), Condition::one_of("feature_id", &features), Condition::Null("end_date")];
    let given: Vec<Entitlement> = storage::find_all(&mut change.work().glance(), &scope, &conditions).await?;
    for (place, new) in new.iter().enumerate().filter(|(_, new)| new.end_date.is_none()) {
        let is_same = |given: &&Entitlement| (&given.entity_id, &given.feature_id) == (&new.entity_id, &new.feature_id);
        if let Some(given) = given.iter().find(is_same) {
            let conflict = Error::exists(new.taken()).with("field", "feature_id").with("value", &new.feature_id);
            return Err(conflict.with("id", &given.id).with("index", place));
        }
    }
    Ok(())
}

/// Refuses more entitlements of a plan or subscription than its invoices can read.
async fn check_room(change: &mut Change, new: &[Entitlement]) -> Result<()> {
    let scope = change.scope().clone();
    let entities: HashSet<&str> = new.iter().map(|new| new.entity_id.as_str()).collect();
    for entity in entities {
        let conditions = [Condition::Eq("entity_id", storage::Value::Text(entity.to_owned())), Condition::eq("status", &Status::Published)];
        let there = storage::count::<Entitlement>(change.work(), &scope, &conditions).await?;
        let added = new.iter().filter(|new| new.entity_id == entity).count();
        if there + i64::try_from(added).unwrap_or(i64::MAX) > ENTITLEMENTS_MAX {
            return Err(Error::Invalid(
                Invalid::input(format!("{entity} may have at most {ENTITLEMENTS_MAX} entitlements: archive some first"))
                    .with("limit", ENTITLEMENTS_MAX),
            ));
        }
    }
    Ok(())
}

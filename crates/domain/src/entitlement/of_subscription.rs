//! What a contract has of its own instead of what its plan gives: values agreed on, and the part of a limit that a short first period has
//! (spec 20 §9.2, 30 §10.5).

use serde_json::{Map, Value};

use super::{Entitlement, EntitlementEntityType, UsageResetPeriod, renewals};
use crate::catalog::FeatureType;
use crate::ids::{EntitlementId, IdGen};
use crate::invalid::{Invalid, require_field};
use crate::money::Decimal;
use crate::subscription::{BillingCycle, ProrationBehavior, Subscription};

/// What is agreed on in place of an entitlement of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntitlementOverride {
    /// The plan's.
    pub entitlement_id: EntitlementId,
    /// Free units of a metered feature; unlimited without.
    pub usage_limit: Option<i64>,
    /// Whether it counts; as the plan's without.
    pub is_enabled: Option<bool>,
    /// The text of a static feature.
    pub static_value: String,
    /// The object of a config feature.
    pub config_value: Map<String, Value>,
}

impl Entitlement {
    /// The contract's own entitlement in place of this one of its plan, from the contract's start on.
    pub fn overridden(&self, agreed: &EntitlementOverride, subscription: &Subscription, ids: &dyn IdGen) -> Result<Self, Invalid> {
        let refuse = |given: bool, field: &str| {
            require_field(
                !given,
                field,
                &format!("{field} does not go with an entitlement on a {} feature: leave it out", self.feature_type),
            )
        };
        if self.feature_type != FeatureType::Metered {
            refuse(agreed.usage_limit.is_some(), "usage_limit")?;
        }
        if self.feature_type != FeatureType::Static {
            refuse(!agreed.static_value.is_empty(), "static_value")?;
        }
        if self.feature_type != FeatureType::Config {
            refuse(!agreed.config_value.is_empty(), "config_value")?;
        }
        let mut own = self.of(subscription, ids);
        own.is_enabled = agreed.is_enabled.unwrap_or(self.is_enabled);
        match self.feature_type {
            FeatureType::Metered => {
                own.usage_limit = agreed.usage_limit;
                own.usage_reset_period = self.usage_reset_period.or(Some(UsageResetPeriod::Monthly));
            }
            FeatureType::Static if !agreed.static_value.is_empty() => own.static_value.clone_from(&agreed.static_value),
            FeatureType::Config if !agreed.config_value.is_empty() => own.config_value.clone_from(&agreed.config_value),
            FeatureType::Static | FeatureType::Config | FeatureType::Boolean => {}
        }
        own.validate()?;
        Ok(own)
    }

    /// The part of this limit of the plan that a short first period has, by its part of the calendar's period, in whole units: with calendar
    /// billing and `create_prorations`. None where the period is whole, and of a limit that does not belong to it: one of days or months, or
    /// one that is there once.
    pub fn of_first_period(&self, subscription: &Subscription, ids: &dyn IdGen) -> Result<Option<Self>, Invalid> {
        let prorates =
            subscription.billing_cycle == BillingCycle::Calendar && subscription.proration_behavior == ProrationBehavior::CreateProrations;
        let Some(limit) = self.usage_limit.filter(|_| prorates && self.is_enabled) else { return Ok(None) };
        let first = subscription.current_period();
        let part = subscription.part_of_full_period(first)?;
        let is_whole = renewals(self.usage_reset_period, subscription, first)?.is_some_and(|stretches| stretches == [first]);
        let Some(part) = part.filter(|_| is_whole) else { return Ok(None) };
        let share = (&Decimal::from(limit) * &part).round(0);
        let mut own = self.of(subscription, ids);
        own.usage_limit = share.to_i64().or(self.usage_limit);
        own.end_date = Some(first.end);
        Ok(Some(own))
    }

    /// The same for one contract.
    fn of(&self, subscription: &Subscription, ids: &dyn IdGen) -> Self {
        Self {
            id: EntitlementId::new(ids),
            entity_type: EntitlementEntityType::Subscription,
            entity_id: subscription.id.to_string(),
            parent_entitlement_id: Some(self.id.clone()),
            start_date: Some(subscription.start_date),
            end_date: None,
            audit: subscription.audit.clone(),
            ..self.clone()
        }
    }
}

//! What a customer may use: limits, switches and values that plans, add-ons and subscriptions give (spec 20 §9).

mod effective;
mod of_subscription;
mod renewal;

pub use effective::{FeatureEntitlement, Source, in_force, merged};
pub use of_subscription::EntitlementOverride;
pub use renewal::{next_reset, renewals, usage_window};

use serde_json::{Map, Value};

use crate::catalog::{Feature, FeatureType};
use crate::ids::{EntitlementId, FeatureId};
use crate::invalid::{Invalid, require};
use crate::meter::{AggregationType, Meter};
use crate::scope::{Audit, Status};
use crate::time::Timestamp;

/// What gives an entitlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntitlementEntityType {
    /// A plan, to all its subscriptions.
    Plan,
    /// One subscription.
    Subscription,
    /// An add-on, once per attachment.
    Addon,
}

text_enum!(EntitlementEntityType { Plan = "PLAN", Subscription = "SUBSCRIPTION", Addon = "ADDON" });

/// When a limit begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UsageResetPeriod {
    /// Every month, counted from the billing anchor.
    Monthly,
    /// With each billing period.
    Annual,
    /// With each billing period.
    Weekly,
    /// Every day of the subscription's zone.
    Daily,
    /// With each billing period.
    Quarterly,
    /// With each billing period.
    HalfYearly,
    /// Never: it is used up once.
    Never,
}

text_enum!(UsageResetPeriod {
    Monthly = "MONTHLY",
    Annual = "ANNUAL",
    Weekly = "WEEKLY",
    Daily = "DAILY",
    Quarterly = "QUARTERLY",
    HalfYearly = "HALF_YEARLY",
    Never = "NEVER",
});

/// What a plan, an add-on or a subscription gives of a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// Identity.
    pub id: EntitlementId,
    /// What gives it.
    pub entity_type: EntitlementEntityType,
    /// The id of that.
    pub entity_id: String,
    /// Of what.
    pub feature_id: FeatureId,
    /// The feature's type.
    pub feature_type: FeatureType,
    /// Whether it counts; one that does not is as if it were not there.
    pub is_enabled: bool,
    /// Free units of a metered feature, 0 or more; unlimited without.
    pub usage_limit: Option<i64>,
    /// When the limit begins anew; with each billing period without.
    pub usage_reset_period: Option<UsageResetPeriod>,
    /// Whether use beyond the limit is only reported. It is billed either way.
    pub is_soft_limit: bool,
    /// The text of a static feature; empty for others.
    pub static_value: String,
    /// The object of a config feature; empty for others.
    pub config_value: Map<String, Value>,
    /// Position in lists.
    pub display_order: i64,
    /// The plan's or add-on's entitlement that this one of a subscription takes the place of.
    pub parent_entitlement_id: Option<EntitlementId>,
    /// First instant; from the beginning without.
    pub start_date: Option<Timestamp>,
    /// First instant after it; open without.
    pub end_date: Option<Timestamp>,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl Entitlement {
    /// Refuses values that do not go with the feature's type (spec 20 §9.1).
    pub fn validate(&self) -> Result<(), Invalid> {
        let kind = self.feature_type;
        let only = |given: bool, field: &str, of: FeatureType| {
            let message = || format!("{field} goes with {of} features only, and the feature is {kind}: leave it out");
            if given && kind != of { Err(Invalid::input(message()).with("field", field)) } else { Ok(()) }
        };
        only(self.usage_limit.is_some(), "usage_limit", FeatureType::Metered)?;
        only(self.usage_reset_period.is_some(), "usage_reset_period", FeatureType::Metered)?;
        only(self.is_soft_limit, "is_soft_limit", FeatureType::Metered)?;
        only(!self.static_value.is_empty(), "static_value", FeatureType::Static)?;
        only(!self.config_value.is_empty(), "config_value", FeatureType::Config)?;
        if let Some(limit) = self.usage_limit.filter(|limit| *limit < 0) {
            return Err(Invalid::input("usage_limit must be 0 or more; leave it out for no limit").with("usage_limit", limit));
        }
        if kind == FeatureType::Static {
            crate::invalid::require_text(&self.static_value, "static_value")?;
        }
        require(self.config_value.keys().all(|key| !key.trim().is_empty()), "keys of config_value must not be blank")?;
        let both = self.start_date.zip(self.end_date);
        require(both.is_none_or(|(start, end)| start < end), "end_date must lie after start_date")?;
        require(
            self.parent_entitlement_id.is_none() || self.entity_type == EntitlementEntityType::Subscription,
            "parent_entitlement_id goes with entity_type SUBSCRIPTION only",
        )
    }

    /// Refuses a feature of another type, and a meter whose quantity is no sum of what was used: the highest value of each bucket.
    pub fn check_feature(&self, feature: &Feature, meter: Option<&Meter>) -> Result<(), Invalid> {
        if feature.kind != self.feature_type {
            return Err(Invalid::input(format!("feature_type must be {}, the type of the feature", feature.kind))
                .with("feature_type", self.feature_type)
                .with("feature_id", &feature.id));
        }
        require(feature.audit.status == Status::Published, "the feature is archived: use a published one")?;
        let highest_of_buckets =
            meter.is_some_and(|meter| meter.aggregation.kind == AggregationType::Max && meter.aggregation.bucket_size.is_some());
        require(!highest_of_buckets, "a feature whose meter is MAX with bucket_size cannot carry entitlements")
    }

    /// Whether it counts at an instant: published, enabled, begun and not ended.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.audit.status == Status::Published
            && self.is_enabled
            && self.start_date.is_none_or(|start| start <= at)
            && self.end_date.is_none_or(|end| at < end)
    }
}

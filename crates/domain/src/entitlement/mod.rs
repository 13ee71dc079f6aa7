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
use crate::invalid::{Faults, Invalid, require_field, require_text};
use crate::meter::{AggregationType, Meter};
use crate::scope::{Audit, Status};
use crate::time::Timestamp;

/// Longest object of a config feature, as JSON, in bytes: as long as metadata may be.
const CONFIG_BYTES_MAX: usize = 64 * 1024;

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
    /// Refuses values that do not go with the feature's type, with all that is wrong about them (spec 20 §9.1).
    pub fn validate(&self) -> Result<(), Invalid> {
        let kind = self.feature_type;
        let mut faults = Faults::default();
        for (given, field, of) in [
            (self.usage_limit.is_some(), "usage_limit", FeatureType::Metered),
            (self.usage_reset_period.is_some(), "usage_reset_period", FeatureType::Metered),
            (self.is_soft_limit, "is_soft_limit", FeatureType::Metered),
            (!self.static_value.is_empty(), "static_value", FeatureType::Static),
            (!self.config_value.is_empty(), "config_value", FeatureType::Config),
        ] {
            let message = format!("{field} goes with {of} features only, and the feature is {kind}: leave it out");
            faults.require(!given || kind == of, field, &message);
        }
        if let Some(limit) = self.usage_limit.filter(|limit| *limit < 0) {
            let message = "usage_limit must be 0 or more; leave it out for no limit";
            faults.take::<()>(Err(Invalid::field("usage_limit", message).with("value", limit)));
        }
        if kind == FeatureType::Static {
            faults.take(require_text(&self.static_value, "static_value"));
        }
        let are_named = self.config_value.keys().all(|key| !key.trim().is_empty());
        faults.require(are_named, "config_value", "keys of config_value must not be blank");
        let bytes = serde_json::to_string(&self.config_value).map_or(0, |text| text.len());
        let fits = format!("config_value takes {bytes} bytes as JSON: at most {CONFIG_BYTES_MAX} are kept");
        faults.require(bytes <= CONFIG_BYTES_MAX, "config_value", &fits);
        let both = self.start_date.zip(self.end_date);
        faults.require(both.is_none_or(|(start, end)| start < end), "end_date", "end_date must lie after start_date");
        let may_replace = self.parent_entitlement_id.is_none() || self.entity_type == EntitlementEntityType::Subscription;
        faults.require(may_replace, "parent_entitlement_id", "parent_entitlement_id goes with entity_type SUBSCRIPTION only");
        faults.check()
    }

    /// Refuses a feature of another type, and a meter whose quantity is no sum of what was used: the highest value of each bucket.
    pub fn check_feature(&self, feature: &Feature, meter: Option<&Meter>) -> Result<(), Invalid> {
        if feature.kind != self.feature_type {
            return Err(Invalid::field("feature_type", format!("feature_type must be {}, the type of the feature", feature.kind))
                .with("value", self.feature_type)
                .with("feature_id", &feature.id));
        }
        let is_published = feature.audit.status == Status::Published;
        require_field(is_published, "feature_id", "the feature is archived: use a published one")?;
        let highest_of_buckets =
            meter.is_some_and(|meter| meter.aggregation.kind == AggregationType::Max && meter.aggregation.bucket_size.is_some());
        require_field(!highest_of_buckets, "feature_id", "a feature whose meter is MAX with bucket_size cannot carry entitlements")
    }

    /// Whether it is there at an instant, enabled or not: published, begun and not ended.
    fn is_in_force(&self, at: Timestamp) -> bool {
        self.audit.status == Status::Published
            && self.start_date.is_none_or(|start| start <= at)
            && self.end_date.is_none_or(|end| at < end)
    }
}

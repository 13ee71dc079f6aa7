//! What is sold: features, plans and display groups (spec 20 §§3, 4, 12). Prices are in `rating`, meters in `meter`.

use std::collections::BTreeMap;

use crate::ids::{FeatureId, GroupId, MeterId, PlanId};
use crate::invalid::{Faults, Invalid, require_text};
use crate::money::Decimal;
use crate::scope::Audit;

/// What kind of thing a feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeatureType {
    /// Counted by a meter.
    Metered,
    /// On or off.
    Boolean,
    /// A fixed text.
    Static,
    /// A fixed object.
    Config,
}

text_enum!(FeatureType { Metered = "metered", Boolean = "boolean", Static = "static", Config = "config" });

/// How usage is shown in another unit: divided by the rate, two decimals. Display only.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReportingUnit {
    /// One of it.
    pub unit_singular: String,
    /// Many of it.
    pub unit_plural: String,
    /// Above zero.
    pub conversion_rate: Decimal,
}

impl ReportingUnit {
    /// A usage in this unit (spec 20 §3.4): 90,000 at a rate of 60 is 1500.
    pub fn convert(&self, usage: &Decimal) -> Decimal {
        usage.div(&self.conversion_rate).unwrap_or_default().round(2)
    }
}

/// Which side of a threshold raises an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlertCondition {
    /// At or over it.
    Above,
    /// At or under it.
    Below,
}

text_enum!(AlertCondition { Above = "above", Below = "below" });

/// One level of an alert.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AlertThreshold {
    /// The value to compare with.
    pub threshold: Decimal,
    /// Which side of it raises the alert.
    pub condition: AlertCondition,
}

/// When a feature's balance or usage raises alerts (spec 20 §3.3).
#[derive(Clone, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct AlertSettings {
    /// The worst level.
    pub critical: Option<AlertThreshold>,
    /// The middle level; needs the worst.
    pub warning: Option<AlertThreshold>,
    /// The mildest level.
    pub info: Option<AlertThreshold>,
    /// Whether alerts are raised at all.
    pub alert_enabled: Option<bool>,
}

impl AlertSettings {
    /// Refuses levels that contradict each other.
    pub fn validate(&self) -> Result<(), Invalid> {
        let levels: Vec<&AlertThreshold> = [&self.info, &self.warning, &self.critical].into_iter().flatten().collect();
        let mut faults = Faults::default();
        let is_served = self.alert_enabled != Some(true) || !levels.is_empty();
        faults.require(is_served, "alert_settings.alert_enabled", "alert_enabled needs at least one threshold");
        let has_worst = self.warning.is_none() || self.critical.is_some();
        faults.require(has_worst, "alert_settings.critical", "a warning threshold needs a critical one");
        let agree = levels.windows(2).all(|pair| pair[0].condition == pair[1].condition);
        faults.require(agree, "alert_settings", "all thresholds must have the same condition");
        let ordered = levels.windows(2).all(|pair| match pair[0].condition {
            AlertCondition::Above => pair[0].threshold <= pair[1].threshold,
            AlertCondition::Below => pair[0].threshold >= pair[1].threshold,
        });
        faults.require(!agree || ordered, "alert_settings", "thresholds must run from info over warning to critical");
        faults.check()
    }

    /// Takes each threshold that `newer` gives; alerts are off unless one of both says otherwise.
    pub fn merge(&mut self, newer: Self) {
        self.critical = newer.critical.or(self.critical.take());
        self.warning = newer.warning.or(self.warning.take());
        self.info = newer.info.or(self.info.take());
        self.alert_enabled = Some(newer.alert_enabled.or(self.alert_enabled).unwrap_or(false));
    }
}

/// Something sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Identity.
    pub id: FeatureId,
    /// Display name.
    pub name: String,
    /// The caller's name; unique among published features.
    pub lookup_key: String,
    /// Free text.
    pub description: String,
    /// What kind of thing it is.
    pub kind: FeatureType,
    /// What counts it.
    pub meter_id: Option<MeterId>,
    /// One unit of it; empty when unused.
    pub unit_singular: String,
    /// Many units of it.
    pub unit_plural: String,
    /// How usage is shown in another unit.
    pub reporting_unit: Option<ReportingUnit>,
    /// When it raises alerts.
    pub alert_settings: Option<AlertSettings>,
    /// Display group.
    pub group_id: Option<GroupId>,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl Feature {
    /// Refuses a feature without name, with half a unit or with contradicting alerts (spec 20 §3.1).
    pub fn validate(&self) -> Result<(), Invalid> {
        let mut faults = Faults::default();
        faults.take(require_text(&self.name, "name"));
        faults.require(
            self.unit_singular.is_empty() == self.unit_plural.is_empty(),
            if self.unit_singular.is_empty() { "unit_singular" } else { "unit_plural" },
            "unit_singular and unit_plural go together: give both or neither",
        );
        if let Some(unit) = &self.reporting_unit {
            let is_named = !unit.unit_singular.is_empty() && !unit.unit_plural.is_empty();
            faults.require(is_named, "reporting_unit", "reporting_unit needs unit_singular and unit_plural");
            let rate = "reporting_unit.conversion_rate";
            faults.require(unit.conversion_rate.is_positive(), rate, "reporting_unit.conversion_rate must be above 0");
        }
        if let Some(settings) = &self.alert_settings {
            faults.take(settings.validate());
        }
        faults.check()
    }
}

/// The lookup key of a name: lower case, each run of other characters one underscore, none at the ends (spec 20 §3.1 no. 7).
pub fn lookup_key_of(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for character in name.to_lowercase().chars() {
        if character.is_ascii_lowercase() || character.is_ascii_digit() {
            key.push(character);
        } else if !key.is_empty() && !key.ends_with('_') {
            key.push('_');
        }
    }
    key.trim_end_matches('_').to_owned()
}

/// A bundle of prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Identity.
    pub id: PlanId,
    /// Display name.
    pub name: String,
    /// The caller's name; unique among published plans, empty when unused.
    pub lookup_key: String,
    /// Free text.
    pub description: String,
    /// Position in lists.
    pub display_order: i64,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// Scope, status, dates.
    pub audit: Audit,
}

/// What a group groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupEntityType {
    /// Prices.
    Price,
    /// Features.
    Feature,
}

text_enum!(GroupEntityType { Price = "price", Feature = "feature" });

/// A display group of prices or features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Identity.
    pub id: GroupId,
    /// Display name.
    pub name: String,
    /// The caller's name; unique among published groups.
    pub lookup_key: String,
    /// What it groups.
    pub entity_type: GroupEntityType,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// Scope, status, dates.
    pub audit: Audit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup_keys_are_lower_case_with_single_underscores() {
        for (name, expected) in [("Tokens used", "tokens_used"), ("  API -- calls! ", "api_calls"), ("Größe 2", "gr_e_2")] {
            assert_eq!(lookup_key_of(name), expected);
        }
    }
}

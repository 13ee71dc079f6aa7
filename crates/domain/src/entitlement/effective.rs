//! What several entitlements amount to, feature by feature (spec 20 §§9.2, 9.3).

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Entitlement, EntitlementEntityType, UsageResetPeriod};
use crate::catalog::FeatureType;
use crate::ids::{FeatureId, SubscriptionId};
use crate::time::Timestamp;

/// An entitlement, and the subscription through which a customer has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What is given.
    pub entitlement: Entitlement,
    /// Through which contract.
    pub subscription_id: SubscriptionId,
}

/// What a customer may use of a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureEntitlement {
    /// Of what.
    pub feature_id: FeatureId,
    /// The feature's type.
    pub feature_type: FeatureType,
    /// The sum of the limits; unlimited without, as soon as one source is.
    pub usage_limit: Option<i64>,
    /// When the limit begins anew: what most sources say, of equally many the first.
    pub usage_reset_period: Option<UsageResetPeriod>,
    /// Whether one source only reports what goes beyond.
    pub is_soft_limit: bool,
    /// The different texts of a static feature, in the order of the sources.
    pub static_values: Vec<String>,
    /// The objects of a config feature, in the order of the sources.
    pub config_values: Vec<Map<String, Value>>,
    /// Where it comes from; at least one.
    pub sources: Vec<Source>,
}

/// The entitlements of one subscription that count at an instant: those of plan and add-ons but for those that one of the subscription's own
/// takes the place of, then its own. An override that is disabled leaves nothing of what it replaces.
pub fn in_force(given: impl IntoIterator<Item = Entitlement>, at: Timestamp) -> Vec<Entitlement> {
    let rows = given.into_iter().filter(|row| row.is_in_force(at));
    let (own, shared): (Vec<Entitlement>, Vec<Entitlement>) = rows.partition(|row| row.entity_type == EntitlementEntityType::Subscription);
    let replaced = |row: &Entitlement| own.iter().any(|own| own.parent_entitlement_id.as_ref() == Some(&row.id));
    let mut counting: Vec<Entitlement> = shared.into_iter().filter(|row| !replaced(row)).collect();
    counting.extend(own);
    counting.retain(|row| row.is_enabled);
    counting
}

/// Puts entitlements on the same feature together: limits add up, switches and values stand beside each other. Features come in the order of
/// their first source.
pub fn merged(sources: impl IntoIterator<Item = Source>) -> Vec<FeatureEntitlement> {
    let mut places: HashMap<FeatureId, usize> = HashMap::new();
    let mut features: Vec<FeatureEntitlement> = Vec::new();
    for source in sources {
        let Entitlement { feature_id, feature_type, .. } = &source.entitlement;
        let place = *places.entry(feature_id.clone()).or_insert(features.len());
        if place == features.len() {
            features.push(FeatureEntitlement {
                feature_id: feature_id.clone(),
                feature_type: *feature_type,
                usage_limit: None,
                usage_reset_period: None,
                is_soft_limit: false,
                static_values: Vec::new(),
                config_values: Vec::new(),
                sources: Vec::new(),
            });
        }
        features[place].sources.push(source);
    }
    features.iter_mut().for_each(FeatureEntitlement::summarize);
    features
}

impl FeatureEntitlement {
    fn summarize(&mut self) {
        let rows = || self.sources.iter().map(|source| &source.entitlement);
        let usage_limit = rows().map(|row| row.usage_limit).try_fold(0_i64, |sum, limit| Some(sum.saturating_add(limit?)));
        let usage_reset_period = most_frequent(rows().filter_map(|row| row.usage_reset_period));
        let is_soft_limit = rows().any(|row| row.is_soft_limit);
        let mut static_values: Vec<String> = Vec::new();
        for value in rows().map(|row| &row.static_value).filter(|value| !value.is_empty()) {
            if !static_values.contains(value) {
                static_values.push(value.clone());
            }
        }
        let config_values = rows().map(|row| row.config_value.clone()).filter(|value| !value.is_empty()).collect();
        self.usage_limit = usage_limit.filter(|_| self.feature_type == FeatureType::Metered);
        self.usage_reset_period = usage_reset_period;
        self.is_soft_limit = is_soft_limit;
        self.static_values = static_values;
        self.config_values = config_values;
    }
}

/// What stands there most often; of equally many, what came first.
fn most_frequent(periods: impl Iterator<Item = UsageResetPeriod>) -> Option<UsageResetPeriod> {
    let mut counts: Vec<(UsageResetPeriod, usize)> = Vec::new();
    for period in periods {
        match counts.iter_mut().find(|(known, _)| *known == period) {
            Some((_, count)) => *count += 1,
            None => counts.push((period, 1)),
        }
    }
    // The last of equal maximums is taken, hence from behind.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(period, _)| period)
}

//! What a customer has used of what it may use (spec 20 §9.5), by the windows that its invoices deduct by.

use std::collections::HashMap;

use domain::catalog::{Feature, FeatureType};
use domain::customer::Customer;
use domain::entitlement::{FeatureEntitlement, next_reset, usage_window};
use domain::ids::{CustomerId, FeatureId, MeterId, SubscriptionId};
use domain::meter::Meter;
use domain::money::Decimal;
use domain::scope::{Scope, Status};
use domain::subscription::Subscription;
use domain::time::{BillingPeriod, Period, Timestamp};
use storage::Condition;

use super::CustomerEntitlements;
use crate::invoice::UsageAhead;
use crate::usage::MeterRead;
use crate::{App, Error, Result};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct UsageSummaryRequest {
    /// Of these features; of all without ids and keys.
    pub feature_ids: Vec<String>,
    /// And of those with these lookup keys.
    pub feature_lookup_keys: Vec<String>,
    /// Through these contracts; through all without.
    pub subscription_ids: Vec<String>,
}

/// What a customer has used.
#[derive(Clone, Debug)]
pub struct UsageSummary {
    /// Who.
    pub customer_id: CustomerId,
    /// The running period of the oldest contract, and how often it is billed; none without a contract.
    pub period: Option<(Period, BillingPeriod)>,
    /// Metered features first, then static, boolean and config ones; by name.
    pub features: Vec<FeatureUsage>,
}

/// What was used of a feature.
#[derive(Clone, Debug)]
pub struct FeatureUsage {
    /// Which.
    pub feature: Feature,
    /// What may be used.
    pub entitlement: FeatureEntitlement,
    /// Since the limit last began anew, over all contracts that give it.
    pub current_usage: Decimal,
    /// Used of the limit, as a ratio: 0 without a limit, 100 where the limit is 0.
    pub usage_percent: Decimal,
    /// When the limit begins anew next.
    pub next_reset: Option<Timestamp>,
}

impl App {
    /// What a customer has used now. A key that names no feature adds none.
    pub async fn usage_summary(&self, scope: &Scope, customer: &Customer, request: &UsageSummaryRequest) -> Result<UsageSummary> {
        let mut feature_ids = request.feature_ids.clone();
        let none_is_wanted = !request.feature_lookup_keys.is_empty() && {
            let conditions = [Condition::one_of("lookup_key", &request.feature_lookup_keys), Condition::eq("status", &Status::Published)];
            let named: Vec<Feature> = self.find_all(scope, &conditions).await?;
            feature_ids.extend(named.into_iter().map(|feature| feature.id.to_string()));
            feature_ids.is_empty()
        };
        let CustomerEntitlements { customer_id, subscriptions, mut features } =
            self.customer_entitlements(scope, customer, &feature_ids, &request.subscription_ids).await?;
        if none_is_wanted {
            features.clear();
        }
        let period = subscriptions.first().map(|first| (first.current_period(), first.billing_period));
        let known: HashMap<String, Feature> = self.get_many(scope, features.iter().map(|feature| feature.feature_id.to_string())).await?;
        let metered = known.values().filter_map(|feature| Some(feature.meter_id.as_ref()?.to_string()));
        let meters: HashMap<String, Meter> = self.get_many(scope, metered).await?;
        for entitlement in &mut features {
            let feature = known.get(entitlement.feature_id.as_str());
            let meter = feature.and_then(|feature| meters.get(feature.meter_id.as_ref()?.as_str()));
            if meter.is_some_and(|meter| meter.aggregation.bucket_size.is_some()) {
                // An invoice's buckets use a limit up over the whole billing period, whenever it begins anew otherwise.
                entitlement.usage_reset_period = None;
            }
        }
        let by_id: HashMap<&SubscriptionId, &Subscription> =
            subscriptions.iter().map(|subscription| (&subscription.id, subscription)).collect();
        let now = self.now(scope);
        let mut used = self.used(scope, customer, &features, (&known, &meters), &by_id, now).await?;
        let mut summary = Vec::with_capacity(features.len());
        for entitlement in features {
            let Some(feature) = known.get(entitlement.feature_id.as_str()).cloned() else {
                return Err(Error::Internal(format!("an entitlement names feature {}, which does not exist", entitlement.feature_id)));
            };
            let current_usage = used.remove(&entitlement.feature_id).unwrap_or_default();
            let first = by_id.get(&entitlement.sources[0].subscription_id).copied();
            let next_reset = match first {
                Some(subscription) => next_reset(entitlement.usage_reset_period, subscription, now)?,
                None => None,
            };
            let usage_percent = used_part(&current_usage, entitlement.usage_limit);
            summary.push(FeatureUsage { feature, entitlement, current_usage, usage_percent, next_reset });
        }
        summary.sort_by(|one, other| {
            let place = |of: &FeatureUsage| (order(of.feature.kind), of.feature.name.clone());
            place(one).cmp(&place(other))
        });
        Ok(UsageSummary { customer_id, period, features: summary })
    }

    /// What was used of each metered feature, summed over the contracts that give it, by one read of the meters.
    async fn used(
        &self,
        scope: &Scope,
        customer: &Customer,
        features: &[FeatureEntitlement],
        (known, meters): (&HashMap<String, Feature>, &HashMap<String, Meter>),
        subscriptions: &HashMap<&SubscriptionId, &Subscription>,
        now: Timestamp,
    ) -> Result<HashMap<FeatureId, Decimal>> {
        let mut wanted: Vec<(&FeatureId, &MeterId, Period, Timestamp)> = Vec::new();
        for feature in features {
            let Some(meter_id) = known.get(feature.feature_id.as_str()).and_then(|known| known.meter_id.as_ref()) else { continue };
            let mut seen: Vec<&SubscriptionId> = Vec::new();
            for source in &feature.sources {
                let Some(subscription) = subscriptions.get(&source.subscription_id).copied() else { continue };
                if seen.contains(&&source.subscription_id) {
                    continue;
                }
                seen.push(&source.subscription_id);
                let window = usage_window(feature.usage_reset_period, subscription, now)?;
                wanted.push((&feature.feature_id, meter_id, window, subscription.billing_anchor));
            }
        }
        let external_ids = customer.external_ids();
        if wanted.is_empty() || external_ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut reads = Vec::with_capacity(wanted.len());
        for (_, meter_id, period, anchor) in &wanted {
            let missing = || Error::Internal(format!("a feature names meter {meter_id}, which does not exist"));
            let meter = meters.get(meter_id.as_str()).ok_or_else(missing)?;
            reads.push(MeterRead { meter, period: *period, billing_anchor: Some(*anchor) });
        }
        let usages = self.read_meters(scope, &external_ids, &reads, &UsageAhead::default()).await?;
        let mut used: HashMap<FeatureId, Decimal> = HashMap::new();
        for ((feature_id, ..), usage) in wanted.into_iter().zip(usages) {
            *used.entry(feature_id.clone()).or_default() += &usage.quantities.total();
        }
        Ok(used)
    }
}

/// Used of the limit, as a ratio.
fn used_part(used: &Decimal, limit: Option<i64>) -> Decimal {
    match limit {
        None => Decimal::zero(),
        Some(limit) => used.div(&Decimal::from(limit)).unwrap_or_else(|| Decimal::from(100_i64)),
    }
}

/// Where features of a type stand.
const fn order(kind: FeatureType) -> u8 {
    match kind {
        FeatureType::Metered => 0,
        FeatureType::Static => 1,
        FeatureType::Boolean => 2,
        FeatureType::Config => 3,
    }
}

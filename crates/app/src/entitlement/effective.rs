//! What subscriptions and customers may use, and what of it is free on an invoice (spec 20 §§9.2, 9.4).

use std::collections::{HashMap, HashSet};

use domain::catalog::Feature;
use domain::customer::Customer;
use domain::entitlement::{Entitlement, FeatureEntitlement, Source, in_force, merged};
use domain::ids::{CustomerId, FeatureId, MeterId, SubscriptionId};
use domain::invoice::Allowance;
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionStatus, SubscriptionType};
use domain::time::Timestamp;
use storage::Condition;

use crate::usage::VALUES_MAX;
use crate::{App, Result};

/// What a subscription may use.
#[derive(Clone, Debug)]
pub struct SubscriptionEntitlements {
    /// Which.
    pub subscription: Subscription,
    /// Feature by feature.
    pub features: Vec<FeatureEntitlement>,
}

/// What a customer may use.
#[derive(Clone, Debug)]
pub struct CustomerEntitlements {
    /// Who.
    pub customer_id: CustomerId,
    /// Through which contracts, active and trialing ones, oldest first.
    pub subscriptions: Vec<Subscription>,
    /// Feature by feature, over all of them.
    pub features: Vec<FeatureEntitlement>,
}

impl App {
    /// What a subscription may use now.
    pub async fn subscription_entitlements(&self, scope: &Scope, id: &str, feature_ids: &[String]) -> Result<SubscriptionEntitlements> {
        let subscription: Subscription = self.require(scope, id).await?;
        let sources = self.entitlements_of(scope, std::slice::from_ref(&subscription), self.now(scope)).await?;
        let features = merged(sources.into_iter().filter(|source| is_wanted(source, feature_ids)));
        Ok(SubscriptionEntitlements { subscription, features })
    }

    /// What each of several subscriptions may use now, in their order.
    pub async fn entitlements_of_each(&self, scope: &Scope, subscriptions: &[Subscription]) -> Result<Vec<Vec<FeatureEntitlement>>> {
        let sources = self.entitlements_of(scope, subscriptions, self.now(scope)).await?;
        let mut of_each: HashMap<SubscriptionId, Vec<Source>> = HashMap::new();
        for source in sources {
            of_each.entry(source.subscription_id.clone()).or_default().push(source);
        }
        Ok(subscriptions.iter().map(|subscription| merged(of_each.remove(&subscription.id).unwrap_or_default())).collect())
    }

    /// What a customer may use now, over its active and trialing subscriptions, or those of them that are named.
    pub async fn customer_entitlements(
        &self,
        scope: &Scope,
        customer: &Customer,
        feature_ids: &[String],
        subscription_ids: &[String],
    ) -> Result<CustomerEntitlements> {
        let statuses = [SubscriptionStatus::Active, SubscriptionStatus::Trialing];
        let conditions = [Condition::eq("customer_id", &customer.id), Condition::one_of("subscription_status", &statuses)];
        let mut subscriptions: Vec<Subscription> = self.find_all(scope, &conditions).await?;
        subscriptions.retain(|subscription| {
            let named = subscription_ids.is_empty() || subscription_ids.iter().any(|id| id == subscription.id.as_str());
            // An inherited one has what its parent has.
            named && subscription.subscription_type != SubscriptionType::Inherited
        });
        let sources = self.entitlements_of(scope, &subscriptions, self.now(scope)).await?;
        let features = merged(sources.into_iter().filter(|source| is_wanted(source, feature_ids)));
        Ok(CustomerEntitlements { customer_id: customer.id.clone(), subscriptions, features })
    }

    /// What is free of the meters of a subscription's lines at an instant.
    pub(crate) async fn allowances(
        &self,
        scope: &Scope,
        subscription: &Subscription,
        meters: &HashSet<MeterId>,
        at: Timestamp,
    ) -> Result<Vec<Allowance>> {
        if meters.is_empty() {
            return Ok(Vec::new());
        }
        let features = merged(self.entitlements_of(scope, std::slice::from_ref(subscription), at).await?);
        let meters_of = self.meters_of_features(scope, &features).await?;
        let metered = features.iter().filter_map(|feature| Some((meters_of.get(&feature.feature_id)?, feature)));
        Ok(Allowance::of_features(metered.filter(|(meter, _)| meters.contains(*meter))))
    }

    /// The meters of features that have one.
    pub(super) async fn meters_of_features(&self, scope: &Scope, features: &[FeatureEntitlement]) -> Result<HashMap<FeatureId, MeterId>> {
        let found: HashMap<String, Feature> = self.get_many(scope, features.iter().map(|feature| feature.feature_id.to_string())).await?;
        Ok(found.into_values().filter_map(|feature| Some((feature.id, feature.meter_id?))).collect())
    }

    /// The entitlements of subscriptions that count at an instant: by subscription, the plan's first.
    async fn entitlements_of(&self, scope: &Scope, subscriptions: &[Subscription], at: Timestamp) -> Result<Vec<Source>> {
        let ids = |subscription: &Subscription| [subscription.plan_id.to_string(), subscription.id.to_string()];
        let givers: HashSet<String> = subscriptions.iter().flat_map(ids).collect();
        let givers: Vec<String> = givers.into_iter().collect();
        let mut by_giver: HashMap<String, Vec<Entitlement>> = HashMap::new();
        for givers in givers.chunks(VALUES_MAX) {
            for found in self.find_all::<Entitlement>(scope, &[Condition::one_of("entity_id", givers)]).await? {
                by_giver.entry(found.entity_id.clone()).or_default().push(found);
            }
        }
        let mut sources = Vec::new();
        for subscription in subscriptions {
            let given = ids(subscription).into_iter().filter_map(|giver| by_giver.get(&giver)).flatten().cloned();
            let source = |entitlement| Source { entitlement, subscription_id: subscription.id.clone() };
            sources.extend(in_force(given, at).into_iter().map(source));
        }
        Ok(sources)
    }
}

fn is_wanted(source: &Source, feature_ids: &[String]) -> bool {
    feature_ids.is_empty() || feature_ids.iter().any(|id| id == source.entitlement.feature_id.as_str())
}

//! Which meters are read, over which time, and what bills them: the usage lines of a customer's subscriptions, or all meters where no
//! subscription says more (spec 10 §§11.2, 11.3).

use std::collections::{HashMap, HashSet};

use domain::catalog::Feature;
use domain::customer::Customer;
use domain::ids::MeterId;
use domain::meter::{AggregationType, Meter};
use domain::rating::{Price, PriceEntityType, PriceType};
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionLineItem, SubscriptionStatus};
use domain::time::{Period, Timestamp};
use storage::Condition;

use super::AnalyticsRequest;
use crate::{App, Error, Result};

/// One meter that is read, by one line where a subscription bills it.
#[derive(Clone, Debug)]
pub struct AnalyticsRow {
    /// What is measured.
    pub meter: Meter,
    /// By which formula its usage is billed: the meter's, or another that the deployment chose.
    pub billed_as: AggregationType,
    /// The feature that it counts for; the oldest of several.
    pub feature: Option<Feature>,
    /// What bills it.
    pub billed_by: Option<BilledBy>,
    /// When: the part of the asked time in which the line is in force.
    pub period: Period,
}

/// The line that bills a meter.
#[derive(Clone, Debug)]
pub struct BilledBy {
    /// Whose line it is.
    pub subscription: Subscription,
    /// The line.
    pub line: SubscriptionLineItem,
    /// Its price.
    pub price: Price,
    /// What the price comes from; of a subscription's own price, what the price comes from that it overrides.
    pub owner: Option<PriceOwner>,
}

/// What a price belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PriceOwner {
    /// The plan of this id.
    Plan(String),
    /// The add-on of this id.
    Addon(String),
}

/// The rows of an answer.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<AnalyticsRow>,
    /// Of the first subscription; `None` without one.
    pub(super) currency: Option<String>,
}

/// Only these meters; all without.
type Wanted = Option<HashSet<MeterId>>;

impl App {
    /// Every row that was asked for, also those without usage.
    pub(super) async fn analytics_rows(&self, scope: &Scope, customer: Option<&Customer>, request: &AnalyticsRequest) -> Result<Rows> {
        let (wanted, mut features) = self.wanted_meters(scope, request).await?;
        let subscriptions = match customer {
            Some(customer) => self.analysed_subscriptions(scope, customer).await?,
            None => Vec::new(),
        };
        let currency = subscriptions.first().map(|subscription| subscription.currency.to_string());
        let mut rows = if subscriptions.is_empty() {
            self.unbilled_rows(scope, &wanted, request.period).await?
        } else {
            self.billed_rows(scope, subscriptions, &wanted, request.period).await?
        };
        if request.feature_ids.is_empty() {
            let meters: HashSet<&MeterId> = rows.iter().map(|row| &row.meter.id).collect();
            let meters: Vec<MeterId> = meters.into_iter().cloned().collect();
            features = if meters.is_empty() { Vec::new() } else { self.find_all(scope, &[Condition::one_of("meter_id", &meters)]).await? };
        }
        let mut by_meter: HashMap<MeterId, Feature> = HashMap::new();
        for feature in features {
            if let Some(meter_id) = feature.meter_id.clone() {
                by_meter.entry(meter_id).or_insert(feature);
            }
        }
        for row in &mut rows {
            row.feature = by_meter.get(&row.meter.id).cloned();
        }
        Ok(Rows { rows, currency })
    }

    /// The meters that were asked for, with the features when it was by them.
    async fn wanted_meters(&self, scope: &Scope, request: &AnalyticsRequest) -> Result<(Wanted, Vec<Feature>)> {
        let meters: Wanted =
            (!request.meter_ids.is_empty()).then(|| request.meter_ids.iter().map(|id| MeterId::from(id.as_str())).collect());
        if request.feature_ids.is_empty() {
            return Ok((meters, Vec::new()));
        }
        let features: Vec<Feature> = self.find_all(scope, &[Condition::one_of("id", &request.feature_ids)]).await?;
        let of_features: HashSet<MeterId> = features.iter().filter_map(|feature| feature.meter_id.clone()).collect();
        let both = match meters {
            Some(meters) => of_features.intersection(&meters).cloned().collect(),
            None => of_features,
        };
        Ok((Some(both), features))
    }

    async fn analysed_subscriptions(&self, scope: &Scope, customer: &Customer) -> Result<Vec<Subscription>> {
        use SubscriptionStatus::{Active, Cancelled, Paused, Trialing};
        let statuses = [Active, Trialing, Paused, Cancelled];
        self.find_all(scope, &[Condition::eq("customer_id", &customer.id), Condition::one_of("subscription_status", &statuses)]).await
    }

    /// The usage lines of subscriptions that overlap the time.
    async fn billed_rows(
        &self,
        scope: &Scope,
        subscriptions: Vec<Subscription>,
        wanted: &Wanted,
        period: Period,
    ) -> Result<Vec<AnalyticsRow>> {
        let ids: Vec<_> = subscriptions.iter().map(|subscription| subscription.id.clone()).collect();
        let by_id: HashMap<_, _> = subscriptions.into_iter().map(|subscription| (subscription.id.clone(), subscription)).collect();
        let usage_lines = [Condition::one_of("subscription_id", &ids), Condition::eq("price_type", &PriceType::Usage)];
        let mut lines = Vec::new();
        for line in self.find_all::<SubscriptionLineItem>(scope, &usage_lines).await? {
            let Some((subscription, meter_id)) = by_id.get(&line.subscription_id).zip(line.meter_id.clone()) else { continue };
            let mut clipped = line.clip(period);
            if subscription.subscription_status == SubscriptionStatus::Cancelled {
                clipped.end = clipped.end.min(subscription.cancel_at.or(subscription.end_date).unwrap_or(Timestamp::MAX));
            }
            if !clipped.is_empty() && is_wanted(wanted, &meter_id) {
                lines.push((line, meter_id, clipped));
            }
        }
        let meters: HashMap<String, Meter> = self.get_many(scope, lines.iter().map(|(_, meter, _)| meter.to_string())).await?;
        let prices: HashMap<String, Price> = self.get_many(scope, lines.iter().map(|(line, ..)| line.price_id.to_string())).await?;
        let parents = prices.values().filter(|price| price.entity_type == PriceEntityType::Subscription);
        let parents = parents.filter_map(|price| Some(price.parent_price_id.as_ref()?.to_string()));
        let parents: HashMap<String, Price> = self.get_many(scope, parents).await?;
        let mut rows = Vec::with_capacity(lines.len());
        for (line, meter_id, period) in lines {
            let found = (by_id.get(&line.subscription_id), meters.get(meter_id.as_str()), prices.get(line.price_id.as_str()));
            let (Some(subscription), Some(meter), Some(price)) = found else {
                return Err(Error::Internal(format!("line {} names a meter or price that does not exist", line.id)));
            };
            let parent = price.parent_price_id.as_ref().and_then(|id| parents.get(id.as_str()));
            let owner = owner(price).or_else(|| parent.and_then(owner));
            let billed_by = BilledBy { subscription: subscription.clone(), line, price: price.clone(), owner };
            rows.push(AnalyticsRow {
                billed_as: self.billed_as(meter.aggregation.kind),
                meter: meter.clone(),
                feature: None,
                billed_by: Some(billed_by),
                period,
            });
        }
        Ok(rows)
    }

    /// Every published meter, or those that were asked for, without prices.
    async fn unbilled_rows(&self, scope: &Scope, wanted: &Wanted, period: Period) -> Result<Vec<AnalyticsRow>> {
        let meters: Vec<Meter> = match wanted {
            Some(wanted) => {
                let found: HashMap<String, Meter> = self.get_many(scope, wanted.iter().map(ToString::to_string)).await?;
                found.into_values().collect()
            }
            None => self.find_all(scope, &[]).await?,
        };
        Ok(meters
            .into_iter()
            .map(|meter| AnalyticsRow { billed_as: self.billed_as(meter.aggregation.kind), meter, feature: None, billed_by: None, period })
            .collect())
    }
}

fn is_wanted(wanted: &Wanted, meter_id: &MeterId) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted.contains(meter_id))
}

fn owner(price: &Price) -> Option<PriceOwner> {
    match price.entity_type {
        PriceEntityType::Plan => Some(PriceOwner::Plan(price.entity_id.clone())),
        PriceEntityType::Addon => Some(PriceOwner::Addon(price.entity_id.clone())),
        PriceEntityType::Subscription | PriceEntityType::Price | PriceEntityType::Costsheet => None,
    }
}

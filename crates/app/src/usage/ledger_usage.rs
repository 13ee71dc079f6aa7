//! What the usage ledger holds of a customer's meters, by an aggregation of the caller's choice (spec 10 §10).

use std::collections::{HashMap, HashSet};

use domain::customer::Customer;
use domain::ids::MeterId;
use domain::invalid::require_field;
use domain::meter::{AggregationType, Meter, Window, WindowSize};
use domain::money::Decimal;
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use streams::{GroupKey, GroupUsage, GroupedPart, GroupedQuery, RowFilter};

use super::raw_usage::bucket;
use crate::{App, Error, Result};

/// Most meters of one request.
const METERS_MAX: usize = 100;
/// Most totals, points, buckets and groups of one answer: twenty meters over the hours of a year.
const GROUPS_MAX: usize = 200_000;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct MeterUsageRequest {
    /// Whose usage.
    pub external_customer_id: String,
    /// Of what.
    pub meter_ids: Vec<String>,
    /// When, by event time.
    pub period: Period,
    /// How quantities become usage, whatever the meter says.
    pub aggregation: AggregationType,
    /// Points besides the total, in UTC.
    pub window_size: Option<WindowSize>,
    /// On whose day months begin.
    pub billing_anchor: Option<Timestamp>,
}

/// Usage of one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterUsage {
    /// Of what.
    pub meter_id: MeterId,
    /// Over the whole time; of a meter with buckets, by its own aggregation, the sum over the buckets.
    pub total: Decimal,
    /// The number of events.
    pub events: u64,
    /// Per window that has events, ascending.
    pub points: Vec<MeterUsagePoint>,
}

/// Usage of one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterUsagePoint {
    /// Its first instant.
    pub start: Timestamp,
    /// The usage in it.
    pub value: Decimal,
    /// The number of events.
    pub events: u64,
}

impl App {
    /// Usage per meter, in the order of the request. A meter that no usage line of the customer's active and trialing subscriptions bills
    /// has none, and so has everything of an unknown customer.
    pub async fn meter_usage(&self, scope: &Scope, request: &MeterUsageRequest) -> Result<Vec<MeterUsage>> {
        require_field((1..=METERS_MAX).contains(&request.meter_ids.len()), "meter_ids", "1 to 100 meters can be asked for at once")?;
        require_field(request.period.start <= request.period.end, "end_time", "end_time must not be before start_time")?;
        let meters = self.get_many::<Meter>(scope, request.meter_ids.iter().cloned()).await?;
        let customer = self.customer_of_events(scope, &request.external_customer_id).await?;
        let (billed, external_ids) = match &customer {
            Some(customer) => (self.billed_meters(scope, customer, request).await?, customer.external_ids()),
            None => (HashSet::new(), vec![request.external_customer_id.clone()]),
        };
        let mut read = Vec::new();
        for id in &request.meter_ids {
            let Some(meter) = meters.get(id) else { return Err(Error::not_found("meter", id)) };
            let weighs = meter.aggregation.kind == AggregationType::WeightedSum;
            let fits = weighs || request.aggregation != AggregationType::WeightedSum;
            require_field(fits, "aggregation_type", "only usage of a WEIGHTED_SUM meter can be weighted")?;
            if billed.contains(&meter.id) && !request.period.is_empty() {
                read.push(meter);
            }
        }
        let usages: HashMap<MeterId, MeterUsage> = self
            .usage_of_meters(scope, external_ids, request, &read)
            .await?
            .into_iter()
            .map(|usage| (usage.meter_id.clone(), usage))
            .collect();
        let none = |meter_id| MeterUsage { meter_id, total: Decimal::zero(), events: 0, points: Vec::new() };
        let of_meter = |id: &String| {
            let meter_id = MeterId::from(id.as_str());
            usages.get(&meter_id).cloned().unwrap_or_else(|| none(meter_id))
        };
        Ok(request.meter_ids.iter().map(of_meter).collect())
    }

    async fn billed_meters(&self, scope: &Scope, customer: &Customer, request: &MeterUsageRequest) -> Result<HashSet<MeterId>> {
        let meters: Vec<MeterId> = request.meter_ids.iter().map(|id| id.as_str().into()).collect();
        let lines = self.usage_lines(scope, std::slice::from_ref(&customer.id), &meters).await?;
        Ok(lines.into_iter().filter_map(|line| line.meter_id).collect())
    }

    /// The total of each meter, its points, and its buckets where they make the total: all by one query.
    async fn usage_of_meters(
        &self,
        scope: &Scope,
        external_customer_ids: Vec<String>,
        request: &MeterUsageRequest,
        meters: &[&Meter],
    ) -> Result<Vec<MeterUsage>> {
        let period = request.period;
        let kind = self.billed_as(request.aggregation);
        let points = request.window_size.map(|size| Window::anchored(size, Zone::UTC, request.billing_anchor));
        let own_buckets = |meter: &Meter| bucket(meter, request.billing_anchor).filter(|_| kind == meter.aggregation.kind);
        let mut parts = Vec::new();
        for meter in meters.iter().copied() {
            let part = |by, window| GroupedPart { meter_id: meter.id.clone(), period, by, window };
            parts.push(part(Vec::new(), None));
            parts.extend(points.map(|window| part(Vec::new(), Some(window))));
            // The number that is billed: per bucket, and per group where the meter has groups.
            let groups = if meter.aggregation.group_by.is_empty() { Vec::new() } else { vec![GroupKey::Meter] };
            parts.extend(own_buckets(meter).map(|window| part(groups, Some(window))));
        }
        let question = GroupedQuery { external_customer_ids, filter: RowFilter::default(), parts, groups_max: GROUPS_MAX };
        let mut answers = self.ledgers(scope).await?.usage_by_group(scope, question).await?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let value = |found: &GroupUsage| found.usage.usage(kind, found.window.intersection(period));
        let mut usages = Vec::with_capacity(meters.len());
        for meter in meters.iter().copied() {
            let whole = next();
            let points = if points.is_some() { next() } else { Vec::new() };
            let counted = if own_buckets(meter).is_some() { next() } else { whole.clone() };
            usages.push(MeterUsage {
                meter_id: meter.id.clone(),
                total: counted.iter().map(value).fold(Decimal::zero(), |sum, value| &sum + &value),
                events: whole.iter().map(|found| found.usage.events).sum(),
                points: points
                    .iter()
                    .map(|point| MeterUsagePoint { start: point.window.start, value: value(point), events: point.usage.events })
                    .collect(),
            });
        }
        Ok(usages)
    }
}

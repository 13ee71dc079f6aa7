//! What the usage ledger holds of a customer's meters, by an aggregation of the caller's choice (spec 10 §10).

use std::collections::HashSet;

use domain::ids::MeterId;
use domain::invalid::require;
use domain::meter::{Aggregate, AggregationType, Meter, Window, WindowSize};
use domain::money::Decimal;
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use streams::{EventStoreError, GroupKey, GroupedQuery, RowFilter, UsageQuery};

use super::raw_usage::bucket;
use crate::{App, Error, Result};

/// Most meters of one request.
const METERS_MAX: usize = 100;
/// Most buckets and groups of one meter.
const GROUPS_MAX: usize = 100_000;

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
        require((1..=METERS_MAX).contains(&request.meter_ids.len()), "1 to 100 meters can be asked for at once")?;
        require(request.period.start <= request.period.end, "end_time must not be before start_time")?;
        let meters = self.get_many::<Meter>(scope, request.meter_ids.iter().cloned()).await?;
        let billed = self.billed_meters(scope, request).await?;
        let mut usages = Vec::with_capacity(request.meter_ids.len());
        for id in &request.meter_ids {
            let Some(meter) = meters.get(id) else { return Err(Error::not_found("meter", id)) };
            let weighs = meter.aggregation.kind == AggregationType::WeightedSum;
            require(weighs || request.aggregation != AggregationType::WeightedSum, "only usage of a WEIGHTED_SUM meter can be weighted")?;
            usages.push(if billed.contains(&meter.id) && !request.period.is_empty() {
                self.usage_of_meter(scope, request, meter).await?
            } else {
                MeterUsage { meter_id: meter.id.clone(), total: Decimal::zero(), events: 0, points: Vec::new() }
            });
        }
        Ok(usages)
    }

    async fn billed_meters(&self, scope: &Scope, request: &MeterUsageRequest) -> Result<HashSet<MeterId>> {
        let customer = match self.customer_by_external_id(scope, &request.external_customer_id).await {
            Ok(customer) => customer,
            Err(Error::NotFound { .. }) => return Ok(HashSet::new()),
            Err(error) => return Err(error),
        };
        let meters: Vec<MeterId> = request.meter_ids.iter().map(|id| id.as_str().into()).collect();
        let lines = self.usage_lines(scope, std::slice::from_ref(&customer.id), &meters).await?;
        Ok(lines.into_iter().filter_map(|line| line.meter_id).collect())
    }

    async fn usage_of_meter(&self, scope: &Scope, request: &MeterUsageRequest, meter: &Meter) -> Result<MeterUsage> {
        let MeterUsageRequest { aggregation, period, .. } = *request;
        let kind = self.billed_as(aggregation);
        let query = UsageQuery { external_customer_ids: vec![request.external_customer_id.clone()], meter_id: meter.id.clone(), period };
        let aggregate = self.events().usage(scope, vec![query.clone()]).await?.pop().unwrap_or_default();
        let own_buckets = bucket(meter, request.billing_anchor).filter(|_| kind == meter.aggregation.kind);
        let total = match own_buckets {
            Some(buckets) => self.sum_of_buckets(scope, &query, meter, buckets).await?,
            None => aggregate.usage(kind, period),
        };
        let mut points = Vec::new();
        if let Some(size) = request.window_size {
            let window = request.billing_anchor.map_or(Window::new(size, Zone::UTC), |anchor| Window::anchored(size, Zone::UTC, anchor));
            for point in self.events().usage_by_window(scope, query, window).await? {
                let value = point.usage.usage(kind, point.window.intersection(period));
                points.push(MeterUsagePoint { start: point.window.start, value, events: point.usage.events });
            }
        }
        Ok(MeterUsage { meter_id: meter.id.clone(), total, events: aggregate.events, points })
    }

    /// The number that is billed: per bucket, and per group where the meter has groups.
    async fn sum_of_buckets(&self, scope: &Scope, query: &UsageQuery, meter: &Meter, buckets: Window) -> Result<Decimal> {
        let value = |usage: &Aggregate, window: Period| usage.usage(meter.aggregation.kind, window.intersection(query.period));
        if meter.aggregation.group_by.is_empty() {
            let usages = self.events().usage_by_window(scope, query.clone(), buckets).await?;
            return Ok(usages.iter().map(|bucket| value(&bucket.usage, bucket.window)).fold(Decimal::zero(), |sum, value| &sum + &value));
        }
        let grouped = GroupedQuery {
            query: query.clone(),
            filter: RowFilter::default(),
            by: vec![GroupKey::Meter],
            window: Some(buckets),
            groups_max: GROUPS_MAX,
        };
        let usages = self.events().usage_by_group(scope, grouped).await.map_err(|error: EventStoreError| Error::from(error))?;
        Ok(usages.iter().map(|bucket| value(&bucket.usage, bucket.window)).fold(Decimal::zero(), |sum, value| &sum + &value))
    }
}

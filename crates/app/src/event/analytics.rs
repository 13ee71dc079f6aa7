//! Usage and its cost per line of a customer's subscriptions, over any time, in windows (spec 10 §11).

use std::collections::HashMap;

use domain::catalog::Feature;
use domain::customer::Customer;
use domain::ids::MeterId;
use domain::invalid::require;
use domain::meter::{Meter, Window, WindowSize};
use domain::money::Decimal;
use domain::rating::{Price, PriceType, rate};
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionLineItem, SubscriptionStatus};
use domain::time::{Period, Timestamp, Zone};
use storage::Condition;
use streams::UsageQuery;

use super::MeterRead;
use crate::{App, Error, Result};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct AnalyticsRequest {
    /// Whose usage; the whole tenant's without.
    pub external_customer_id: Option<String>,
    /// Only of these features; an unknown one finds nothing.
    pub feature_ids: Vec<String>,
    /// When, by event time.
    pub period: Period,
    /// Points besides the total.
    pub window_size: Option<WindowSize>,
}

/// Usage of one meter, by one line where a subscription bills it.
#[derive(Clone, Debug)]
pub struct AnalyticsItem {
    /// What was measured.
    pub meter: Meter,
    /// The feature it counts.
    pub feature: Option<Feature>,
    /// The line that bills it, with its price.
    pub billed_by: Option<(Subscription, SubscriptionLineItem, Price)>,
    /// The usage.
    pub usage: Decimal,
    /// The number of events.
    pub events: u64,
    /// What the usage costs at the line's price, rounded to the currency; 0 without a line.
    pub cost: Decimal,
    /// Per window that has events, ascending.
    pub points: Vec<AnalyticsPoint>,
}

/// Usage of one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalyticsPoint {
    /// First instant of the window.
    pub start: Timestamp,
    /// The usage in it.
    pub usage: Decimal,
    /// The number of events.
    pub events: u64,
    /// What it costs alone: tiers begin anew, so points need not add up to the total.
    pub cost: Decimal,
}

/// One row of the answer before its usage is read.
struct Row {
    meter: Meter,
    billed_by: Option<(Subscription, SubscriptionLineItem, Price)>,
    period: Period,
}

impl App {
    /// Usage and cost, sorted by feature name. Rows without usage are left out.
    pub async fn analytics(&self, scope: &Scope, request: AnalyticsRequest) -> Result<Vec<AnalyticsItem>> {
        require(request.period.start <= request.period.end, "end_time must not be before start_time")?;
        let features = self.features_by_meter(scope, &request.feature_ids).await?;
        let customer = match &request.external_customer_id {
            Some(external_id) => match self.customer_by_external_id(scope, external_id).await {
                Ok(customer) => Some(customer),
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        let zone = customer.as_ref().map_or(Zone::UTC, |customer| Zone::parse(&customer.timezone).unwrap_or(Zone::UTC));
        let billed = match &customer {
            Some(customer) => self.billed_rows(scope, customer, request.period).await?,
            None => None,
        };
        let mut rows = match billed {
            Some(rows) => rows,
            None => self.unbilled_rows(scope, request.period).await?,
        };
        if !request.feature_ids.is_empty() {
            rows.retain(|row| features.contains_key(&row.meter.id));
        }
        let customers: Vec<String> = request.external_customer_id.iter().cloned().collect();
        let mut items = self.read_rows(scope, &customers, rows, &features).await?;
        if let Some(size) = request.window_size {
            self.add_points(scope, &customers, &mut items, request.period, Window::new(size, zone)).await?;
        }
        items.sort_by(|a, b| item_name(a).cmp(item_name(b)).then_with(|| line_id(a).cmp(&line_id(b))));
        Ok(items)
    }

    async fn features_by_meter(&self, scope: &Scope, ids: &[String]) -> Result<HashMap<MeterId, Feature>> {
        let features: Vec<Feature> =
            if ids.is_empty() { self.find_all(scope, &[]).await? } else { self.find_all(scope, &[Condition::one_of("id", ids)]).await? };
        let by_meter = features.into_iter().filter_map(|feature| Some((feature.meter_id.clone()?, feature)));
        Ok(by_meter.collect())
    }

    /// The usage lines of the customer's subscriptions that overlap the time; `None` for a customer without subscriptions.
    async fn billed_rows(&self, scope: &Scope, customer: &Customer, period: Period) -> Result<Option<Vec<Row>>> {
        use SubscriptionStatus::{Active, Cancelled, Paused, Trialing};
        let statuses = [Active, Trialing, Paused, Cancelled];
        let conditions = [Condition::eq("customer_id", &customer.id), Condition::one_of("subscription_status", &statuses)];
        let subscriptions: Vec<Subscription> = self.find_all(scope, &conditions).await?;
        if subscriptions.is_empty() {
            return Ok(None);
        }
        let ids: Vec<_> = subscriptions.iter().map(|subscription| subscription.id.clone()).collect();
        let lines = [Condition::one_of("subscription_id", &ids), Condition::eq("price_type", &PriceType::Usage)];
        let lines: Vec<SubscriptionLineItem> = self.find_all(scope, &lines).await?;
        let by_id: HashMap<_, _> = subscriptions.into_iter().map(|subscription| (subscription.id.clone(), subscription)).collect();
        let prices: HashMap<String, Price> = self.get_many(scope, lines.iter().map(|line| line.price_id.to_string())).await?;
        let meters: HashMap<String, Meter> =
            self.get_many(scope, lines.iter().filter_map(|line| Some(line.meter_id.clone()?.to_string()))).await?;
        let mut rows = Vec::with_capacity(lines.len());
        for line in lines {
            let (Some(subscription), Some(price), Some(meter)) = (
                by_id.get(&line.subscription_id),
                prices.get(line.price_id.as_str()),
                line.meter_id.as_ref().and_then(|id| meters.get(id.as_str())),
            ) else {
                continue;
            };
            let mut clipped = line.clip(period);
            if subscription.subscription_status == Cancelled {
                clipped.end = clipped.end.min(subscription.cancel_at.or(subscription.end_date).unwrap_or(Timestamp::MAX));
            }
            if !clipped.is_empty() {
                rows.push(Row { meter: meter.clone(), billed_by: Some((subscription.clone(), line, price.clone())), period: clipped });
            }
        }
        Ok(Some(rows))
    }

    /// Every meter, without prices.
    async fn unbilled_rows(&self, scope: &Scope, period: Period) -> Result<Vec<Row>> {
        let meters: Vec<Meter> = self.find_all(scope, &[]).await?;
        Ok(meters.into_iter().map(|meter| Row { meter, billed_by: None, period }).collect())
    }

    async fn read_rows(
        &self,
        scope: &Scope,
        customers: &[String],
        rows: Vec<Row>,
        features: &HashMap<MeterId, Feature>,
    ) -> Result<Vec<AnalyticsItem>> {
        let reads: Vec<MeterRead> = rows
            .iter()
            .map(|row| MeterRead { meter_id: row.meter.id.clone(), kind: row.meter.aggregation.kind, period: row.period })
            .collect();
        let queries = reads.iter().map(|read| UsageQuery {
            external_customer_ids: customers.to_vec(),
            meter_id: read.meter_id.clone(),
            period: read.period,
        });
        let aggregates = self.events().usage(scope, queries.collect()).await?;
        let mut items = Vec::new();
        for (row, aggregate) in rows.into_iter().zip(aggregates) {
            if aggregate.events == 0 {
                continue;
            }
            let usage = aggregate.usage(row.meter.aggregation.kind, row.period);
            let cost = cost(row.billed_by.as_ref(), &usage);
            let feature = features.get(&row.meter.id).cloned();
            items.push(AnalyticsItem {
                feature,
                usage,
                events: aggregate.events,
                cost,
                points: Vec::new(),
                meter: row.meter,
                billed_by: row.billed_by,
            });
        }
        Ok(items)
    }

    async fn add_points(
        &self,
        scope: &Scope,
        customers: &[String],
        items: &mut [AnalyticsItem],
        period: Period,
        window: Window,
    ) -> Result<()> {
        for item in items {
            let period = item.billed_by.as_ref().map_or(period, |(_, line, _)| line.clip(period));
            let query = UsageQuery { external_customer_ids: customers.to_vec(), meter_id: item.meter.id.clone(), period };
            for point in self.events().usage_by_window(scope, query, window).await? {
                let usage = point.usage.usage(item.meter.aggregation.kind, point.window.intersection(period));
                let cost = cost(item.billed_by.as_ref(), &usage);
                item.points.push(AnalyticsPoint { start: point.window.start, usage, events: point.usage.events, cost });
            }
        }
        Ok(())
    }
}

fn cost(billed_by: Option<&(Subscription, SubscriptionLineItem, Price)>, usage: &Decimal) -> Decimal {
    billed_by.map_or_else(Decimal::zero, |(_, line, price)| line.currency.round(&rate(price, usage).amount))
}

fn item_name(item: &AnalyticsItem) -> &str {
    item.feature.as_ref().map_or(&item.meter.name, |feature| &feature.name)
}

fn line_id(item: &AnalyticsItem) -> Option<&str> {
    item.billed_by.as_ref().map(|(_, line, _)| line.id.as_str())
}

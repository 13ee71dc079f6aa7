//! What a subscription has used in a window, and what that costs (spec 30 §16).

use std::collections::HashMap;

use domain::meter::Meter;
use domain::money::{Currency, Decimal};
use domain::rating::{MeteredUsage, Price, PriceType, rate_all};
use domain::scope::{Scope, Status};
use domain::subscription::SubscriptionLineItem;
use domain::time::{Period, Timestamp};

use crate::usage::MeterRead;
use crate::{App, Error, Result};

/// Usage of a subscription in a window.
#[derive(Clone, Debug)]
pub struct SubscriptionUsage {
    /// In what it is billed.
    pub currency: Currency,
    /// The window.
    pub period: Period,
    /// Per usage line, by meter name.
    pub charges: Vec<UsageCharge>,
    /// The sum of the charges.
    pub amount: Decimal,
}

/// Usage of one line.
#[derive(Clone, Debug)]
pub struct UsageCharge {
    /// The line.
    pub line: SubscriptionLineItem,
    /// Its price.
    pub price: Price,
    /// Its meter.
    pub meter: Meter,
    /// What the meter counted.
    pub usage: MeteredUsage,
    /// What it costs, rounded to the currency.
    pub amount: Decimal,
}

impl App {
    /// Usage and cost of a subscription's usage lines, each clipped to its own dates. A line without events has a row of zero.
    /// Without bounds it is the current period; over the lifetime it is everything until now.
    pub async fn subscription_usage(
        &self,
        scope: &Scope,
        id: &str,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
        lifetime: bool,
    ) -> Result<SubscriptionUsage> {
        let super::SubscriptionWithLines { subscription, mut lines } = self.subscription(scope, id).await?;
        let period = if lifetime {
            Period::new(Timestamp::MIN, self.now(scope))
        } else {
            Period::new(start.unwrap_or(subscription.current_period_start), end.unwrap_or(subscription.current_period_end))
        };
        if period.end < period.start {
            return Err(Error::input("end_time must not be before start_time"));
        }
        lines.retain(|line| line.price_type == PriceType::Usage && line.audit.status == Status::Published);
        lines.retain(|line| !line.clip(period).is_empty());
        let meters: HashMap<String, Meter> =
            self.get_many(scope, lines.iter().filter_map(|line| Some(line.meter_id.clone()?.to_string()))).await?;
        let prices: HashMap<String, Price> = self.get_many(scope, lines.iter().map(|line| line.price_id.to_string())).await?;
        let mut billable = Vec::with_capacity(lines.len());
        for line in lines {
            let meter = line.meter_id.as_ref().and_then(|id| meters.get(id.as_str())).cloned();
            let price = prices.get(line.price_id.as_str()).cloned();
            let (Some(meter), Some(price)) = (meter, price) else {
                return Err(Error::Internal(format!("line {} names a meter or price that does not exist", line.id)));
            };
            billable.push((line, price, meter));
        }
        let billing_anchor = Some(subscription.billing_anchor);
        let reads: Vec<MeterRead<'_>> =
            billable.iter().map(|(line, _, meter)| MeterRead { meter, period: line.clip(period), billing_anchor }).collect();
        let customer = self.external_id(scope, &subscription.customer_id).await?;
        let usages = self.read_meters(scope, &[customer], &reads).await?;
        let currency = subscription.currency;
        let mut charges: Vec<UsageCharge> = billable
            .into_iter()
            .zip(usages)
            .map(|((line, price, meter), usage)| {
                let amount = currency.round(&rate_all(&price, &usage.quantities).amount);
                UsageCharge { line, price, meter, usage, amount }
            })
            .collect();
        charges.sort_by(|a, b| a.line.meter_display_name.cmp(&b.line.meter_display_name));
        let amount = charges.iter().map(|charge| &charge.amount).sum();
        Ok(SubscriptionUsage { currency, period, charges, amount })
    }
}

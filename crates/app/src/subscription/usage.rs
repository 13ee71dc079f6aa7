//! What a subscription has used in a window, and what that costs (spec 30 §16).

use std::collections::HashMap;

use domain::invoice::{Purpose, compute};
use domain::meter::Meter;
use domain::money::{Currency, Decimal};
use domain::rating::{MeteredUsage, Price};
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionLineItem};
use domain::time::{Period, Timestamp};

use crate::invoice::UsageAhead;
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
        let subscription: Subscription = self.require(scope, id).await?;
        let period = if lifetime {
            Period::new(Timestamp::MIN, self.now(scope))
        } else {
            Period::new(start.unwrap_or(subscription.current_period_start), end.unwrap_or(subscription.current_period_end))
        };
        if period.end < period.start {
            return Err(Error::field("end_time", "end_time must not be before start_time"));
        }
        let inputs = self.read_invoice_inputs(scope, &subscription, period, Purpose::Usage, None, &UsageAhead::default()).await?;
        let computed = compute(&inputs)?;
        let meter_ids = computed.lines.iter().filter_map(|line| Some(line.line.meter_id.clone()?.to_string()));
        let meters: HashMap<String, Meter> = self.get_many(scope, meter_ids).await?;
        let mut charges = Vec::with_capacity(computed.lines.len());
        for charge in computed.lines {
            let line = charge.line.clone();
            let meter = line.meter_id.as_ref().and_then(|id| meters.get(id.as_str())).cloned();
            let (Some(meter), Some(usage)) = (meter, inputs.usages.get(&line.id).cloned()) else {
                return Err(Error::Internal(format!("line {} was charged without a meter or its usage", line.id)));
            };
            charges.push(UsageCharge { line, price: charge.price.clone(), meter, usage, amount: charge.amount });
        }
        charges.sort_by(|a, b| a.line.meter_display_name.cmp(&b.line.meter_display_name));
        Ok(SubscriptionUsage { currency: subscription.currency, period, charges, amount: computed.totals.subtotal })
    }
}

//! One priced thing in a subscription, and which prices a new subscription takes (spec 30 §§2.2, 6).

use std::collections::BTreeMap;

use super::Subscription;
use crate::catalog::Plan;
use crate::ids::{CustomerId, IdGen, MeterId, PriceId, SubscriptionId, SubscriptionLineItemId};
use crate::invalid::Invalid;
use crate::money::{Currency, Decimal};
use crate::rating::{InvoiceCadence, Price, PriceType};
use crate::scope::Audit;
use crate::time::{BillingPeriod, Period, Timestamp};

/// Where a line's price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineItemEntityType {
    /// The plan.
    Plan,
    /// An add-on.
    Addon,
    /// The subscription itself.
    Subscription,
}

text_enum!(LineItemEntityType { Plan = "plan", Addon = "addon", Subscription = "subscription" });

/// One priced thing in a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionLineItem {
    /// Identity.
    pub id: SubscriptionLineItemId,
    /// Whose line it is.
    pub subscription_id: SubscriptionId,
    /// Who uses it.
    pub customer_id: CustomerId,
    /// Where its price comes from.
    pub entity_type: LineItemEntityType,
    /// The id of that.
    pub entity_id: String,
    /// The plan's name.
    pub plan_display_name: String,
    /// What it costs.
    pub price_id: PriceId,
    /// Fixed or usage.
    pub price_type: PriceType,
    /// What it measures.
    pub meter_id: Option<MeterId>,
    /// The meter's name; empty without.
    pub meter_display_name: String,
    /// What the invoice shows.
    pub display_name: String,
    /// Units of a fixed line; 0 for usage.
    pub quantity: Decimal,
    /// In what it is billed.
    pub currency: Currency,
    /// How often.
    pub billing_period: BillingPeriod,
    /// How many of these make one period.
    pub billing_period_count: u32,
    /// Before or after its period.
    pub invoice_cadence: InvoiceCadence,
    /// First instant.
    pub start_date: Timestamp,
    /// First instant after it; open without.
    pub end_date: Option<Timestamp>,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl SubscriptionLineItem {
    /// The line of a plan's price in a new subscription: in force while both are. A price's successor begins at the instant at which the price
    /// ends, so that one of the two charges it.
    pub fn of_plan_price(subscription: &Subscription, plan: &Plan, price: &Price, meter_name: &str, ids: &dyn IdGen) -> Self {
        let quantity = match price.kind {
            PriceType::Usage => Decimal::zero(),
            PriceType::Fixed => price.min_quantity.clone().filter(Decimal::is_positive).unwrap_or_else(|| Decimal::from(1_i64)),
        };
        Self {
            id: SubscriptionLineItemId::new(ids),
            subscription_id: subscription.id.clone(),
            customer_id: subscription.customer_id.clone(),
            entity_type: LineItemEntityType::Plan,
            entity_id: plan.id.to_string(),
            plan_display_name: plan.name.clone(),
            price_id: price.id.clone(),
            price_type: price.kind,
            meter_id: price.meter_id.clone(),
            meter_display_name: meter_name.to_owned(),
            display_name: price.display_name.clone(),
            quantity,
            currency: subscription.currency.clone(),
            billing_period: price.billing_period,
            billing_period_count: price.billing_period_count,
            invoice_cadence: price.invoice_cadence,
            start_date: subscription.start_date.max(price.start_date),
            end_date: subscription.end_date.into_iter().chain(price.end_date).min(),
            metadata: price.metadata.clone(),
            audit: subscription.audit.clone(),
        }
    }

    /// The part of a window in which the line is in force.
    pub fn clip(&self, window: Period) -> Period {
        window.intersection(Period::new(self.start_date, self.end_date.unwrap_or(Timestamp::MAX)))
    }
}

/// The plan prices that a new subscription takes: same currency, its billing period or ONETIME, in force at some time between its start and
/// its end. None is refused.
pub fn prices_for<'a>(
    prices: &'a [Price],
    currency: &Currency,
    period: BillingPeriod,
    start: Timestamp,
    end: Option<Timestamp>,
) -> Result<Vec<&'a Price>, Invalid> {
    let taken: Vec<&Price> = prices
        .iter()
        .filter(|price| price.currency == *currency)
        .filter(|price| price.billing_period == period || price.billing_period == BillingPeriod::Onetime)
        .filter(|price| price.end_date.is_none_or(|end| end > start.max(price.start_date)))
        .filter(|price| price.start_date <= start || end.is_none_or(|end| price.start_date < end))
        .collect();
    if taken.is_empty() {
        return Err(Invalid::input(format!("the plan has no price in {currency} for the billing period {period}: add one first"))
            .with("field", "plan_id")
            .with("currency", currency)
            .with("billing_period", period));
    }
    Ok(taken)
}

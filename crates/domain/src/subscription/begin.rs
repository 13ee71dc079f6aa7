//! The beginning of a contract: its anchor, its first period, its lines, and what an unpaid opening invoice does to it (spec 30 §2).

use std::collections::{BTreeMap, BTreeSet};

use super::line_item::prices_for;
use super::{
    BillingCycle, CollectionMethod, PaymentBehavior, PaymentTerms, ProrationBehavior, Subscription, SubscriptionLineItem,
    SubscriptionStatus, SubscriptionType, check_payment,
};
use crate::catalog::Plan;
use crate::customer::Customer;
use crate::ids::{IdGen, MeterId, SubscriptionId};
use crate::invalid::{Faults, Invalid};
use crate::money::{Currency, Decimal};
use crate::rating::{Price, PriceType};
use crate::scope::Audit;
use crate::time::{BillingPeriod, Cycle, Period, Timestamp, Zone, calendar_anchor, next_boundary};

/// No contract begins before.
const EPOCH: Timestamp = Timestamp::from_micros(0);

/// What a customer and a seller agree on, besides what is bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// In what it is invoiced.
    pub currency: Currency,
    /// The caller's name.
    pub lookup_key: String,
    /// How often.
    pub billing_period: BillingPeriod,
    /// How many of these make one period.
    pub billing_period_count: u32,
    /// What periods hang on.
    pub billing_cycle: BillingCycle,
    /// An explicit anchor; only with anniversary billing.
    pub billing_anchor: Option<Timestamp>,
    /// First instant; now without.
    pub start_date: Option<Timestamp>,
    /// First instant after it.
    pub end_date: Option<Timestamp>,
    /// Whether invoices are charged or sent.
    pub collection_method: CollectionMethod,
    /// What an unpaid first invoice does.
    pub payment_behavior: PaymentBehavior,
    /// Days until an invoice is due.
    pub payment_terms: Option<PaymentTerms>,
    /// Whether parts of periods are charged in part.
    pub proration_behavior: ProrationBehavior,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
}

/// What is bought: a plan as it stands.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its published prices, oldest first.
    pub prices: &'a [Price],
    /// Counts the changes of its prices.
    pub price_sequence: i64,
    /// The names of the published meters that the prices read.
    pub meter_names: &'a BTreeMap<MeterId, String>,
    /// Most periods that may have ended when the contract is made: each gets an invoice at once.
    pub backdated_periods_max: u32,
}

impl Subscription {
    /// A contract with its lines, begun by the caller and at the instant of `audit`: in its first period, with the plan's prices that fit
    /// its currency and billing period. Refuses terms that contradict each other, and a plan without such a price.
    pub fn begin(
        terms: Terms,
        customer: &Customer,
        offer: Offer<'_>,
        audit: Audit,
        ids: &dyn IdGen,
    ) -> Result<(Self, Vec<SubscriptionLineItem>), Invalid> {
        let now = audit.created_at;
        terms.check(now)?;
        let start = terms.start_date.unwrap_or(now).truncate_to_millis();
        let zone = Zone::parse(&customer.timezone)?;
        let anchor = match terms.billing_cycle {
            BillingCycle::Calendar => calendar_anchor(start, terms.billing_period, zone),
            BillingCycle::Anniversary => terms.billing_anchor.unwrap_or(start),
        };
        let cycle = Cycle { anchor, period: terms.billing_period, count: terms.billing_period_count, zone, end: terms.end_date };
        let first_end = next_boundary(start, &cycle)?;
        check_backdating(Period::new(start, first_end), &cycle, now, offer.backdated_periods_max)?;
        let taken = prices_for(offer.prices, &terms.currency, terms.billing_period, start, terms.end_date)?;
        if terms.proration_behavior == ProrationBehavior::CreateProrations {
            check_one_period(&taken)?;
        }
        let subscription = Self {
            id: SubscriptionId::new(ids),
            lookup_key: terms.lookup_key,
            customer_id: customer.id.clone(),
            invoicing_customer_id: None,
            plan_id: offer.plan.id.clone(),
            subscription_status: SubscriptionStatus::Active,
            subscription_type: SubscriptionType::Standalone,
            currency: terms.currency,
            billing_anchor: anchor,
            billing_cycle: terms.billing_cycle,
            billing_period: terms.billing_period,
            billing_period_count: terms.billing_period_count,
            start_date: start,
            end_date: terms.end_date,
            current_period_start: start,
            current_period_end: first_end,
            cancelled_at: None,
            cancel_at: None,
            cancel_at_period_end: false,
            timezone: zone.to_string(),
            collection_method: terms.collection_method,
            payment_behavior: terms.payment_behavior,
            payment_terms: terms.payment_terms,
            proration_behavior: terms.proration_behavior,
            synced_price_sequence: offer.price_sequence,
            metadata: terms.metadata,
            version: 1,
            audit,
        };
        let meter_name = |price: &Price| price.meter_id.as_ref().and_then(|id| offer.meter_names.get(id)).map_or("", String::as_str);
        for price in &taken {
            subscription.check_first_period(price)?;
        }
        let line = |price| SubscriptionLineItem::of_plan_price(&subscription, offer.plan, price, meter_name(price), ids);
        let lines = taken.into_iter().map(line).collect();
        Ok((subscription, lines))
    }

    /// Refuses a recurring price whose own first period has no end in the calendar: no invoice could be computed.
    fn check_first_period(&self, price: &Price) -> Result<(), Invalid> {
        if price.billing_period == BillingPeriod::Onetime {
            return Ok(());
        }
        let start = self.start_date.max(price.start_date);
        let (period, count) = (price.billing_period, price.billing_period_count);
        next_boundary(start, &Cycle { anchor: start, period, count, zone: self.zone(), end: self.end_date }).map(|_| ())
    }

    /// What an opening invoice with an open amount does, while no payment can be tried: the contract waits for it, or is active all the
    /// same, or is not made (spec 30 §2.3).
    pub fn open(&mut self, remaining: &Decimal) -> Result<(), Invalid> {
        if !remaining.is_positive() {
            return Ok(());
        }
        match self.payment_behavior {
            PaymentBehavior::DefaultActive => Ok(()),
            PaymentBehavior::AllowIncomplete | PaymentBehavior::DefaultIncomplete => {
                self.subscription_status = SubscriptionStatus::Incomplete;
                Ok(())
            }
            PaymentBehavior::ErrorIfIncomplete => {
                let message = "the first invoice cannot be paid: no payment method is set up";
                Err(Invalid::operation(message).with("field", "payment_behavior").with("value", self.payment_behavior))
            }
        }
    }
}

/// Refuses a contract of which more periods have ended than may be invoiced at once.
fn check_backdating(first: Period, cycle: &Cycle, now: Timestamp, periods_max: u32) -> Result<(), Invalid> {
    let (mut period, mut ended) = (first, 0);
    while period.end <= now && !period.is_empty() {
        ended += 1;
        if ended > periods_max {
            return Err(Invalid::input(format!(
                "start_date lies more than {periods_max} billing periods back, which is the limit: choose a later start_date or a longer billing \
                 period"
            ))
            .with("field", "start_date")
            .with("value", first.start)
            .with("limit", periods_max));
        }
        period = cycle.period_from(period.end)?;
    }
    Ok(())
}

/// Refuses fees of several billing periods beside `create_prorations`: which of their periods would be prorated? (spec 30 §2.1)
fn check_one_period(prices: &[&Price]) -> Result<(), Invalid> {
    let fees: BTreeSet<String> = prices
        .iter()
        .filter(|price| price.kind == PriceType::Fixed)
        .map(|price| match price.billing_period_count {
            1 => price.billing_period.to_string(),
            count => format!("{count} x {}", price.billing_period),
        })
        .collect();
    if fees.len() <= 1 {
        return Ok(());
    }
    let periods = fees.into_iter().collect::<Vec<_>>().join(", ");
    Err(Invalid::input(format!(
        "proration_behavior create_prorations needs fees of one billing period, and the plan has {periods}: use proration_behavior none"
    ))
    .with("field", "proration_behavior")
    .with("value", ProrationBehavior::CreateProrations)
    .with("billing_periods", periods))
}

impl Terms {
    /// Refuses terms that contradict each other, with all that is wrong about them, for a contract that begins `now` where no start is
    /// given (spec 30 §2.1).
    pub fn check(&self, now: Timestamp) -> Result<(), Invalid> {
        let mut faults = Faults::default();
        faults.take(check_payment(self.collection_method, self.payment_behavior));
        faults.require(self.billing_period != BillingPeriod::Onetime, "billing_period", "a subscription cannot be billed ONETIME");
        faults.require(self.billing_period_count >= 1, "billing_period_count", "billing_period_count must be at least 1");
        faults.require(
            self.billing_anchor.is_none() || self.billing_cycle == BillingCycle::Anniversary,
            "billing_anchor",
            "billing_anchor goes with anniversary billing only",
        );
        let start = self.start_date.unwrap_or(now).truncate_to_millis();
        if start < EPOCH {
            faults.take::<()>(Err(Invalid::field("start_date", "start_date must not lie before 1970").with("value", start)));
        }
        faults.require(self.end_date.is_none_or(|end| end >= start), "end_date", "end_date must not lie before start_date");
        let is_in_time = self.proration_behavior != ProrationBehavior::CreateProrations || Zone::UTC.date(start) >= Zone::UTC.date(now);
        faults.require(is_in_time, "start_date", "create_prorations needs a start_date of today or later");
        faults.check()
    }
}

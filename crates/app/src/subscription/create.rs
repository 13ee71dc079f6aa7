//! A new subscription: its first period, its lines, its opening invoice, all in one unit of work (spec 30 §2).

use std::collections::{BTreeMap, HashMap};

use domain::catalog::Plan;
use domain::customer::Customer;
use domain::ids::{IdGen, SubscriptionId};
use domain::invalid::require;
use domain::invoice::{BillingReason, Invoice};
use domain::meter::Meter;
use domain::money::Currency;
use domain::rating::{Price, PriceEntityType};
use domain::scope::{Scope, Status};
use domain::subscription::{
    BillingCycle, CollectionMethod, PaymentBehavior, PaymentTerms, ProrationBehavior, Subscription, SubscriptionLineItem,
    SubscriptionStatus, SubscriptionType, check_payment, prices_for,
};
use domain::time::{BillingPeriod, Cycle, Timestamp, Zone, calendar_anchor, next_boundary};
use storage::{Condition, UnitOfWork};

use super::SubscriptionWithLines;
use crate::catalog::price::sequence_name;
use crate::due_work::{self, Kind};
use crate::{App, Context, Error, Pending, Result};

/// A subscription that is wished for.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// The customer by id; wins over the external id.
    pub customer_id: Option<String>,
    /// The customer by external id.
    pub external_customer_id: Option<String>,
    /// What is bought.
    pub plan_id: String,
    /// In what it is billed.
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
    /// Whether parts of periods are billed in part.
    pub proration_behavior: ProrationBehavior,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
}

impl App {
    /// Makes a subscription with its lines and its opening invoice of advance charges, and plans its first turn of period.
    pub async fn create_subscription(
        &self,
        context: &Context,
        new: NewSubscription,
    ) -> Result<Pending<(SubscriptionWithLines, Plan, Option<Invoice>)>> {
        let scope = &context.scope;
        let now = self.now(scope);
        let customer = self.resolve_customer(scope, new.customer_id.as_deref(), new.external_customer_id.as_deref()).await?;
        let mut work = self.database().begin().await?;
        // Held until the commit: neither may be put away meanwhile. Memory may be older than the database.
        let customer: Option<Customer> = storage::get(&mut work.shared(), scope, customer.id.as_str()).await?;
        let customer = customer.filter(|customer| customer.audit.status == Status::Published);
        let customer = customer.ok_or_else(|| Error::input("the customer is archived"))?;
        let plan: Option<Plan> = storage::get(&mut work.shared(), scope, &new.plan_id).await?;
        let plan = plan.ok_or_else(|| Error::not_found("plan", &new.plan_id))?;
        require(plan.audit.status == Status::Published, "the plan is archived: choose a published one")?;
        // The counter before the prices: it holds up all that change them.
        let price_sequence = storage::sequences::current(&mut work, scope, &sequence_name(PriceEntityType::Plan, plan.id.as_str())).await?;
        let prices: Vec<Price> = storage::find_all(&mut work.glance(), scope, &crate::catalog::prices_of(plan.id.as_str())).await?;
        let mut subscription = first_period(&new, &customer.timezone, now)?;
        subscription.id = SubscriptionId::new(self.ids());
        subscription.customer_id = customer.id.clone();
        subscription.plan_id = plan.id.clone();
        subscription.audit = self.audit(context);
        subscription.synced_price_sequence = price_sequence;
        let taken = prices_for(&prices, &new.currency, new.billing_period, subscription.start_date)?;
        let meters = meter_names(&mut work, scope, &taken).await?;
        let lines = make_lines(&subscription, &plan, &taken, &meters, self.ids());
        storage::insert(&mut work, &subscription).await?;
        storage::insert_all(&mut work, &lines).await?;
        plan_roll_over(&mut work, &subscription).await?;
        let mut with_lines = SubscriptionWithLines { subscription, lines };
        let invoice = self.open(&mut work, context, &mut with_lines, &prices).await?;
        Ok(Pending::new(self, work, (with_lines, plan, invoice)))
    }

    /// The opening invoice: advance charges of the first period, final at once. None when there is nothing to bill.
    async fn open(
        &self,
        work: &mut UnitOfWork,
        context: &Context,
        with_lines: &mut SubscriptionWithLines,
        prices: &[Price],
    ) -> Result<Option<Invoice>> {
        let SubscriptionWithLines { subscription, lines } = with_lines;
        let period = subscription.current_period();
        let mut invoice = self.draft_invoice(work, context, subscription, period, BillingReason::SubscriptionCreate).await?;
        let billed = self.compute_without_usage(context, &invoice, subscription, lines, prices);
        self.store_computed(work, context, &mut invoice, billed).await?;
        let opened = if invoice.totals.subtotal.is_zero() {
            None
        } else {
            self.finalize_within(work, context, &mut invoice).await?;
            Some(invoice)
        };
        let unpaid = opened.as_ref().is_some_and(|invoice| invoice.totals.amount_remaining.is_positive());
        if unpaid && subscription.payment_behavior != PaymentBehavior::DefaultActive {
            if subscription.payment_behavior == PaymentBehavior::ErrorIfIncomplete {
                return Err(Error::operation("the first invoice cannot be paid: no payment method is set up"));
            }
            subscription.subscription_status = SubscriptionStatus::Incomplete;
            storage::update(work, subscription).await?;
        }
        Ok(opened)
    }
}

/// The contract with anchor and first period; ids and owner are filled in by the caller.
fn first_period(new: &NewSubscription, timezone: &str, now: Timestamp) -> Result<Subscription> {
    check_payment(new.collection_method, new.payment_behavior)?;
    require(new.billing_period != BillingPeriod::Onetime, "a subscription cannot be billed ONETIME")?;
    require(
        new.billing_anchor.is_none() || new.billing_cycle == BillingCycle::Anniversary,
        "billing_anchor goes with anniversary billing only",
    )?;
    let start = new.start_date.unwrap_or(now).truncate_to_millis();
    require(new.end_date.is_none_or(|end| end >= start), "end_date must not lie before start_date")?;
    if new.proration_behavior == ProrationBehavior::CreateProrations {
        require(Zone::UTC.date(start) >= Zone::UTC.date(now), "create_prorations needs a start_date of today or later")?;
    }
    let zone = Zone::parse(timezone)?;
    let anchor = match new.billing_cycle {
        BillingCycle::Calendar => calendar_anchor(start, new.billing_period, zone),
        BillingCycle::Anniversary => new.billing_anchor.unwrap_or(start),
    };
    let cycle = Cycle { anchor, period: new.billing_period, count: new.billing_period_count, zone, end: new.end_date };
    Ok(Subscription {
        id: SubscriptionId::default(),
        lookup_key: new.lookup_key.clone(),
        customer_id: domain::ids::CustomerId::default(),
        invoicing_customer_id: None,
        plan_id: domain::ids::PlanId::default(),
        subscription_status: SubscriptionStatus::Active,
        subscription_type: SubscriptionType::Standalone,
        currency: new.currency.clone(),
        billing_anchor: anchor,
        billing_cycle: new.billing_cycle,
        billing_period: new.billing_period,
        billing_period_count: new.billing_period_count,
        start_date: start,
        end_date: new.end_date,
        current_period_start: start,
        current_period_end: next_boundary(start, &cycle)?,
        cancelled_at: None,
        cancel_at: None,
        cancel_at_period_end: false,
        timezone: zone.to_string(),
        collection_method: new.collection_method,
        payment_behavior: new.payment_behavior,
        payment_terms: new.payment_terms,
        proration_behavior: new.proration_behavior,
        synced_price_sequence: 0,
        metadata: new.metadata.clone(),
        version: 1,
        audit: domain::scope::Audit {
            scope: Scope { tenant_id: "".into(), environment_id: "".into() },
            status: Status::Published,
            created_at: now,
            updated_at: now,
            created_by: String::new(),
            updated_by: String::new(),
        },
    })
}

async fn meter_names(work: &mut UnitOfWork, scope: &Scope, prices: &[&Price]) -> Result<HashMap<String, String>> {
    let ids: Vec<_> = prices.iter().filter_map(|price| price.meter_id.clone()).collect();
    let meters: Vec<Meter> = storage::find_all(&mut work.glance(), scope, &[Condition::one_of("id", &ids)]).await?;
    Ok(meters.into_iter().map(|meter| (meter.id.to_string(), meter.name)).collect())
}

fn make_lines(
    subscription: &Subscription,
    plan: &Plan,
    prices: &[&Price],
    meters: &HashMap<String, String>,
    ids: &dyn IdGen,
) -> Vec<SubscriptionLineItem> {
    let name = |price: &Price| price.meter_id.as_ref().and_then(|id| meters.get(id.as_str())).map_or("", String::as_str);
    prices.iter().map(|price| SubscriptionLineItem::of_plan_price(subscription, plan, price, name(price), ids)).collect()
}

/// Plans the turn of the current period. A turn comes strictly after the period's end.
pub(super) async fn plan_roll_over(work: &mut UnitOfWork, subscription: &Subscription) -> Result<()> {
    let due_at = subscription.current_period_end.plus_micros(1);
    due_work::plan(work, Kind::RollOverSubscription, &subscription.audit.scope, subscription.id.as_str(), due_at).await
}

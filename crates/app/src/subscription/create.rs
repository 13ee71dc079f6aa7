//! A new subscription: its first period, its lines, its opening invoice, all in one unit of work (spec 30 §2).

use std::collections::BTreeMap;

use domain::catalog::Plan;
use domain::customer::Customer;
use domain::entitlement::{Entitlement, EntitlementOverride};
use domain::ids::MeterId;
use domain::invalid::require_field;
use domain::invoice::{BillingReason, Inputs, Invoice, InvoiceConfig, InvoiceLineItem, Purpose, compute};
use domain::meter::Meter;
use domain::rating::{Price, PriceEntityType};
use domain::scope::{Scope, Status};
use domain::subscription::{Offer, ProrationBehavior, Subscription, Terms};
use storage::{Condition, UnitOfWork};

use super::SubscriptionWithLines;
use crate::catalog::price::sequence_name;
use crate::change::Change;
use crate::due_work::Kind;
use crate::entitlement::entitlements_of;
use crate::invoice::{by_id, draft_invoice, finalize, store_computed};
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
    /// On which terms.
    pub terms: Terms,
    /// What is agreed on in place of entitlements of the plan.
    pub entitlements: Vec<EntitlementOverride>,
}

/// An invoice with its lines.
pub type InvoiceWithLines = (Invoice, Vec<InvoiceLineItem>);

impl App {
    /// Makes a subscription with its lines and its opening invoice of advance charges, and plans its first turn of period.
    pub async fn create_subscription(
        &self,
        context: &Context,
        new: NewSubscription,
    ) -> Result<Pending<(SubscriptionWithLines, Plan, Option<InvoiceWithLines>)>> {
        let scope = &context.scope;
        let audit = self.audit(context);
        let customer = self.resolve_customer(scope, new.customer_id.as_deref(), new.external_customer_id.as_deref()).await?;
        let config: InvoiceConfig = self.setting(scope).await?;
        let mut change = self.begin(context).await?;
        // Held until the commit: neither may be archived meanwhile. Memory may be older than the database.
        let customer: Customer = change.require_shared(customer.id.as_str()).await?;
        require_field(customer.audit.status == Status::Published, "customer_id", "the customer is archived: choose a published one")?;
        let plan: Plan = change.require_shared(&new.plan_id).await?;
        require_field(plan.audit.status == Status::Published, "plan_id", "the plan is archived: choose a published one")?;
        // The counter before the prices: it holds up all that change them.
        let price_sequence =
            storage::sequences::current(change.work(), scope, &sequence_name(PriceEntityType::Plan, plan.id.as_str())).await?;
        let prices: Vec<Price> =
            storage::find_all(&mut change.work().glance(), scope, &crate::catalog::prices_of(plan.id.as_str())).await?;
        let meter_names = meter_names(change.work(), scope, &prices).await?;
        let offer = Offer {
            plan: &plan,
            prices: &prices,
            price_sequence,
            meter_names: &meter_names,
            backdated_periods_max: self.shared.settings.backdated_periods_max,
        };
        let (subscription, lines) = Subscription::begin(new.terms, &customer, offer, audit, self.ids())?;
        change.create(&subscription).await?;
        let entitlements = own_entitlements(&mut change, &subscription, &new.entitlements).await?;
        change.create_all(&entitlements).await?;
        // The subscription's own entry in the activity log tells of the lines that it is made with.
        storage::insert_all(change.work(), &lines).await?;
        plan_roll_over(&mut change, &subscription).await?;
        let mut with_lines = SubscriptionWithLines { subscription, lines };
        let invoice = open(&mut change, &config, &mut with_lines, prices).await?;
        Ok(change.done((with_lines, plan, invoice)))
    }
}

/// What a new contract has of its own instead of its plan's entitlements.
async fn own_entitlements(change: &mut Change, subscription: &Subscription, agreed: &[EntitlementOverride]) -> Result<Vec<Entitlement>> {
    let prorates = subscription.proration_behavior == ProrationBehavior::CreateProrations;
    require_field(
        agreed.is_empty() || !prorates,
        "override_entitlements",
        "override_entitlements does not go with proration_behavior create_prorations",
    )?;
    let scope = change.scope().clone();
    let of_plan = entitlements_of(subscription.plan_id.as_str());
    let given: Vec<Entitlement> = storage::find_all(&mut change.work().glance(), &scope, &of_plan).await?;
    let mut own = Vec::new();
    for (place, agreed_on) in agreed.iter().enumerate() {
        let twice = agreed[..place].iter().any(|other| other.entitlement_id == agreed_on.entitlement_id);
        require_field(!twice, "override_entitlements", "override_entitlements names an entitlement twice")?;
        let id = agreed_on.entitlement_id.as_str();
        let plans = given.iter().find(|entitlement| entitlement.id == agreed_on.entitlement_id);
        own.push(plans.ok_or_else(|| Error::not_found("entitlement of the plan", id))?.overridden(
            agreed_on,
            subscription,
            change.ids(),
        )?);
    }
    for entitlement in &given {
        own.extend(entitlement.of_first_period(subscription, change.ids())?);
    }
    Ok(own)
}

/// The opening invoice: advance charges of the first period, final at once. None when there is nothing to bill.
async fn open(
    change: &mut Change,
    config: &InvoiceConfig,
    with_lines: &mut SubscriptionWithLines,
    prices: Vec<Price>,
) -> Result<Option<InvoiceWithLines>> {
    let SubscriptionWithLines { subscription, lines: subscribed } = with_lines;
    let reason = BillingReason::SubscriptionCreate;
    let mut inputs = Inputs::new(subscription.clone(), subscription.current_period(), Purpose::Issue(reason));
    inputs.lines.clone_from(subscribed);
    inputs.prices = by_id(prices);
    let mut invoice = draft_invoice(change, config, subscription, inputs.period, reason).await?;
    let lines = store_computed(change, &mut invoice, compute(&inputs)?).await?;
    if invoice.totals.subtotal.is_zero() {
        return Ok(None);
    }
    finalize(change, config, &mut invoice).await?;
    let begun = subscription.clone();
    subscription.open(&invoice.totals.amount_remaining)?;
    if subscription.subscription_status != begun.subscription_status {
        change.update(&begun, subscription).await?;
    }
    Ok(Some((invoice, lines)))
}

/// The names of the published meters that prices read.
async fn meter_names(work: &mut UnitOfWork, scope: &Scope, prices: &[Price]) -> Result<BTreeMap<MeterId, String>> {
    let ids: Vec<_> = prices.iter().filter_map(|price| price.meter_id.clone()).collect();
    let meters: Vec<Meter> = storage::find_all(&mut work.glance(), scope, &[Condition::one_of("id", &ids)]).await?;
    Ok(meters.into_iter().map(|meter| (meter.id, meter.name)).collect())
}

/// Plans the turn of the current period. A turn comes strictly after the period's end.
pub(super) async fn plan_roll_over(change: &mut Change, subscription: &Subscription) -> Result<()> {
    let due_at = subscription.current_period_end.plus_micros(1);
    change.plan(Kind::RollOverSubscription, subscription.id.as_str(), due_at).await
}

//! The turn of a period: a draft invoice for each period that ended, the next period, the end of the contract (spec 30 §7).

use domain::invoice::{BillingReason, InvoiceConfig, InvoiceStatus};
use domain::platform::SystemEventName;
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionStatus};
use domain::time::Timestamp;
use sha2::{Digest, Sha256};

use super::create::plan_roll_over;
use super::lines_of;
use super::schedules::{Outcome, settle_pending};
use crate::change::Change;
use crate::due_work::Kind;
use crate::invoice::draft_invoice;
use crate::{App, Context, Error, Result};

/// Late events of a period are awaited for this long after its end, and up to five minutes more, spread over subscriptions.
const LATE_EVENTS_SECONDS: i64 = 900;
const SPREAD_SECONDS: u64 = 300;
/// Most periods that one run turns; a contract that began long ago is caught up over several runs.
const PERIODS_MAX: usize = 200;

impl App {
    /// Turns all periods that ended before now. Doing it twice changes nothing: the period has moved on, and a draft of a period is
    /// unique.
    pub(crate) async fn roll_over(&self, scope: &Scope, subscription_id: &str) -> Result<()> {
        let now = self.now(scope);
        let config: InvoiceConfig = self.setting(scope).await?;
        let mut change = self.begin(&Context::system(scope.clone())).await?;
        let found: Option<Subscription> = storage::get(change.work(), scope, subscription_id).await?;
        let Some(before) = found.filter(|subscription| subscription.subscription_status == SubscriptionStatus::Active) else {
            change.cancel_work(Kind::RollOverSubscription, subscription_id).await?;
            return change.commit().await;
        };
        let mut subscription = before.clone();
        let mut turned = 0;
        while subscription.current_period_end < now && turned < PERIODS_MAX {
            draft_period(&mut change, &config, &subscription).await?;
            subscription.turn()?;
            turned += 1;
            if subscription.subscription_status == SubscriptionStatus::Cancelled {
                end_subscription(&mut change, &before, &mut subscription).await?;
                return change.commit().await;
            }
        }
        if turned > 0 {
            subscription.version += 1;
            change.update(&before, &mut subscription).await?;
        }
        plan_roll_over(&mut change, &subscription).await?;
        change.commit().await
    }
}

/// Drafts the invoice of the period that ended, and plans its computation.
async fn draft_period(change: &mut Change, config: &InvoiceConfig, subscription: &Subscription) -> Result<()> {
    let period = subscription.current_period();
    let invoice = match draft_invoice(change, config, subscription, period, BillingReason::SubscriptionCycle).await {
        Ok(invoice) => invoice,
        // The period was invoiced before: by an earlier run that did not get as far as moving on.
        Err(Error::AlreadyExists { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    if invoice.invoice_status != InvoiceStatus::Draft {
        return Ok(());
    }
    let due_at = period.end.plus_seconds(LATE_EVENTS_SECONDS + spread(subscription.id.as_str()));
    change.plan(Kind::ComputeInvoice, invoice.id.as_str(), due_at).await
}

/// Writes the end of a contract whose last period was drafted: itself, its lines, its due work.
async fn end_subscription(change: &mut Change, before: &Subscription, subscription: &mut Subscription) -> Result<()> {
    subscription.version += 1;
    change.update(before, subscription).await?;
    change.emit(SystemEventName::SubscriptionCancelled, subscription);
    end_lines(change, subscription, subscription.current_period_end).await?;
    settle_pending(change, subscription, Outcome::Ended).await?;
    change.cancel_work(Kind::RollOverSubscription, subscription.id.as_str()).await
}

/// Ends the lines of a contract that ends: those that are open or end later.
pub(super) async fn end_lines(change: &mut Change, subscription: &Subscription, end: Timestamp) -> Result<()> {
    let scope = change.scope().clone();
    for before in lines_of(change.work(), &scope, &subscription.id).await? {
        let mut line = before.clone();
        if line.end(end) {
            change.update(&before, &mut line).await?;
        }
    }
    Ok(())
}

/// 0 to 299 seconds, always the same for the same subscription.
fn spread(subscription_id: &str) -> i64 {
    let hash = Sha256::digest(subscription_id.as_bytes());
    let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    i64::try_from(number % SPREAD_SECONDS).unwrap_or(0)
}

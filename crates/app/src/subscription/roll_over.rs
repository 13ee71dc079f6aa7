//! The turn of a period: a draft invoice for each period that ended, the next period, the end of the contract (spec 30 §7).

use domain::invoice::{BillingReason, InvoiceStatus};
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionStatus};
use domain::time::Period;
use sha2::{Digest, Sha256};
use storage::UnitOfWork;

use super::create::plan_roll_over;
use super::lines_of;
use crate::due_work::{self, Kind};
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
        let context = Context::system(scope.clone());
        let now = self.now(scope);
        let mut work = self.database().begin().await?;
        let found: Option<Subscription> = storage::get(&mut work, scope, subscription_id).await?;
        let Some(mut subscription) = found.filter(|subscription| subscription.subscription_status == SubscriptionStatus::Active) else {
            due_work::cancel(&mut work, Kind::RollOverSubscription, scope, subscription_id).await?;
            return Ok(work.commit().await?);
        };
        let mut turned = 0;
        while subscription.current_period_end < now && turned < PERIODS_MAX {
            let ended = subscription.current_period();
            self.draft_period(&mut work, &context, &subscription, ended).await?;
            turned += 1;
            if !subscription.continues_after(ended.end) {
                self.end_subscription(&mut work, &context, &mut subscription).await?;
                return Ok(work.commit().await?);
            }
            let next = subscription.period_after(ended.end)?;
            subscription.current_period_start = next.start;
            subscription.current_period_end = next.end;
        }
        if turned > 0 {
            subscription.version += 1;
            self.touch(&context, &mut subscription);
            storage::update(&mut work, &subscription).await?;
        }
        plan_roll_over(&mut work, &subscription).await?;
        Ok(work.commit().await?)
    }

    async fn draft_period(&self, work: &mut UnitOfWork, context: &Context, subscription: &Subscription, period: Period) -> Result<()> {
        let invoice = match self.draft_invoice(work, context, subscription, period, BillingReason::SubscriptionCycle).await {
            Ok(invoice) => invoice,
            // The period was billed before: by an earlier run that did not get as far as moving on.
            Err(Error::AlreadyExists { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if invoice.invoice_status != InvoiceStatus::Draft {
            return Ok(());
        }
        let due_at = period.end.plus_seconds(LATE_EVENTS_SECONDS + spread(subscription.id.as_str()));
        due_work::plan(work, Kind::ComputeInvoice, &context.scope, invoice.id.as_str(), due_at).await
    }

    /// Ends a contract whose last period was drafted: status, lines, due work.
    async fn end_subscription(&self, work: &mut UnitOfWork, context: &Context, subscription: &mut Subscription) -> Result<()> {
        let end = subscription.current_period_end;
        subscription.subscription_status = SubscriptionStatus::Cancelled;
        subscription.cancelled_at = Some(end);
        subscription.end_date = Some(end);
        subscription.version += 1;
        self.touch(context, subscription);
        storage::update(work, subscription).await?;
        self.end_lines(work, context, subscription, end).await?;
        due_work::cancel(work, Kind::RollOverSubscription, &context.scope, subscription.id.as_str()).await
    }

    /// Ends the lines of a contract that ends: those that are open or end later.
    pub(super) async fn end_lines(
        &self,
        work: &mut UnitOfWork,
        context: &Context,
        subscription: &Subscription,
        end: domain::time::Timestamp,
    ) -> Result<()> {
        for mut line in lines_of(work, &context.scope, &subscription.id).await? {
            if line.end_date.is_none_or(|line_end| line_end > end) {
                line.end_date = Some(end.max(line.start_date));
                self.touch(context, &mut line);
                storage::update(work, &line).await?;
            }
        }
        Ok(())
    }
}

/// 0 to 299 seconds, always the same for the same subscription.
fn spread(subscription_id: &str) -> i64 {
    let hash = Sha256::digest(subscription_id.as_bytes());
    let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    i64::try_from(number % SPREAD_SECONDS).unwrap_or(0)
}

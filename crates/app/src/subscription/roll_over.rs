//! The turn of a period: a draft invoice for each period that ended, the next period, the end of the contract (spec 30 §7).

use domain::invoice::{BillingReason, InvoiceStatus};
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionStatus};
use domain::time::{Period, Timestamp};
use sha2::{Digest, Sha256};
use storage::UnitOfWork;
use storage::due_work::DueWork;

use super::create::plan_roll_over;
use super::{ROLL_OVER, lines_of};
use crate::invoice::COMPUTE_INVOICE;
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
            storage::due_work::cancel(&mut work, scope, ROLL_OVER, subscription_id).await?;
            return Ok(work.commit().await?);
        };
        let mut turned = 0;
        while subscription.current_period_end < now && turned < PERIODS_MAX {
            self.draft_period(&mut work, &context, &subscription, subscription.current_period()).await?;
            subscription.turn()?;
            turned += 1;
            if subscription.subscription_status == SubscriptionStatus::Cancelled {
                self.end_subscription(&mut work, &context, &mut subscription).await?;
                return Ok(work.commit().await?);
            }
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
        let due = DueWork {
            scope: context.scope.clone(),
            id: format!("{COMPUTE_INVOICE}/{}", invoice.id),
            kind: COMPUTE_INVOICE.into(),
            entity_id: invoice.id.to_string(),
            due_at: period.end.plus_seconds(LATE_EVENTS_SECONDS + spread(subscription.id.as_str())),
            attempts: 0,
            last_error: String::new(),
        };
        Ok(storage::due_work::plan(work, &due).await?)
    }

    /// Writes the end of a contract whose last period was drafted: itself, its lines, its due work.
    async fn end_subscription(&self, work: &mut UnitOfWork, context: &Context, subscription: &mut Subscription) -> Result<()> {
        subscription.version += 1;
        self.touch(context, subscription);
        storage::update(work, subscription).await?;
        self.end_lines(work, context, subscription, subscription.current_period_end).await?;
        Ok(storage::due_work::cancel(work, &context.scope, ROLL_OVER, subscription.id.as_str()).await?)
    }

    /// Ends the lines of a contract that ends: those that are open or end later.
    pub(super) async fn end_lines(
        &self,
        work: &mut UnitOfWork,
        context: &Context,
        subscription: &Subscription,
        end: Timestamp,
    ) -> Result<()> {
        for mut line in lines_of(work, &context.scope, &subscription.id).await? {
            if line.end(end) {
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

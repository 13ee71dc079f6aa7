//! Ending a subscription on request (spec 30 §9.1).

use domain::invoice::BillingReason;
use domain::subscription::{CancelRequest, CancellationType, InvoicePolicy, Subscription};
use domain::time::{Period, Timestamp};

use super::create::plan_roll_over;
use crate::due_work::{self, Kind};
use crate::{App, Context, Error, Pending, Result};

impl App {
    /// Cancels a subscription and returns it with the instant at which that takes effect. An immediate cancellation bills what was
    /// used when asked to.
    pub async fn cancel_subscription(
        &self,
        context: &Context,
        id: &str,
        request: &CancelRequest,
    ) -> Result<Pending<(Subscription, Timestamp)>> {
        let scope = &context.scope;
        let now = self.now(scope);
        let before: Subscription = self.get(scope, "subscription", id).await?;
        let mut subscription = before.clone();
        let effective = subscription.cancel(request, now)?;
        let immediate = request.kind == CancellationType::Immediate;
        // Usage is read before the write lock is taken: the event store may take its time.
        let bills = immediate && request.invoice_policy == InvoicePolicy::GenerateInvoice && effective > before.current_period_start;
        let used = if bills {
            let period = Period::new(before.current_period_start, effective);
            Some((period, self.read_charges(context, &before, period, BillingReason::Proration, None).await?))
        } else {
            None
        };
        let mut work = self.database().begin().await?;
        let current: Option<Subscription> = storage::get(&mut work, scope, id).await?;
        if current.as_ref() != Some(&before) {
            return Err(Error::VersionConflict("the subscription changed meanwhile: read it and try again".into()));
        }
        subscription.version += 1;
        self.touch(context, &mut subscription);
        storage::update(&mut work, &subscription).await?;
        if let Some((period, charges)) = used {
            self.check_not_billed_since(&mut work, scope, &before, &charges, None).await?;
            let mut invoice = self.draft_invoice(&mut work, context, &before, period, BillingReason::Proration).await?;
            let lines = self.lines_from_charges(context, &invoice, &before, charges);
            self.store_computed(&mut work, context, &mut invoice, lines).await?;
            if !invoice.totals.subtotal.is_zero() {
                self.finalize_within(&mut work, context, &mut invoice).await?;
            }
        }
        if immediate {
            self.end_lines(&mut work, context, &subscription, effective).await?;
            due_work::cancel(&mut work, Kind::RollOverSubscription, scope, id).await?;
        } else {
            plan_roll_over(&mut work, &subscription).await?;
        }
        Ok(Pending::new(self, work, (subscription, effective)))
    }
}

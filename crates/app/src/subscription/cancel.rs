//! Ending a subscription on request (spec 30 §9.1).

use domain::invoice::{BillingReason, Purpose, compute};
use domain::subscription::{CancelRequest, CancellationType, Subscription};
use domain::time::Timestamp;

use super::ROLL_OVER;
use super::create::plan_roll_over;
use crate::{App, Context, Error, Pending, Result};

impl App {
    /// Cancels a subscription and returns it with the instant at which that takes effect. An immediate cancellation invoices
    /// what was used when asked to.
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
        let closing = match before.closing_period(request, effective) {
            Some(period) => {
                let purpose = Purpose::Issue(BillingReason::Proration);
                Some(self.read_invoice_inputs(scope, &before, period, purpose, None).await?)
            }
            None => None,
        };
        let mut work = self.database().begin().await?;
        let current: Option<Subscription> = storage::get(&mut work, scope, id).await?;
        if current.as_ref() != Some(&before) {
            return Err(Error::VersionConflict("the subscription changed meanwhile: read it and try again".into()));
        }
        subscription.version += 1;
        self.touch(context, &mut subscription);
        storage::update(&mut work, &subscription).await?;
        if let Some(inputs) = closing {
            self.check_still_billed(&mut work, scope, &inputs, None).await?;
            let mut invoice = self.draft_invoice(&mut work, context, &before, inputs.period, BillingReason::Proration).await?;
            self.store_computed(&mut work, context, &mut invoice, compute(&inputs)?).await?;
            if !invoice.totals.subtotal.is_zero() {
                self.finalize_within(&mut work, context, &mut invoice).await?;
            }
        }
        if immediate {
            self.end_lines(&mut work, context, &subscription, effective).await?;
            storage::due_work::cancel(&mut work, scope, ROLL_OVER, id).await?;
        } else {
            plan_roll_over(&mut work, &subscription).await?;
        }
        Ok(Pending::new(self, work, (subscription, effective)))
    }
}

//! Ending a subscription on request (spec 30 §9.1).

use domain::invoice::{BillingReason, InvoiceConfig, Purpose, compute};
use domain::platform::SystemEventName;
use domain::subscription::{CancelRequest, CancellationType, Subscription, SubscriptionSchedule};
use domain::time::Timestamp;

use super::create::plan_roll_over;
use super::roll_over::end_lines;
use super::schedules::{Outcome, settle_pending};
use crate::due_work::Kind;
use crate::invoice::UsageAhead;
use crate::invoice::{draft_invoice, finalize, store_computed};
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
        let before: Subscription = self.require(scope, id).await?;
        let mut subscription = before.clone();
        let effective = subscription.cancel(request, now)?;
        let immediate = request.kind == CancellationType::Immediate;
        // Usage is read before the write lock is taken: the event store may take its time.
        let closing = match before.closing_period(request, effective) {
            Some(period) => {
                let purpose = Purpose::Issue(BillingReason::Proration);
                Some(self.read_invoice_inputs(scope, &before, period, purpose, None, &UsageAhead::default()).await?)
            }
            None => None,
        };
        let config: InvoiceConfig = self.setting(scope).await?;
        let mut change = self.begin(context).await?;
        let current: Subscription = change.require(id).await?;
        if current != before {
            return Err(Error::changed_meanwhile("subscription", id));
        }
        subscription.version += 1;
        change.update(&before, &mut subscription).await?;
        if immediate {
            change.emit(SystemEventName::SubscriptionCancelled, &subscription);
        }
        if let Some(inputs) = closing {
            self.check_still_billed(change.work(), scope, &inputs, None).await?;
            let mut invoice = draft_invoice(&mut change, &config, &before, inputs.period, BillingReason::Proration).await?;
            store_computed(&mut change, &mut invoice, compute(&inputs)?).await?;
            if !invoice.totals.subtotal.is_zero() {
                finalize(&mut change, &config, &mut invoice).await?;
            }
        }
        settle_pending(&mut change, &subscription, Outcome::Superseded).await?;
        if immediate {
            end_lines(&mut change, &subscription, effective).await?;
            change.cancel_work(Kind::RollOverSubscription, id).await?;
        } else {
            let audit = change.audit();
            let schedule = SubscriptionSchedule::cancellation(&before, request, effective, audit, change.ids());
            change.create(&schedule).await?;
            plan_roll_over(&mut change, &subscription).await?;
        }
        Ok(change.done((subscription, effective)))
    }
}

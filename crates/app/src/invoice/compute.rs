//! The lines of a draft (spec 40 §10): usage is read outside any lock; then the invoice is locked, checked again and written.

use domain::invalid::Invalid;
use domain::invoice::{Computed, Invoice, InvoiceConfig, InvoiceLineItem, InvoiceStatus, Purpose, compute};
use domain::platform::SystemEventName;
use domain::scope::Scope;
use domain::subscription::Subscription;
use storage::Condition;

use super::{UsageAhead, lines_of};
use crate::change::Change;
use crate::due_work::Kind;
use crate::{App, Context, Error, Pending, Result};

/// Why an invoice is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Someone asked for it.
    ByHand,
    /// Its time came.
    Planned,
}

impl App {
    /// Computes a draft or skipped invoice of a subscription by hand. Others are refused. Its planned computation stays planned, and so is
    /// its finalization by that: late events are still awaited.
    pub async fn compute_invoice(&self, context: &Context, id: &str) -> Result<Pending<(Invoice, Vec<InvoiceLineItem>)>> {
        self.compute(context, id, Cause::ByHand, &UsageAhead::default()).await
    }

    async fn compute(
        &self,
        context: &Context,
        id: &str,
        cause: Cause,
        ahead: &UsageAhead,
    ) -> Result<Pending<(Invoice, Vec<InvoiceLineItem>)>> {
        let scope = &context.scope;
        let before: Invoice = self.require(scope, id).await?;
        if !matches!(before.invoice_status, InvoiceStatus::Draft | InvoiceStatus::Skipped) {
            return Err(before
                .wrong_state(format!("the invoice is {}: only drafts and skipped ones are computed", before.invoice_status))
                .into());
        }
        let (Some(subscription_id), Some(period)) = (&before.subscription_id, before.period()) else {
            return Err(Invalid::operation("the invoice bills no subscription: its lines stay as they are").with("id", id).into());
        };
        let subscription: Subscription = self.require(scope, subscription_id.as_str()).await?;
        let purpose = Purpose::Issue(before.billing_reason);
        let inputs = self.read_invoice_inputs(scope, &subscription, period, purpose, Some(&before.id), ahead).await?;
        let config: InvoiceConfig = self.setting(scope).await?;
        let mut change = self.begin(context).await?;
        // The subscription before its invoice, as everywhere.
        change.require::<Subscription>(subscription_id.as_str()).await?;
        let mut invoice: Invoice = change.require(id).await?;
        if invoice.version != before.version {
            return Err(Error::changed_meanwhile("invoice", id));
        }
        self.check_still_billed(change.work(), scope, &inputs, Some(&before.id)).await?;
        let lines = store_computed(&mut change, &mut invoice, compute(&inputs)?).await?;
        let computed_again = match cause {
            Cause::Planned => {
                change.cancel_work(Kind::ComputeInvoice, id).await?;
                false
            }
            Cause::ByHand => change.planned_work(Kind::ComputeInvoice, id).await?.is_some(),
        };
        if !computed_again {
            plan_finalize(&mut change, &config, &invoice).await?;
        }
        Ok(change.done((invoice, lines)))
    }

    /// Does planned work: an invoice that is final or gone by now needs none.
    pub(crate) async fn compute_due_invoice(&self, scope: &Scope, id: &str, ahead: &UsageAhead) -> Result<()> {
        let context = Context::system(scope.clone());
        let invoice: Invoice = self.require(scope, id).await?;
        if matches!(invoice.invoice_status, InvoiceStatus::Draft | InvoiceStatus::Skipped) {
            self.compute(&context, id, Cause::Planned, ahead).await?.commit().await?;
            return Ok(());
        }
        self.cancel_due_work(Kind::ComputeInvoice, scope, id).await
    }
}

/// Writes a computed invoice, its lines in place of the old ones.
pub(crate) async fn store_computed(change: &mut Change, invoice: &mut Invoice, computed: Computed<'_>) -> Result<Vec<InvoiceLineItem>> {
    let scope = change.scope().clone();
    let old = lines_of(change.work(), &scope, &invoice.id).await?;
    if !old.is_empty() {
        storage::remove::<InvoiceLineItem>(change.work(), &scope, &[Condition::eq("invoice_id", &invoice.id)]).await?;
    }
    let before = invoice.clone();
    let lines = invoice.accept(computed, old, &change.audit(), change.ids())?;
    // The invoice's own entry in the activity log tells of its lines.
    storage::insert_all(change.work(), &lines).await?;
    invoice.version += 1;
    change.update(&before, invoice).await?;
    if invoice.invoice_status != InvoiceStatus::Skipped {
        change.emit(SystemEventName::InvoiceUpdate, invoice);
    }
    Ok(lines)
}

/// Plans the finalization of a computed draft: strictly after its delay.
async fn plan_finalize(change: &mut Change, config: &InvoiceConfig, invoice: &Invoice) -> Result<()> {
    let (InvoiceStatus::Draft, Some(computed_at)) = (invoice.invoice_status, invoice.last_computed_at) else { return Ok(()) };
    if invoice.period_end.is_some_and(|end| computed_at < end) {
        return Ok(());
    }
    let due_at = computed_at.plus_seconds(config.finalization_delay_seconds).plus_micros(1);
    change.plan(Kind::FinalizeInvoice, invoice.id.as_str(), due_at).await
}

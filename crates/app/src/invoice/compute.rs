//! The lines of a draft (spec 40 §10): usage is read outside any lock; then the invoice is locked, checked again and written.

use domain::invoice::{Computed, Invoice, InvoiceLineItem, InvoiceStatus, Purpose, compute};
use domain::scope::Scope;
use domain::subscription::Subscription;
use storage::due_work::DueWork;
use storage::{Condition, UnitOfWork};

use super::{COMPUTE_INVOICE, FINALIZE_INVOICE, lines_of};
use crate::{App, Context, Error, Pending, Result};

impl App {
    /// Computes a draft or skipped invoice of a subscription. Others are refused.
    pub async fn compute_invoice(&self, context: &Context, id: &str) -> Result<Pending<(Invoice, Vec<InvoiceLineItem>)>> {
        let scope = &context.scope;
        let before: Invoice = self.get(scope, "invoice", id).await?;
        if !matches!(before.invoice_status, InvoiceStatus::Draft | InvoiceStatus::Skipped) {
            return Err(Error::operation(format!("the invoice is {}: only drafts and skipped ones are computed", before.invoice_status)));
        }
        let (Some(subscription_id), Some(period)) = (&before.subscription_id, before.period()) else {
            return Err(Error::operation("the invoice bills no subscription: its lines stay as they are"));
        };
        let subscription: Subscription = self.get(scope, "subscription", subscription_id.as_str()).await?;
        let purpose = Purpose::Issue(before.billing_reason);
        let inputs = self.read_invoice_inputs(scope, &subscription, period, purpose, Some(&before.id)).await?;
        let mut work = self.database().begin().await?;
        // The subscription before its invoice, as everywhere.
        storage::get::<Subscription>(&mut work, scope, subscription_id.as_str()).await?;
        let found: Option<Invoice> = storage::get(&mut work, scope, id).await?;
        let mut invoice = found.ok_or_else(|| Error::not_found("invoice", id))?;
        if invoice.version != before.version {
            return Err(Error::VersionConflict("the invoice changed meanwhile: try again".into()));
        }
        self.check_still_billed(&mut work, scope, &inputs, Some(&before.id)).await?;
        let lines = self.store_computed(&mut work, context, &mut invoice, compute(&inputs)?).await?;
        storage::due_work::cancel(&mut work, scope, COMPUTE_INVOICE, id).await?;
        self.plan_finalize(&mut work, &invoice).await?;
        Ok(Pending::new(self, work, (invoice, lines)))
    }

    /// Does planned work: an invoice that is final or gone by now needs none.
    pub(crate) async fn compute_due_invoice(&self, scope: &Scope, id: &str) -> Result<()> {
        let context = Context::system(scope.clone());
        let invoice: Invoice = self.get(scope, "invoice", id).await?;
        if matches!(invoice.invoice_status, InvoiceStatus::Draft | InvoiceStatus::Skipped) {
            self.compute_invoice(&context, id).await?.commit().await?;
            return Ok(());
        }
        let mut work = self.database().begin().await?;
        storage::due_work::cancel(&mut work, scope, COMPUTE_INVOICE, id).await?;
        Ok(work.commit().await?)
    }

    /// Writes a computed invoice, its lines in place of the old ones.
    pub(crate) async fn store_computed(
        &self,
        work: &mut UnitOfWork,
        context: &Context,
        invoice: &mut Invoice,
        computed: Computed<'_>,
    ) -> Result<Vec<InvoiceLineItem>> {
        let scope = &context.scope;
        let old = lines_of(work, scope, &invoice.id).await?;
        if !old.is_empty() {
            storage::remove::<InvoiceLineItem>(work, scope, &[Condition::eq("invoice_id", &invoice.id)]).await?;
        }
        let lines = invoice.accept(computed, old, &self.audit(context), self.ids())?;
        storage::insert_all(work, &lines).await?;
        invoice.version += 1;
        self.touch(context, invoice);
        storage::update(work, invoice).await?;
        Ok(lines)
    }

    /// Plans the finalization of a computed draft: strictly after its delay.
    async fn plan_finalize(&self, work: &mut UnitOfWork, invoice: &Invoice) -> Result<()> {
        let (InvoiceStatus::Draft, Some(computed_at)) = (invoice.invoice_status, invoice.last_computed_at) else { return Ok(()) };
        if invoice.period_end.is_some_and(|end| computed_at < end) {
            return Ok(());
        }
        let delay = domain::invoice::InvoiceConfig::default().finalization_delay_seconds;
        let due = DueWork {
            scope: invoice.audit.scope.clone(),
            id: format!("{FINALIZE_INVOICE}/{}", invoice.id),
            kind: FINALIZE_INVOICE.into(),
            entity_id: invoice.id.to_string(),
            due_at: computed_at.plus_seconds(delay).plus_micros(1),
            attempts: 0,
            last_error: String::new(),
        };
        Ok(storage::due_work::plan(work, &due).await?)
    }
}

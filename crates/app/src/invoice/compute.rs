//! The lines of a draft (spec 40 §10): usage is read outside any lock; then the bill is locked, checked again and written.

use std::collections::HashMap;

use domain::invoice::{Invoice, InvoiceLineItem, InvoiceStatus};
use domain::scope::Scope;
use domain::subscription::Subscription;
use storage::{Condition, UnitOfWork};

use super::lines_of;
use crate::due_work::{self, Kind};
use crate::{App, Context, Error, Pending, Result};

impl App {
    /// Computes a draft or skipped bill of a subscription. Others are refused.
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
        let charges = self.read_charges(context, &subscription, period, before.billing_reason, Some(&before.id)).await?;
        let mut work = self.database().begin().await?;
        // The subscription before its invoice, as everywhere.
        storage::get::<Subscription>(&mut work, scope, subscription_id.as_str()).await?;
        let found: Option<Invoice> = storage::get(&mut work, scope, id).await?;
        let mut invoice = found.ok_or_else(|| Error::not_found("invoice", id))?;
        if invoice.version != before.version {
            return Err(Error::VersionConflict("the invoice changed meanwhile: try again".into()));
        }
        self.check_not_billed_since(&mut work, scope, &subscription, &charges, Some(&before.id)).await?;
        let lines = self.lines_from_charges(context, &invoice, &subscription, charges);
        let lines = self.store_computed(&mut work, context, &mut invoice, lines).await?;
        due_work::cancel(&mut work, Kind::ComputeInvoice, scope, id).await?;
        self.plan_finalize(&mut work, &invoice).await?;
        Ok(Pending::new(self, work, (invoice, lines)))
    }

    /// Does planned work: a bill that is final or gone by now needs none.
    pub(crate) async fn compute_due_invoice(&self, scope: &Scope, id: &str) -> Result<()> {
        let context = Context::system(scope.clone());
        let invoice: Invoice = self.get(scope, "invoice", id).await?;
        if matches!(invoice.invoice_status, InvoiceStatus::Draft | InvoiceStatus::Skipped) {
            self.compute_invoice(&context, id).await?.commit().await?;
            return Ok(());
        }
        self.cancel_due_work(Kind::ComputeInvoice, scope, id).await
    }

    /// Writes computed lines in place of the old ones; a line of the same subscription line and stretch keeps its identity.
    pub(crate) async fn store_computed(
        &self,
        work: &mut UnitOfWork,
        context: &Context,
        invoice: &mut Invoice,
        mut lines: Vec<InvoiceLineItem>,
    ) -> Result<Vec<InvoiceLineItem>> {
        let scope = &context.scope;
        let identity = |line: &InvoiceLineItem| (line.subscription_line_item_id.clone(), line.period_start, line.period_end);
        let old = lines_of(work, scope, &invoice.id).await?;
        if !old.is_empty() {
            let mut by_identity: HashMap<_, _> = old.into_iter().map(|line| (identity(&line), line)).collect();
            for line in &mut lines {
                if let Some(old) = by_identity.remove(&identity(line)) {
                    line.id = old.id;
                    line.audit.created_at = old.audit.created_at;
                    line.audit.created_by = old.audit.created_by;
                }
            }
            storage::remove::<InvoiceLineItem>(work, scope, &[Condition::eq("invoice_id", &invoice.id)]).await?;
        }
        storage::insert_all(work, &lines).await?;
        invoice.computed(&lines, self.now(scope))?;
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
        let delay = self.shared.settings.invoice_config.finalization_delay_seconds;
        let due_at = computed_at.plus_seconds(delay).plus_micros(1);
        due_work::plan(work, Kind::FinalizeInvoice, &invoice.audit.scope, invoice.id.as_str(), due_at).await
    }
}

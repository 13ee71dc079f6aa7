//! A draft becomes final: numbered, due, never changed again (spec 40 §§10, 11).

use domain::invoice::{Invoice, InvoiceStatus};
use domain::scope::Scope;
use storage::UnitOfWork;

use crate::due_work::{self, Kind};
use crate::{App, Context, Error, Pending, Result};

impl App {
    /// Makes a computed draft final at once. A skipped bill stays as it is; others are refused.
    pub async fn finalize_invoice(&self, context: &Context, id: &str) -> Result<Pending<Invoice>> {
        let mut work = self.database().begin().await?;
        let found: Option<Invoice> = storage::get(&mut work, &context.scope, id).await?;
        let mut invoice = found.ok_or_else(|| Error::not_found("invoice", id))?;
        if invoice.invoice_status != InvoiceStatus::Skipped {
            self.finalize_within(&mut work, context, &mut invoice).await?;
        }
        Ok(Pending::new(self, work, invoice))
    }

    /// Does planned work: a bill that is no draft by now needs none.
    pub(crate) async fn finalize_due_invoice(&self, scope: &Scope, id: &str) -> Result<()> {
        let context = Context::system(scope.clone());
        let mut work = self.database().begin().await?;
        let found: Option<Invoice> = storage::get(&mut work, scope, id).await?;
        if let Some(mut invoice) = found.filter(|invoice| invoice.invoice_status == InvoiceStatus::Draft) {
            self.finalize_within(&mut work, &context, &mut invoice).await?;
        } else {
            due_work::cancel(&mut work, Kind::FinalizeInvoice, scope, id).await?;
        }
        Ok(work.commit().await?)
    }

    /// Numbers and locks a draft inside a unit of work: a rollback returns the number.
    pub(crate) async fn finalize_within(&self, work: &mut UnitOfWork, context: &Context, invoice: &mut Invoice) -> Result<()> {
        invoice.check_finalizable()?;
        let scope = &context.scope;
        let now = self.now(scope);
        let config = &self.shared.settings.invoice_config;
        let date_part = config.date_part(now);
        let sequence = storage::sequences::next(work, scope, &format!("invoice/{date_part}"), config.start_sequence).await?;
        invoice.finalize(config.number(&date_part, sequence), now)?;
        invoice.version += 1;
        self.touch(context, invoice);
        storage::update(work, invoice).await?;
        due_work::cancel(work, Kind::FinalizeInvoice, scope, invoice.id.as_str()).await
    }
}

//! A draft becomes final: numbered, due, never changed again (spec 40 §§10, 11).

use domain::invoice::{Invoice, InvoiceConfig, InvoiceStatus};
use domain::platform::SystemEventName;
use domain::scope::Scope;

use crate::change::Change;
use crate::due_work::Kind;
use crate::{App, Context, Pending, Result};

impl App {
    /// Makes a computed draft final at once. A skipped invoice stays as it is; others are refused.
    pub async fn finalize_invoice(&self, context: &Context, id: &str) -> Result<Pending<Invoice>> {
        let config: InvoiceConfig = self.setting(&context.scope).await?;
        let mut change = self.begin(context).await?;
        let mut invoice: Invoice = change.require(id).await?;
        if invoice.invoice_status != InvoiceStatus::Skipped {
            finalize(&mut change, &config, &mut invoice).await?;
        }
        Ok(change.done(invoice))
    }

    /// Does planned work: an invoice that is no draft by now needs none.
    pub(crate) async fn finalize_due_invoice(&self, scope: &Scope, id: &str) -> Result<()> {
        let config: InvoiceConfig = self.setting(scope).await?;
        let mut change = self.begin(&Context::system(scope.clone())).await?;
        let found: Option<Invoice> = storage::get(change.work(), scope, id).await?;
        if let Some(mut invoice) = found.filter(|invoice| invoice.invoice_status == InvoiceStatus::Draft) {
            finalize(&mut change, &config, &mut invoice).await?;
        } else {
            change.cancel_work(Kind::FinalizeInvoice, id).await?;
        }
        change.commit().await
    }
}

/// Numbers and locks a draft inside a change: one that is dropped returns the number.
pub(crate) async fn finalize(change: &mut Change, config: &InvoiceConfig, invoice: &mut Invoice) -> Result<()> {
    invoice.check_finalizable()?;
    let (scope, now) = (change.scope().clone(), change.now());
    let date_part = config.date_part(now);
    let sequence = storage::sequences::next(change.work(), &scope, &format!("invoice/{date_part}"), config.start_sequence).await?;
    let before = invoice.clone();
    invoice.finalize(config.number(&date_part, sequence), now)?;
    invoice.version += 1;
    change.update(&before, invoice).await?;
    change.emit(SystemEventName::InvoiceUpdateFinalized, invoice);
    change.cancel_work(Kind::FinalizeInvoice, invoice.id.as_str()).await
}

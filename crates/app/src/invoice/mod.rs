//! Bills: drafted with the turn of a period, computed from usage, made final, previewed (spec 40).

mod charges;
mod compute;
mod draft;
mod finalize;
mod preview;

pub use preview::Preview;

use domain::ids::InvoiceId;
use domain::invoice::{Invoice, InvoiceLineItem};
use domain::scope::Scope;
use storage::{Condition, Source};

use crate::{App, Result};

pub(crate) async fn lines_of(source: &mut impl Source, scope: &Scope, invoice: &InvoiceId) -> Result<Vec<InvoiceLineItem>> {
    Ok(storage::find_all(source, scope, &[Condition::eq("invoice_id", invoice)]).await?)
}

impl App {
    /// A bill with its published lines.
    pub async fn invoice(&self, scope: &Scope, id: &str) -> Result<(Invoice, Vec<InvoiceLineItem>)> {
        let invoice: Invoice = self.get(scope, "invoice", id).await?;
        let lines = lines_of(&mut self.database(), scope, &invoice.id).await?;
        Ok((invoice, lines))
    }

    /// The published lines of several bills.
    pub async fn lines_of_invoices(&self, scope: &Scope, ids: &[InvoiceId]) -> Result<Vec<InvoiceLineItem>> {
        self.find_all(scope, &[Condition::one_of("invoice_id", ids)]).await
    }
}

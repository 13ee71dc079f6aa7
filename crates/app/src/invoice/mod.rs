//! Invoices: drafted with the turn of a period, computed from usage, made final, previewed (spec 40).

mod compute;
mod draft;
mod finalize;
mod inputs;
mod preview;
mod read_ahead;

pub(crate) use compute::store_computed;
pub(crate) use draft::draft_invoice;
pub(crate) use finalize::finalize;
pub(crate) use inputs::by_id;
pub use preview::Preview;
pub(crate) use read_ahead::UsageAhead;

use domain::ids::InvoiceId;
use domain::invoice::{Invoice, InvoiceLineItem};
use domain::platform::EntityType;
use domain::scope::Scope;
use storage::{Condition, Source};

use crate::change::Entity;
use crate::{App, Result};

pub(crate) async fn lines_of(source: &mut impl Source, scope: &Scope, invoice: &InvoiceId) -> Result<Vec<InvoiceLineItem>> {
    Ok(storage::find_all(source, scope, &[Condition::eq("invoice_id", invoice)]).await?)
}

impl Entity for Invoice {
    const TYPE: EntityType = EntityType::Invoice;
    const NAME: &'static str = "invoice";

    fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl App {
    /// An invoice with its published lines.
    pub async fn invoice(&self, scope: &Scope, id: &str) -> Result<(Invoice, Vec<InvoiceLineItem>)> {
        let invoice: Invoice = self.require(scope, id).await?;
        let lines = lines_of(&mut self.database(), scope, &invoice.id).await?;
        Ok((invoice, lines))
    }

    /// The published lines of several invoices.
    pub async fn lines_of_invoices(&self, scope: &Scope, ids: &[InvoiceId]) -> Result<Vec<InvoiceLineItem>> {
        self.find_all(scope, &[Condition::one_of("invoice_id", ids)]).await
    }
}

//! A draft: the invoice of a subscription for a period and a reason, once (spec 40 §§10, 11).

use domain::invoice::{BillingReason, Invoice, InvoiceConfig, InvoiceStatus};
use domain::subscription::Subscription;
use domain::time::Period;
use storage::Condition;

use crate::change::Change;
use crate::{Error, Result};

/// The draft for a period and reason: a new one, or the one that exists while it is not final. A final one is refused as existing.
pub(crate) async fn draft_invoice(
    change: &mut Change,
    config: &InvoiceConfig,
    subscription: &Subscription,
    period: Period,
    reason: BillingReason,
) -> Result<Invoice> {
    let scope = change.scope().clone();
    let mut invoice = Invoice::draft(subscription, period, reason, config, change.audit(), change.ids());
    let same = [
        Condition::eq("idempotency_key", &invoice.idempotency_key),
        Condition::NotEq("invoice_status", storage::Cell::to_value(&InvoiceStatus::Voided)),
    ];
    if let Some(existing) = storage::find::<Invoice>(change.work(), &scope, &same).await? {
        return match existing.invoice_status {
            InvoiceStatus::Draft | InvoiceStatus::Skipped => Ok(existing),
            InvoiceStatus::Finalized | InvoiceStatus::Voided => {
                Err(Error::exists(format!("invoice {} bills this period already", existing.id)).with("id", &existing.id))
            }
        };
    }
    invoice.billing_sequence = storage::sequences::next(change.work(), &scope, &format!("billing/{}", subscription.id), 1).await?;
    // Another reason to refuse it: an invoice of this period that was made under another key. That must not spoil the unit of work.
    if change.create_if_absent(&invoice).await? { Ok(invoice) } else { Err(Error::exists("another invoice bills this period already")) }
}

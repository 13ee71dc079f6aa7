//! A draft: the bill of a subscription for a period and a reason, once (spec 40 §§10, 11).

use domain::ids::InvoiceId;
use domain::invoice::{BillingReason, Invoice, InvoiceStatus, InvoiceType, PaymentStatus, Totals};
use domain::subscription::Subscription;
use domain::time::{Period, Timestamp};
use sha2::{Digest, Sha256};
use storage::{Condition, UnitOfWork};

use crate::platform::authenticate::hex;
use crate::{App, Context, Error, Result};

impl App {
    /// The draft for a period and reason: a new one, or the one that exists while it is not final. A final one is refused as existing.
    pub(crate) async fn draft_invoice(
        &self,
        work: &mut UnitOfWork,
        context: &Context,
        subscription: &Subscription,
        period: Period,
        reason: BillingReason,
    ) -> Result<Invoice> {
        let scope = &context.scope;
        let idempotency_key = subscription_invoice_key(subscription, period, reason);
        let same = [
            Condition::eq("idempotency_key", &idempotency_key),
            Condition::NotEq("invoice_status", storage::Cell::to_value(&InvoiceStatus::Voided)),
        ];
        if let Some(existing) = storage::find::<Invoice>(work, scope, &same).await? {
            return match existing.invoice_status {
                InvoiceStatus::Draft | InvoiceStatus::Skipped => Ok(existing),
                InvoiceStatus::Finalized | InvoiceStatus::Voided => {
                    Err(Error::exists(format!("invoice {} bills this period already", existing.id)))
                }
            };
        }
        let sequence = storage::sequences::next(work, scope, &format!("billing/{}", subscription.id), 1).await?;
        let invoice = self.new_invoice(context, subscription, period, reason, sequence, idempotency_key);
        // Another reason to refuse it: a bill of this period that was made under another key. That must not spoil the unit of work.
        if storage::insert_if_absent(work, &invoice).await? {
            Ok(invoice)
        } else {
            Err(Error::exists("another invoice bills this period already"))
        }
    }

    /// A bill as it stands before its lines are computed.
    pub(super) fn new_invoice(
        &self,
        context: &Context,
        subscription: &Subscription,
        period: Period,
        reason: BillingReason,
        billing_sequence: i64,
        idempotency_key: String,
    ) -> Invoice {
        let audit = self.audit(context);
        let due_days = subscription.payment_terms.map_or(domain::invoice::InvoiceConfig::default().due_date_days, |terms| terms.days());
        Invoice {
            id: InvoiceId::new(self.ids()),
            customer_id: subscription.invoicing_customer().clone(),
            subscription_customer_id: Some(subscription.customer_id.clone()),
            subscription_id: Some(subscription.id.clone()),
            invoice_type: InvoiceType::Subscription,
            invoice_status: InvoiceStatus::Draft,
            payment_status: PaymentStatus::Pending,
            billing_reason: reason,
            currency: subscription.currency.clone(),
            totals: Totals::default(),
            invoice_number: String::new(),
            billing_sequence,
            description: String::new(),
            billing_period: subscription.billing_period.to_string(),
            period_start: Some(period.start),
            period_end: Some(period.end),
            due_date: Some(period.end.plus_seconds(due_days * 86_400)),
            issue_date: audit.created_at,
            last_computed_at: None,
            finalized_at: None,
            voided_at: None,
            paid_at: None,
            idempotency_key,
            metadata: std::collections::BTreeMap::new(),
            version: 1,
            audit,
        }
    }
}

/// The key that makes a subscription's bill unique: `subscription_invoice-` and 16 hex digits over what it bills, with the period to
/// the minute (spec 40 §11).
fn subscription_invoice_key(subscription: &Subscription, period: Period, reason: BillingReason) -> String {
    let minute = |at: Timestamp| Timestamp::from_micros(at.micros() - at.micros().rem_euclid(60_000_000));
    let scope = &subscription.audit.scope;
    idempotency_key(
        "subscription_invoice",
        &[
            ("billing_reason", reason.as_str()),
            ("customer_id", subscription.invoicing_customer().as_str()),
            ("environment_id", scope.environment_id.as_str()),
            ("period_end", &minute(period.end).to_string()),
            ("period_start", &minute(period.start).to_string()),
            ("subscription_id", subscription.id.as_str()),
            ("tenant_id", scope.tenant_id.as_str()),
        ],
    )
}

/// `<scope>-<16 hex digits of SHA-256 over scope and the sorted parameters>` (spec 60 §11).
fn idempotency_key(scope: &str, parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let text = sorted.iter().fold(scope.to_owned(), |text, (key, value)| format!("{text}:{key}={value}"));
    format!("{scope}-{}", &hex(&Sha256::digest(text.as_bytes()))[..16])
}

#[cfg(test)]
mod tests {
    use super::idempotency_key;

    /// Spec 60 §21 no. 2.
    #[test]
    fn keys_do_not_depend_on_the_order_of_parameters() {
        let expected = "payment-7c9cbbbd90c6af1d";
        assert_eq!(idempotency_key("payment", &[("amount", "12.50"), ("currency", "usd"), ("invoice_id", "inv_A1")]), expected);
        assert_eq!(idempotency_key("payment", &[("invoice_id", "inv_A1"), ("currency", "usd"), ("amount", "12.50")]), expected);
        let one_off = [("customer_id", "cust_9"), ("period_start", "2025-02-01T00:00:00Z")];
        assert_eq!(idempotency_key("one_off_invoice", &one_off), "one_off_invoice-a55062b9d2a8585c");
    }
}

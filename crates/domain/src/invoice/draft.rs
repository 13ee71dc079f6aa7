//! An invoice before it is computed, and the key that keeps it single (spec 40 §§10, 11).

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{BillingReason, Computed, Invoice, InvoiceConfig, InvoiceLineItem, InvoiceStatus, InvoiceType, PaymentStatus, Totals};
use crate::ids::{IdGen, InvoiceId};
use crate::scope::Audit;
use crate::subscription::Subscription;
use crate::time::{Period, Timestamp};

impl Invoice {
    /// The draft of a subscription's invoice for a period and a reason: no lines, no place in the subscription's sequence yet.
    pub fn draft(
        subscription: &Subscription,
        period: Period,
        reason: BillingReason,
        config: &InvoiceConfig,
        audit: Audit,
        ids: &dyn IdGen,
    ) -> Self {
        let due_days = subscription.payment_terms.map_or(config.due_date_days, |terms| terms.days());
        Self {
            id: InvoiceId::new(ids),
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
            billing_sequence: 0,
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
            idempotency_key: subscription_invoice_key(subscription, period, reason),
            metadata: BTreeMap::new(),
            version: 1,
            audit,
        }
    }

    /// The invoice that the end of a period would bring, to be shown and never kept: marked as such, without a key (spec 40 §13.1).
    pub fn preview(
        subscription: &Subscription,
        period: Period,
        computed: Computed<'_>,
        config: &InvoiceConfig,
        audit: &Audit,
        ids: &dyn IdGen,
    ) -> (Self, Vec<InvoiceLineItem>) {
        let mut invoice = Self::draft(subscription, period, BillingReason::SubscriptionCycle, config, audit.clone(), ids);
        invoice.idempotency_key = String::new();
        invoice.metadata.insert("is_preview".into(), "true".into());
        let lines = invoice.take(computed, audit, ids);
        (invoice, lines)
    }
}

/// The key that makes a subscription's invoice unique: `subscription_invoice-` and 16 hex digits over what it charges, with the period to the
/// minute (spec 40 §11).
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
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(8).fold(format!("{scope}-"), |key, byte| format!("{key}{byte:02x}"))
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

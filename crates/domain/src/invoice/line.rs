//! One line of an invoice, as it is kept.

use std::collections::BTreeMap;

use super::{ComputedLine, Explanation, Invoice};
use crate::ids::{IdGen, InvoiceId, InvoiceLineItemId, MeterId, PriceId, SubscriptionId, SubscriptionLineItemId};
use crate::money::{Currency, Decimal};
use crate::scope::Audit;
use crate::time::Timestamp;

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceLineItem {
    /// Identity.
    pub id: InvoiceLineItemId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Who pays.
    pub customer_id: String,
    /// What is billed.
    pub subscription_id: Option<SubscriptionId>,
    /// The subscription's line; empty for other invoices.
    pub subscription_line_item_id: Option<SubscriptionLineItemId>,
    /// `plan`, `addon` or `subscription`; empty for other invoices.
    pub entity_type: String,
    /// The id of that.
    pub entity_id: String,
    /// The plan's name.
    pub plan_display_name: String,
    /// The rate.
    pub price_id: Option<PriceId>,
    /// USAGE, FIXED, or empty.
    pub price_type: String,
    /// What was measured.
    pub meter_id: Option<MeterId>,
    /// The meter's name.
    pub meter_display_name: String,
    /// What the customer reads.
    pub display_name: String,
    /// Rounded gross amount.
    pub amount: Decimal,
    /// Billable units.
    pub quantity: Decimal,
    /// In what it is billed.
    pub currency: Currency,
    /// First instant of the stretch that is paid for.
    pub period_start: Option<Timestamp>,
    /// First instant after it.
    pub period_end: Option<Timestamp>,
    /// How the amount came about; only lines that were computed.
    pub explanation: Option<Explanation>,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl InvoiceLineItem {
    /// A computed line as a new line of an invoice.
    pub(super) fn new(invoice: &Invoice, computed: ComputedLine<'_>, audit: &Audit, ids: &dyn IdGen) -> Self {
        let ComputedLine { line, price, service, quantity, amount, explanation } = computed;
        Self {
            id: InvoiceLineItemId::new(ids),
            invoice_id: invoice.id.clone(),
            customer_id: invoice.customer_id.to_string(),
            subscription_id: Some(line.subscription_id.clone()),
            subscription_line_item_id: Some(line.id.clone()),
            entity_type: line.entity_type.to_string(),
            entity_id: line.entity_id.clone(),
            plan_display_name: line.plan_display_name.clone(),
            price_id: Some(price.id.clone()),
            price_type: line.price_type.to_string(),
            meter_id: line.meter_id.clone(),
            meter_display_name: line.meter_display_name.clone(),
            display_name: line.display_name.clone(),
            amount,
            quantity,
            currency: line.currency.clone(),
            period_start: Some(service.start),
            period_end: Some(service.end),
            explanation: Some(explanation),
            metadata: BTreeMap::new(),
            audit: audit.clone(),
        }
    }

    /// What a line stands for: lines of two computations that stand for the same are one line.
    fn identity(&self) -> (Option<SubscriptionLineItemId>, Option<Timestamp>, Option<Timestamp>) {
        (self.subscription_line_item_id.clone(), self.period_start, self.period_end)
    }
}

/// Gives new lines the ids and the makers of old lines that stand for the same.
pub(super) fn keep_identities(lines: &mut [InvoiceLineItem], old: Vec<InvoiceLineItem>) {
    let mut old: BTreeMap<_, _> = old.into_iter().map(|line| (line.identity(), line)).collect();
    for line in lines {
        if let Some(old) = old.remove(&line.identity()) {
            line.id = old.id;
            line.audit.created_at = old.audit.created_at;
            line.audit.created_by = old.audit.created_by;
        }
    }
}

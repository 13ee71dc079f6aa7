//! One line of a bill, and how a charge becomes one (spec 40 §§3.1, 4).

use std::collections::BTreeMap;

use super::charges::DueCharge;
use super::explanation::{Explanation, Usage};
use crate::ids::{IdGen, InvoiceId, InvoiceLineItemId, MeterId, PriceId, SubscriptionId, SubscriptionLineItemId};
use crate::money::{Currency, Decimal};
use crate::rating::{MeteredUsage, PriceType, Quantities, rate_all};
use crate::scope::Audit;
use crate::time::Timestamp;

/// One line of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceLineItem {
    /// Identity.
    pub id: InvoiceLineItemId,
    /// The bill.
    pub invoice_id: InvoiceId,
    /// Who pays.
    pub customer_id: String,
    /// What is billed.
    pub subscription_id: Option<SubscriptionId>,
    /// The subscription's line; empty for other bills.
    pub subscription_line_item_id: Option<SubscriptionLineItemId>,
    /// `plan`, `addon` or `subscription`; empty for other bills.
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

/// The line of a charge: rated, scaled to its service period, rounded once to the currency.
///
/// `usage` is what the meter counted in the service period; only for usage lines. `coefficient` is the part of the full price that a
/// first period bills under proration (spec 30 §10.3).
pub fn draft_line(
    charge: &DueCharge<'_>,
    usage: Option<&MeteredUsage>,
    coefficient: Option<Decimal>,
    invoice_id: &InvoiceId,
    customer_id: &str,
    audit: &Audit,
    ids: &dyn IdGen,
) -> InvoiceLineItem {
    let line = charge.billable.line;
    let price = charge.billable.price;
    let quantities = match (line.price_type, usage) {
        (PriceType::Usage, Some(usage)) => usage.quantities.clone(),
        (PriceType::Usage, None) => Quantities::Total(Decimal::zero()),
        (PriceType::Fixed, _) => Quantities::Total(line.quantity.clone()),
    };
    let quantity = quantities.total();
    let rated = rate_all(price, &quantities);
    let exact = scaled(&rated.amount, charge, coefficient.as_ref());
    let amount = line.currency.round(&exact);
    InvoiceLineItem {
        id: InvoiceLineItemId::new(ids),
        invoice_id: invoice_id.clone(),
        customer_id: customer_id.to_owned(),
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
        amount: amount.clone(),
        quantity,
        currency: line.currency.clone(),
        period_start: Some(charge.service.start),
        period_end: Some(charge.service.end),
        explanation: Some(Explanation::new(charge, usage.map(Usage::from), rated, coefficient, exact, amount)),
        metadata: BTreeMap::new(),
        audit: audit.clone(),
    }
}

/// A fixed amount for a part of its period costs that part by time; a usage amount is never scaled.
fn scaled(gross: &Decimal, charge: &DueCharge<'_>, coefficient: Option<&Decimal>) -> Decimal {
    if charge.billable.line.price_type == PriceType::Usage {
        return gross.clone();
    }
    if charge.service.micros() < charge.full.micros() {
        // 14 of 31 days: 93.00 * 14 / 31 = 42.00. The product comes first, so that nothing is lost before the one division.
        let active = Decimal::from(charge.service.micros());
        return (gross * &active).div(&Decimal::from(charge.full.micros())).unwrap_or_default();
    }
    coefficient.map_or_else(|| gross.clone(), |coefficient| gross * coefficient)
}

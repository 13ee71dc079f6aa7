//! Contracts as the golden tables write them: who buys, what is bought, lines, ids that count.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::catalog::Plan;
use domain::customer::Customer;
use domain::ids::IdGen;
use domain::meter::{Aggregation, AggregationType};
use domain::money::{Currency, Decimal};
use domain::rating::{InvoiceCadence, MeteredUsage, PriceType, Quantities};
use domain::subscription::{
    BillingCycle, CollectionMethod, LineItemEntityType, PaymentBehavior, ProrationBehavior, Subscription, SubscriptionLineItem,
    SubscriptionStatus, SubscriptionType,
};
use domain::time::{BillingPeriod, Period, Timestamp};

use super::{audit, instant};

/// Ids that count from 1: `inv_1`, `inv_line_2`.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl IdGen for Counting {
    fn ulid(&self) -> String {
        (self.0.fetch_add(1, Ordering::Relaxed) + 1).to_string()
    }
}

/// A date stands for its midnight in UTC.
pub(crate) fn at(text: &str) -> Timestamp {
    if text.contains('T') { instant(text) } else { instant(&format!("{text}T00:00:00Z")) }
}

/// The shortest text that [`at`] reads as the instant.
pub(crate) fn short(at: Timestamp) -> String {
    at.to_string().trim_end_matches("T00:00:00Z").to_owned()
}

/// `2026-01-01 2026-02-01`.
pub(crate) fn period(text: &str) -> Period {
    let (start, end) = text.split_once(' ').unwrap_or_else(|| panic!("`{text}` is not two instants"));
    Period::new(at(start), at(end))
}

pub(crate) fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

/// A monthly contract in dollars and UTC that hangs on its first period's start.
pub(crate) fn subscription(first: Period) -> Subscription {
    Subscription {
        id: "subs_1".into(),
        lookup_key: String::new(),
        customer_id: "cust_1".into(),
        invoicing_customer_id: None,
        plan_id: "plan_1".into(),
        subscription_status: SubscriptionStatus::Active,
        subscription_type: SubscriptionType::Standalone,
        currency: usd(),
        billing_anchor: first.start,
        billing_cycle: BillingCycle::Anniversary,
        billing_period: BillingPeriod::Monthly,
        billing_period_count: 1,
        start_date: first.start,
        end_date: None,
        current_period_start: first.start,
        current_period_end: first.end,
        cancelled_at: None,
        cancel_at: None,
        cancel_at_period_end: false,
        timezone: "UTC".to_owned(),
        collection_method: CollectionMethod::ChargeAutomatically,
        payment_behavior: PaymentBehavior::DefaultActive,
        payment_terms: None,
        proration_behavior: ProrationBehavior::None,
        synced_price_sequence: 0,
        metadata: BTreeMap::new(),
        version: 1,
        audit: audit(),
    }
}

/// A line of the contract that charges one unit of a fixed price in advance, from the contract's start on.
pub(crate) fn line(subscription: &Subscription, name: &str) -> SubscriptionLineItem {
    SubscriptionLineItem {
        id: format!("line {name}").into(),
        subscription_id: subscription.id.clone(),
        customer_id: subscription.customer_id.clone(),
        entity_type: LineItemEntityType::Plan,
        entity_id: subscription.plan_id.to_string(),
        plan_display_name: "Plan".to_owned(),
        price_id: format!("price {name}").into(),
        price_type: PriceType::Fixed,
        meter_id: None,
        meter_display_name: String::new(),
        display_name: name.to_owned(),
        quantity: Decimal::from(1_i64),
        currency: subscription.currency.clone(),
        billing_period: BillingPeriod::Monthly,
        billing_period_count: 1,
        invoice_cadence: InvoiceCadence::Advance,
        start_date: subscription.start_date,
        end_date: subscription.end_date,
        metadata: BTreeMap::new(),
        audit: subscription.audit.clone(),
    }
}

pub(crate) fn counted(quantities: Quantities, events: u64) -> MeteredUsage {
    let aggregation = Aggregation {
        kind: AggregationType::Sum,
        field: "n".to_owned(),
        expression: None,
        multiplier: None,
        bucket_size: None,
        group_by: String::new(),
    };
    MeteredUsage { aggregation, quantities, events }
}

pub(crate) fn customer(timezone: &str) -> Customer {
    Customer {
        id: "cust_1".into(),
        external_id: "acme".to_owned(),
        former_external_ids: Vec::new(),
        name: "Acme".to_owned(),
        email: String::new(),
        contact: String::new(),
        address_line1: String::new(),
        address_line2: String::new(),
        address_city: String::new(),
        address_state: String::new(),
        address_postal_code: String::new(),
        address_country: String::new(),
        timezone: timezone.to_owned(),
        metadata: BTreeMap::new(),
        audit: audit(),
    }
}

pub(crate) fn plan() -> Plan {
    Plan {
        id: "plan_1".into(),
        name: "Plan".to_owned(),
        lookup_key: String::new(),
        description: String::new(),
        display_order: 0,
        metadata: BTreeMap::new(),
        audit: audit(),
    }
}

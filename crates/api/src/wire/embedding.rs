//! Answers that embed each other: a subscription its opening invoice, an invoice its subscription. So they stand together; their
//! requests, filters and lines stand with the rest of [`super::subscriptions`] and [`super::invoices`].

use std::collections::BTreeMap;

use domain::invoice::{BillingReason, Invoice, InvoiceLineItem, InvoiceStatus, InvoiceType, PaymentStatus};
use domain::money::Decimal;
use domain::subscription::{
    BillingCycle, CollectionMethod, PaymentBehavior, PaymentTerms, ProrationBehavior, Subscription, SubscriptionStatus, SubscriptionType,
};
use domain::time::{BillingPeriod, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::catalog::plans::PlanResponse;
use crate::wire::customers::CustomerResponse;
use crate::wire::entitlements::effective::AggregatedFeature;
use crate::wire::invoices::InvoiceLineItemResponse;
use crate::wire::subscriptions::SubscriptionLineItemResponse;
use crate::wire::{AuditBody, some_text};

/// A subscription.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SubscriptionResponse {
    pub(crate) id: String,
    pub(crate) lookup_key: String,
    pub(crate) customer_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invoicing_customer_id: Option<String>,
    pub(crate) plan_id: String,
    pub(crate) subscription_status: SubscriptionStatus,
    pub(crate) subscription_type: SubscriptionType,
    pub(crate) currency: String,
    pub(crate) billing_anchor: Timestamp,
    pub(crate) billing_cycle: BillingCycle,
    /// Always RECURRING.
    pub(crate) billing_cadence: String,
    pub(crate) billing_period: BillingPeriod,
    pub(crate) billing_period_count: i64,
    pub(crate) start_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_date: Option<Timestamp>,
    pub(crate) current_period_start: Timestamp,
    pub(crate) current_period_end: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancelled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancel_at: Option<Timestamp>,
    pub(crate) cancel_at_period_end: bool,
    pub(crate) timezone: String,
    pub(crate) collection_method: CollectionMethod,
    pub(crate) payment_behavior: PaymentBehavior,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment_terms: Option<PaymentTerms>,
    pub(crate) proration_behavior: ProrationBehavior,
    /// Always none: pauses are not built yet.
    pub(crate) pause_status: String,
    pub(crate) synced_price_sequence: i64,
    /// Whether the plan's prices changed since; only in v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan_prices_out_of_sync: Option<bool>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line_items: Option<Vec<SubscriptionLineItemResponse>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<PlanResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<CustomerResponse>,
    /// What it may use; where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub(crate) entitlements: Option<Vec<AggregatedFeature>>,
    /// The opening invoice; only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub(crate) latest_invoice: Option<InvoiceResponse>,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// An invoice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct InvoiceResponse {
    pub(crate) id: String,
    pub(crate) customer_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<CustomerResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_customer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_id: Option<String>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub(crate) subscription: Option<Box<SubscriptionResponse>>,
    pub(crate) invoice_type: InvoiceType,
    pub(crate) invoice_status: InvoiceStatus,
    pub(crate) payment_status: PaymentStatus,
    pub(crate) billing_reason: BillingReason,
    pub(crate) currency: String,
    pub(crate) subtotal: Decimal,
    pub(crate) total_discount: Decimal,
    pub(crate) total_prepaid_credits_applied: Decimal,
    pub(crate) total_tax: Decimal,
    pub(crate) total: Decimal,
    pub(crate) adjustment_amount: Decimal,
    pub(crate) amount_due: Decimal,
    pub(crate) amount_paid: Decimal,
    pub(crate) amount_remaining: Decimal,
    pub(crate) refunded_amount: Decimal,
    /// Empty until it is final.
    pub(crate) invoice_number: String,
    pub(crate) billing_sequence: i64,
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) billing_period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period_start: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period_end: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due_date: Option<Timestamp>,
    pub(crate) issue_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_computed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finalized_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) voided_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paid_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    pub(crate) is_manually_edited: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line_items: Option<Vec<InvoiceLineItemResponse>>,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

impl From<&Subscription> for SubscriptionResponse {
    fn from(subscription: &Subscription) -> Self {
        let Subscription { audit, .. } = subscription;
        Self {
            id: subscription.id.to_string(),
            lookup_key: subscription.lookup_key.clone(),
            customer_id: subscription.customer_id.to_string(),
            invoicing_customer_id: subscription.invoicing_customer_id.as_ref().map(ToString::to_string),
            plan_id: subscription.plan_id.to_string(),
            subscription_status: subscription.subscription_status,
            subscription_type: subscription.subscription_type,
            currency: subscription.currency.to_string(),
            billing_anchor: subscription.billing_anchor,
            billing_cycle: subscription.billing_cycle,
            billing_cadence: "RECURRING".to_owned(),
            billing_period: subscription.billing_period,
            billing_period_count: i64::from(subscription.billing_period_count),
            start_date: subscription.start_date,
            end_date: subscription.end_date,
            current_period_start: subscription.current_period_start,
            current_period_end: subscription.current_period_end,
            cancelled_at: subscription.cancelled_at,
            cancel_at: subscription.cancel_at,
            cancel_at_period_end: subscription.cancel_at_period_end,
            timezone: subscription.timezone.clone(),
            collection_method: subscription.collection_method,
            payment_behavior: subscription.payment_behavior,
            payment_terms: subscription.payment_terms,
            proration_behavior: subscription.proration_behavior,
            pause_status: "none".to_owned(),
            synced_price_sequence: subscription.synced_price_sequence,
            plan_prices_out_of_sync: None,
            metadata: subscription.metadata.clone(),
            version: subscription.version,
            line_items: None,
            plan: None,
            customer: None,
            entitlements: None,
            latest_invoice: None,
            audit: AuditBody::from(audit),
        }
    }
}

impl InvoiceResponse {
    /// An invoice with its lines, where they are wanted.
    pub(crate) fn new(invoice: &Invoice, lines: Option<&[InvoiceLineItem]>) -> Self {
        let Invoice { audit, totals, .. } = invoice;
        Self {
            id: invoice.id.to_string(),
            customer_id: invoice.customer_id.to_string(),
            customer: None,
            subscription_customer_id: invoice.subscription_customer_id.as_ref().map(ToString::to_string),
            subscription_id: invoice.subscription_id.as_ref().map(ToString::to_string),
            subscription: None,
            invoice_type: invoice.invoice_type,
            invoice_status: invoice.invoice_status,
            payment_status: invoice.payment_status,
            billing_reason: invoice.billing_reason,
            currency: invoice.currency.to_string(),
            subtotal: totals.subtotal.clone(),
            total_discount: totals.total_discount.clone(),
            total_prepaid_credits_applied: totals.total_prepaid_credits_applied.clone(),
            total_tax: totals.total_tax.clone(),
            total: totals.total.clone(),
            adjustment_amount: totals.adjustment_amount.clone(),
            amount_due: totals.amount_due.clone(),
            amount_paid: totals.amount_paid.clone(),
            amount_remaining: totals.amount_remaining.clone(),
            refunded_amount: totals.refunded_amount.clone(),
            invoice_number: invoice.invoice_number.clone(),
            billing_sequence: invoice.billing_sequence,
            description: invoice.description.clone(),
            billing_period: some_text(&invoice.billing_period),
            period_start: invoice.period_start,
            period_end: invoice.period_end,
            due_date: invoice.due_date,
            issue_date: invoice.issue_date,
            last_computed_at: invoice.last_computed_at,
            finalized_at: invoice.finalized_at,
            voided_at: invoice.voided_at,
            paid_at: invoice.paid_at,
            idempotency_key: some_text(&invoice.idempotency_key),
            is_manually_edited: false,
            metadata: invoice.metadata.clone(),
            version: invoice.version,
            line_items: lines.map(|lines| lines.iter().map(InvoiceLineItemResponse::from).collect()),
            audit: AuditBody::from(audit),
        }
    }
}

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
    /// `subs_` and a ULID.
    pub(crate) id: String,
    /// The caller's name; not unique, empty when unused.
    pub(crate) lookup_key: String,
    /// Who uses it.
    pub(crate) customer_id: String,
    /// Who is invoiced, when it is someone else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invoicing_customer_id: Option<String>,
    /// What was bought.
    pub(crate) plan_id: String,
    /// Where it stands.
    pub(crate) subscription_status: SubscriptionStatus,
    /// Its place among others: standalone, or part of a group that is invoiced together.
    pub(crate) subscription_type: SubscriptionType,
    /// Three letters, lower case: in what it is invoiced.
    pub(crate) currency: String,
    /// The instant its periods hang on.
    pub(crate) billing_anchor: Timestamp,
    /// What that is derived from: anniversary (the start date, or a given anchor) or calendar (the first of a month, quarter, year).
    pub(crate) billing_cycle: BillingCycle,
    /// Always RECURRING.
    pub(crate) billing_cadence: String,
    /// The length of a step.
    pub(crate) billing_period: BillingPeriod,
    /// Steps in a period; at least 1.
    pub(crate) billing_period_count: i64,
    /// First instant of the contract.
    pub(crate) start_date: Timestamp,
    /// First instant after the contract; open without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_date: Option<Timestamp>,
    /// First instant of the period that runs.
    pub(crate) current_period_start: Timestamp,
    /// First instant after it.
    pub(crate) current_period_end: Timestamp,
    /// When it was cancelled or its cancellation asked for; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancelled_at: Option<Timestamp>,
    /// When the cancellation takes effect; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancel_at: Option<Timestamp>,
    /// Whether it ends with a period instead of at once.
    pub(crate) cancel_at_period_end: bool,
    /// IANA name, copied from the customer when it was made: where its periods begin.
    pub(crate) timezone: String,
    /// charge_automatically: a payment is tried when an invoice is final; send_invoice: the customer pays on their own.
    pub(crate) collection_method: CollectionMethod,
    /// What an unpaid first invoice does to it.
    pub(crate) payment_behavior: PaymentBehavior,
    /// Days until an invoice is due; as the settings say without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment_terms: Option<PaymentTerms>,
    /// Whether parts of periods are charged in part: create_prorations, or none.
    pub(crate) proration_behavior: ProrationBehavior,
    /// Always none: pauses are not built yet.
    pub(crate) pause_status: String,
    /// The `sequence` of the plan's prices that its lines reflect.
    pub(crate) synced_price_sequence: i64,
    /// Whether the plan's prices changed since; only in v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan_prices_out_of_sync: Option<bool>,
    /// Free pairs.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Rises with each change.
    pub(crate) version: i64,
    /// Where they are asked for; always in `GET /v1/subscriptions/{id}` and in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line_items: Option<Vec<SubscriptionLineItemResponse>>,
    /// Where it is asked for; always in lists, in `GET /v1/subscriptions/{id}` and in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<PlanResponse>,
    /// Where it is asked for; always in `GET /v1/subscriptions/{id}`.
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
    /// `inv_` and a ULID.
    pub(crate) id: String,
    /// Who pays.
    pub(crate) customer_id: String,
    /// Who pays; in answers that read invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<CustomerResponse>,
    /// Whose subscription it is; absent for other invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_customer_id: Option<String>,
    /// Whose charges it carries; absent for other invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_id: Option<String>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub(crate) subscription: Option<Box<SubscriptionResponse>>,
    /// SUBSCRIPTION: of a period; ONE_OFF: on its own; CREDIT: an adjustment.
    pub(crate) invoice_type: InvoiceType,
    /// DRAFT: being made; FINALIZED: numbered and due; VOIDED: taken back; SKIPPED: nothing to charge, hidden from lists.
    pub(crate) invoice_status: InvoiceStatus,
    /// Where its money stands.
    pub(crate) payment_status: PaymentStatus,
    /// Why it was made.
    pub(crate) billing_reason: BillingReason,
    /// Three letters, lower case: in what all its amounts are.
    pub(crate) currency: String,
    /// Sum of the lines.
    pub(crate) subtotal: Decimal,
    /// Discounts of lines and of the whole invoice.
    pub(crate) total_discount: Decimal,
    /// Prepaid credits used.
    pub(crate) total_prepaid_credits_applied: Decimal,
    /// Taxes on what discounts leave.
    pub(crate) total_tax: Decimal,
    /// What the invoice comes to; never below zero.
    pub(crate) total: Decimal,
    /// What credit notes took off.
    pub(crate) adjustment_amount: Decimal,
    /// What must be paid.
    pub(crate) amount_due: Decimal,
    /// What was paid.
    pub(crate) amount_paid: Decimal,
    /// What is still to pay.
    pub(crate) amount_remaining: Decimal,
    /// What was given back.
    pub(crate) refunded_amount: Decimal,
    /// Empty until it is final.
    pub(crate) invoice_number: String,
    /// Counts the invoices of a subscription from 1; 0 for others.
    pub(crate) billing_sequence: i64,
    /// Free text; empty when unused.
    pub(crate) description: String,
    /// How often the subscription is invoiced; absent for other invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) billing_period: Option<String>,
    /// First instant of the invoiced period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period_start: Option<Timestamp>,
    /// First instant after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period_end: Option<Timestamp>,
    /// When it must be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due_date: Option<Timestamp>,
    /// What the invoice shows as its date.
    pub(crate) issue_date: Timestamp,
    /// When its lines were last computed; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_computed_at: Option<Timestamp>,
    /// When it became final; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finalized_at: Option<Timestamp>,
    /// When it was taken back; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) voided_at: Option<Timestamp>,
    /// When it was paid; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paid_at: Option<Timestamp>,
    /// Guards against a second invoice of the same thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    /// Always false: invoices cannot be edited by hand.
    pub(crate) is_manually_edited: bool,
    /// Free pairs.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Rises with each change.
    pub(crate) version: i64,
    /// How the subtotal comes about; where they are not left out.
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

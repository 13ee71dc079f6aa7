//! Invoices on the wire.

use crate::body::List;
use crate::body::Texts;
use crate::list::CommonFilter;
use crate::wire::{AuditBody, some_text};
use domain::invoice::BillingReason;
use domain::invoice::Free;
use domain::invoice::Invoice;
use domain::invoice::InvoiceLineItem;
use domain::invoice::InvoiceStatus;
use domain::invoice::InvoiceType;
use domain::invoice::PaymentStatus;
use domain::money::Decimal;
use domain::rating::Step;
use domain::time::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One line of an invoice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct InvoiceLineItemResponse {
    /// `inv_line_` and a ULID.
    pub(crate) id: String,
    /// The invoice it stands on.
    pub(crate) invoice_id: String,
    /// Who pays.
    pub(crate) customer_id: String,
    /// What is invoiced; absent for other invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_id: Option<String>,
    /// The subscription's line; absent for other invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_line_item_id: Option<String>,
    /// Where its price comes from: plan, addon or subscription; absent for other invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entity_type: Option<String>,
    /// The id of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entity_id: Option<String>,
    /// The plan's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan_display_name: Option<String>,
    /// The version of the rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_id: Option<String>,
    /// USAGE or FIXED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_type: Option<String>,
    /// What was measured; only usage lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter_id: Option<String>,
    /// The meter's name; only usage lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter_display_name: Option<String>,
    /// What the customer reads.
    pub(crate) display_name: String,
    /// Rounded gross amount.
    pub(crate) amount: Decimal,
    /// Units that are charged.
    pub(crate) quantity: Decimal,
    /// Units that were free, besides; where something is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) adjusted_entitlement_quantity: Option<Decimal>,
    /// Three letters, lower case.
    pub(crate) currency: String,
    /// First instant of the stretch that is paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period_start: Option<Timestamp>,
    /// First instant after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period_end: Option<Timestamp>,
    /// Always 0: coupons are not built yet.
    pub(crate) line_item_discount: Decimal,
    /// Always 0: coupons are not built yet.
    pub(crate) invoice_level_discount: Decimal,
    /// Always 0: wallets are not built yet.
    pub(crate) prepaid_credits_applied: Decimal,
    /// Free pairs.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// Which invoices; skipped ones only when asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::InvoiceFilter)]
pub(crate) struct InvoiceFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Any of these ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) invoice_ids: Texts,
    /// Whom it charges, by id.
    pub(crate) customer_id: Option<String>,
    /// Whom it charges, by external id.
    pub(crate) external_customer_id: Option<String>,
    /// Of subscriptions of any of these customers.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) subscription_customer_id: Texts,
    /// Of this subscription.
    pub(crate) subscription_id: Option<String>,
    /// Only of this type.
    pub(crate) invoice_type: Option<InvoiceType>,
    /// In any of these; all but SKIPPED without.
    #[schema(value_type = Option<Vec<InvoiceStatus>>, max_items = 20)]
    pub(crate) invoice_status: Option<List<InvoiceStatus, 20>>,
    /// In any of these.
    #[schema(value_type = Option<Vec<PaymentStatus>>, max_items = 20)]
    pub(crate) payment_status: Option<List<PaymentStatus, 20>>,
    /// Made for this reason.
    pub(crate) billing_reason: Option<BillingReason>,
    /// Three letters, lower case.
    pub(crate) currency: Option<String>,
    /// With more than this to be paid.
    pub(crate) amount_due_gt: Option<Decimal>,
    /// With more than this still to pay.
    pub(crate) amount_remaining_gt: Option<Decimal>,
    /// Whose period begins at or after this instant.
    pub(crate) period_start_gte: Option<Timestamp>,
    /// Whose period begins at or before this instant.
    pub(crate) period_start_lte: Option<Timestamp>,
    /// Whose period ends at or after this instant.
    pub(crate) period_end_gte: Option<Timestamp>,
    /// Whose period ends at or before this instant.
    pub(crate) period_end_lte: Option<Timestamp>,
    /// That became final at or after this instant.
    pub(crate) finalized_at_gte: Option<Timestamp>,
    /// That were taken back at or after this instant.
    pub(crate) voided_at_gte: Option<Timestamp>,
    /// Leaves the lines out.
    pub(crate) skip_line_items: Option<bool>,
}

/// Which invoice is previewed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = GetPreviewInvoiceRequest)]
pub(crate) struct PreviewInvoiceRequest {
    /// Whose invoice.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) subscription_id: String,
    /// First instant of the period; that of the current one without.
    pub(crate) period_start: Option<Timestamp>,
    /// First instant after it; the current period's without.
    pub(crate) period_end: Option<Timestamp>,
    /// Leaves out lines that cost nothing.
    pub(crate) hide_zero_charges_line_items: Option<bool>,
}

/// How the amount of a line came about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LineExplanation {
    /// The line that is explained.
    pub(crate) line_item_id: String,
    /// What the customer reads.
    pub(crate) display_name: String,
    /// The version of the rate.
    pub(crate) price_id: String,
    /// FLAT_FEE, PACKAGE or TIERED.
    pub(crate) billing_model: String,
    /// First instant of the service.
    pub(crate) service_start: Timestamp,
    /// First instant after it.
    pub(crate) service_end: Timestamp,
    /// The period that the full price stands for, where the service is a part of it: `exact` is `rated` times the coefficient; without
    /// one, times the length of the service, divided by that of this period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full_start: Option<Timestamp>,
    /// First instant after that period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full_end: Option<Timestamp>,
    /// How usage was aggregated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aggregation: Option<String>,
    /// What the meter counted: of a bucketed meter, the sum of the values that were priced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<Decimal>,
    /// The size of the buckets, which begin in UTC, whose values were priced each on its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_size: Option<String>,
    /// The property whose values were told apart in each bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_group_by: Option<String>,
    /// How many values of buckets were priced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_values: Option<i64>,
    /// How many events stand behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<i64>,
    /// What was free of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) free: Option<FreeBody>,
    /// Their amounts add up to `rated`.
    pub(crate) steps: Vec<StepBody>,
    /// The price of the quantity, not rounded.
    pub(crate) rated: Decimal,
    /// The part of the full price that was billed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coefficient: Option<Decimal>,
    /// Before rounding.
    pub(crate) exact: Decimal,
    /// What rounding added or took.
    pub(crate) rounding: Decimal,
    /// What the line bills.
    pub(crate) amount: Decimal,
}

/// Units that were not charged.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FreeBody {
    /// What gives them.
    pub(crate) entitlement_ids: Vec<String>,
    /// How many are free each time; null where all are.
    pub(crate) limit: Option<Decimal>,
    /// When they begin anew; with each billing period without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage_reset_period: Option<String>,
    /// How many were free.
    pub(crate) quantity: Decimal,
}

/// quantity × unit_amount + flat_amount = amount, all exact. Of a bucketed meter, sums over all values that took the step.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct StepBody {
    /// What is counted, such as `units`, `packages of 1000`, `tier 2 (above 1000 up to 5000)`.
    pub(crate) label: String,
    /// How many of them.
    pub(crate) quantity: Decimal,
    /// The rate of one.
    pub(crate) unit_amount: Decimal,
    /// What the step costs besides; zero for most.
    pub(crate) flat_amount: Decimal,
    /// The step's amount, not rounded.
    pub(crate) amount: Decimal,
    /// How many quantities took the step: 1, but for bucketed meters.
    pub(crate) times: i64,
}

/// How an invoice came about, line by line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct InvoiceExplanation {
    /// The invoice that is explained.
    pub(crate) invoice_id: String,
    /// Empty until it is final.
    pub(crate) invoice_number: String,
    /// Sum of the lines.
    pub(crate) subtotal: Decimal,
    /// What the invoice comes to.
    pub(crate) total: Decimal,
    /// In the order of the invoice.
    pub(crate) lines: Vec<LineExplanation>,
}

impl From<&InvoiceLineItem> for InvoiceLineItemResponse {
    fn from(line: &InvoiceLineItem) -> Self {
        let InvoiceLineItem { audit, .. } = line;
        Self {
            id: line.id.to_string(),
            invoice_id: line.invoice_id.to_string(),
            customer_id: line.customer_id.clone(),
            subscription_id: line.subscription_id.as_ref().map(ToString::to_string),
            subscription_line_item_id: line.subscription_line_item_id.as_ref().map(ToString::to_string),
            entity_type: some_text(&line.entity_type),
            entity_id: some_text(&line.entity_id),
            plan_display_name: some_text(&line.plan_display_name),
            price_id: line.price_id.as_ref().map(ToString::to_string),
            price_type: some_text(&line.price_type),
            meter_id: line.meter_id.as_ref().map(ToString::to_string),
            meter_display_name: some_text(&line.meter_display_name),
            display_name: line.display_name.clone(),
            amount: line.amount.clone(),
            quantity: line.quantity.clone(),
            adjusted_entitlement_quantity: line
                .explanation
                .as_ref()
                .and_then(|explanation| Some(explanation.free.as_ref()?.quantity.clone())),
            currency: line.currency.to_string(),
            period_start: line.period_start,
            period_end: line.period_end,
            line_item_discount: Decimal::zero(),
            invoice_level_discount: Decimal::zero(),
            prepaid_credits_applied: Decimal::zero(),
            metadata: line.metadata.clone(),
            audit: AuditBody::from(audit),
        }
    }
}

impl InvoiceExplanation {
    /// The calculations of an invoice's lines; lines that were not computed are left out.
    pub(crate) fn new(invoice: &Invoice, lines: &[InvoiceLineItem]) -> Self {
        Self {
            invoice_id: invoice.id.to_string(),
            invoice_number: invoice.invoice_number.clone(),
            subtotal: invoice.totals.subtotal.clone(),
            total: invoice.totals.total.clone(),
            lines: lines.iter().filter_map(explain).collect(),
        }
    }
}

impl From<Step> for StepBody {
    fn from(step: Step) -> Self {
        let Step { label, quantity, unit_amount, flat_amount, amount, times } = step;
        Self { label, quantity, unit_amount, flat_amount, amount, times: i64::try_from(times).unwrap_or(i64::MAX) }
    }
}

impl From<Free> for FreeBody {
    fn from(free: Free) -> Self {
        let Free { entitlement_ids, limit, reset, quantity } = free;
        let entitlement_ids = entitlement_ids.iter().map(ToString::to_string).collect();
        Self { entitlement_ids, limit, usage_reset_period: reset, quantity }
    }
}

fn explain(line: &InvoiceLineItem) -> Option<LineExplanation> {
    let explanation = line.explanation.clone()?;
    let steps = explanation.steps.into_iter().map(StepBody::from);
    let buckets = explanation.usage.as_ref().and_then(|usage| usage.buckets.as_ref());
    Some(LineExplanation {
        line_item_id: line.id.to_string(),
        display_name: line.display_name.clone(),
        price_id: explanation.price_id,
        billing_model: explanation.billing_model,
        service_start: explanation.service_start,
        service_end: explanation.service_end,
        full_start: explanation.full_start,
        full_end: explanation.full_end,
        aggregation: explanation.usage.as_ref().map(|usage| usage.aggregation.clone()),
        events: explanation.usage.as_ref().and_then(|usage| i64::try_from(usage.events).ok()),
        bucket_size: buckets.map(|buckets| buckets.size.clone()),
        bucket_group_by: buckets.and_then(|buckets| some_text(&buckets.group_by)),
        bucket_values: buckets.and_then(|buckets| i64::try_from(buckets.values).ok()),
        usage: explanation.usage.map(|usage| usage.quantity),
        free: explanation.free.map(FreeBody::from),
        steps: steps.collect(),
        rated: explanation.rated,
        coefficient: explanation.coefficient,
        exact: explanation.exact,
        rounding: explanation.rounding,
        amount: explanation.amount,
    })
}

//! Subscriptions on the wire.

use crate::body::List;
use crate::body::Metadata;
use crate::body::Texts;
use crate::list::CommonFilter;
use crate::wire::AuditBody;
use crate::wire::Filters;
use crate::wire::Number;
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::prices::PriceResponse;
use crate::wire::entitlements::OverrideEntitlementRequest;
use app::Error;
use app::subscription::NewSubscription;
use app::subscription::SubscriptionUsage;
use domain::entitlement::EntitlementOverride;
use domain::invalid::{Faults, Invalid};
use domain::money::Currency;
use domain::money::Decimal;
use domain::rating::InvoiceCadence;
use domain::rating::PriceType;
use domain::subscription::BillingCycle;
use domain::subscription::CancellationType;
use domain::subscription::CollectionMethod;
use domain::subscription::InvoicePolicy;
use domain::subscription::LineItemEntityType;
use domain::subscription::PaymentBehavior;
use domain::subscription::PaymentTerms;
use domain::subscription::ProrationBehavior;
use domain::subscription::SubscriptionLineItem;
use domain::subscription::SubscriptionStatus;
use domain::subscription::SubscriptionType;
use domain::subscription::Terms;
use domain::time::BillingPeriod;
use domain::time::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A subscription to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateSubscriptionRequest {
    /// The customer by id; wins over the external id.
    pub(crate) customer_id: Option<String>,
    /// The customer by external id.
    pub(crate) external_customer_id: Option<String>,
    /// What is bought: a published plan.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) plan_id: String,
    /// Three letters such as USD, in any case: only the plan's prices in it become lines.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) currency: String,
    /// The caller's name; not unique, may be empty.
    #[serde(default)]
    pub(crate) lookup_key: String,
    /// How often it is invoiced: any but ONETIME.
    #[schema(required = true)]
    pub(crate) billing_period: Option<BillingPeriod>,
    /// How many of these make one period: 1 or more; 1 without.
    pub(crate) billing_period_count: Option<i64>,
    /// anniversary (periods hang on the start) or calendar (on the first of a month, quarter, year); anniversary without.
    pub(crate) billing_cycle: Option<BillingCycle>,
    /// What periods hang on; the start without. Only with anniversary billing.
    pub(crate) billing_anchor: Option<Timestamp>,
    /// First instant; now without, the past is allowed.
    pub(crate) start_date: Option<Timestamp>,
    /// First instant after it, not before the start; open without.
    pub(crate) end_date: Option<Timestamp>,
    /// charge_automatically, send_invoice, or the former default_incomplete; charge_automatically without.
    pub(crate) collection_method: Option<String>,
    /// default_active without.
    pub(crate) payment_behavior: Option<PaymentBehavior>,
    /// Days from the end of a period until its invoice is due; as the settings say without.
    pub(crate) payment_terms: Option<PaymentTerms>,
    /// create_prorations charges parts of periods in part, from a start of today or later; none without.
    pub(crate) proration_behavior: Option<ProrationBehavior>,
    /// Free pairs, at most 100.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
    /// Not built yet; 0 is accepted.
    pub(crate) trial_period_days: Option<i64>,
    /// Only active is built.
    pub(crate) subscription_status: Option<SubscriptionStatus>,
    /// Not built yet.
    pub(crate) commitment_amount: Option<Decimal>,
    /// Of a commitment, which is not built yet.
    #[expect(dead_code, reason = "says nothing without a commitment")]
    pub(crate) commitment_duration: Option<BillingPeriod>,
    /// Of a commitment, which is not built yet.
    #[expect(dead_code, reason = "says nothing without a commitment")]
    pub(crate) enable_true_up: Option<bool>,
    /// Of a commitment, which is not built yet.
    #[expect(dead_code, reason = "says nothing without a commitment")]
    pub(crate) overage_factor: Option<Decimal>,
    /// Not built yet: periods begin in the customer's zone.
    pub(crate) timezone: Option<String>,
    /// Not built yet.
    pub(crate) auto_invoice_threshold: Option<Decimal>,
    /// Not built yet.
    pub(crate) gateway_payment_method_id: Option<String>,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, max_items = 100)]
    pub(crate) fx_rates: List<Value, 100>,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) include_price_ids: Texts,
    /// Not built yet.
    pub(crate) line_item_grouping: Option<String>,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, max_items = 100)]
    pub(crate) addons: List<Value, 100>,
    /// Not built yet.
    pub(crate) checkout: Option<Value>,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) coupons: Texts,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, max_items = 100)]
    pub(crate) credit_grants: List<Value, 100>,
    /// Not built yet.
    pub(crate) inheritance: Option<Value>,
    /// Not built yet.
    pub(crate) line_item_commitments: Option<Value>,
    /// Not built yet.
    pub(crate) line_item_coupons: Option<Value>,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, max_items = 100)]
    pub(crate) line_items: List<Value, 100>,
    /// What is agreed on in place of entitlements of the plan.
    #[serde(default)]
    #[schema(value_type = Vec<OverrideEntitlementRequest>, max_items = 100)]
    pub(crate) override_entitlements: List<OverrideEntitlementRequest, 100>,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, max_items = 100)]
    pub(crate) override_line_items: List<Value, 100>,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, max_items = 100)]
    pub(crate) phases: List<Value, 100>,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, max_items = 100)]
    pub(crate) subscription_coupons: List<Value, 100>,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, max_items = 100)]
    pub(crate) tax_rate_overrides: List<Value, 100>,
}

/// One priced thing in a subscription.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SubscriptionLineItemResponse {
    /// `subs_line_` and a ULID.
    pub(crate) id: String,
    /// Whose line it is.
    pub(crate) subscription_id: String,
    /// Who uses it.
    pub(crate) customer_id: String,
    /// Where its price comes from: plan, addon or subscription.
    pub(crate) entity_type: LineItemEntityType,
    /// The id of that.
    pub(crate) entity_id: String,
    /// The plan's name.
    pub(crate) plan_display_name: String,
    /// What it costs.
    pub(crate) price_id: String,
    /// USAGE of a meter, or FIXED.
    pub(crate) price_type: PriceType,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<PriceResponse>,
    /// What it measures; only usage lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter_id: Option<String>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter: Option<MeterResponse>,
    /// The meter's name; empty for fixed lines.
    pub(crate) meter_display_name: String,
    /// What the invoice shows.
    pub(crate) display_name: String,
    /// Units of a fixed line; 0 for usage.
    pub(crate) quantity: Decimal,
    /// Three letters, lower case.
    pub(crate) currency: String,
    /// How often it is charged.
    pub(crate) billing_period: BillingPeriod,
    /// How many of these make one period; at least 1.
    pub(crate) billing_period_count: i64,
    /// ADVANCE: before its period; ARREAR: after it.
    pub(crate) invoice_cadence: InvoiceCadence,
    /// First instant.
    pub(crate) start_date: Timestamp,
    /// First instant after it; open without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_date: Option<Timestamp>,
    /// Free pairs.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// Which subscriptions; without a status only active ones.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::SubscriptionFilter)]
pub(crate) struct SubscriptionFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Any of these ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) subscription_ids: Texts,
    /// Of this customer, by id.
    pub(crate) customer_id: Option<String>,
    /// Of any of these customers, by id.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) customer_ids: Texts,
    /// Of this customer, by external id.
    pub(crate) external_customer_id: Option<String>,
    /// Invoiced to any of these customers, where it is someone else.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) invoicing_customer_ids: Texts,
    /// Not built yet.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) parent_subscription_ids: Texts,
    /// Of this plan.
    pub(crate) plan_id: Option<String>,
    /// In any of these; active ones without.
    #[schema(value_type = Option<Vec<SubscriptionStatus>>, max_items = 20)]
    pub(crate) subscription_status: Option<List<SubscriptionStatus, 20>>,
    /// Of any of these types.
    #[schema(value_type = Option<Vec<SubscriptionType>>, max_items = 20)]
    pub(crate) subscription_type: Option<List<SubscriptionType, 20>>,
    /// With any of these periods.
    #[schema(value_type = Option<Vec<BillingPeriod>>, max_items = 20)]
    pub(crate) billing_period: Option<List<BillingPeriod, 20>>,
    /// Always RECURRING: another one finds nothing.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) billing_cadence: Texts,
    /// Not built yet.
    pub(crate) trial_end_due_lte: Option<Timestamp>,
    /// In force at this instant.
    pub(crate) active_at: Option<Timestamp>,
    /// Whose period or life ends by this instant.
    pub(crate) effective_date_for_update: Option<Timestamp>,
    /// Embeds the lines.
    pub(crate) with_line_items: Option<bool>,
    /// Coupons are not built yet: there are none to embed.
    #[expect(dead_code, reason = "either value means the same")]
    pub(crate) with_coupon_associations: Option<bool>,
}

/// How a subscription ends.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CancelSubscriptionRequest {
    /// immediate (now, or at a past instant of the current period), end_of_period or scheduled_date.
    #[schema(required = true)]
    pub(crate) cancellation_type: Option<CancellationType>,
    /// The date of a scheduled one, required then; the past instant of an immediate one, now without.
    pub(crate) cancel_at: Option<Timestamp>,
    /// Whether an immediate one charges what was used: generate_invoice, or skip; skip without.
    pub(crate) cancel_immediately_inovice_policy: Option<InvoicePolicy>,
    /// The same, spelled right.
    pub(crate) cancel_immediately_invoice_policy: Option<InvoicePolicy>,
    /// Credits are not built yet.
    pub(crate) proration_behavior: Option<ProrationBehavior>,
    /// Free text, for people.
    pub(crate) reason: Option<String>,
}

/// How a subscription ends.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CancelSubscriptionResponse {
    /// Which subscription ends.
    pub(crate) subscription_id: String,
    /// Where it stands now: cancelled, or as before until the date.
    pub(crate) status: SubscriptionStatus,
    /// As it was asked for.
    pub(crate) cancellation_type: CancellationType,
    /// When it ends or ended.
    pub(crate) effective_date: Timestamp,
    /// When the request was served.
    pub(crate) processed_at: Timestamp,
    /// As it was sent; empty without.
    pub(crate) reason: String,
    /// For people: when it takes effect.
    pub(crate) message: String,
    /// Always 0: credits are not built yet.
    pub(crate) total_credit_amount: Decimal,
    /// Always empty: credits are not built yet.
    pub(crate) proration_details: Vec<Value>,
}

/// Usage of a subscription in a window.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = GetUsageBySubscriptionRequest)]
pub(crate) struct SubscriptionUsageRequest {
    /// Whose usage.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) subscription_id: String,
    /// First instant; that of the current period without.
    pub(crate) start_time: Option<Timestamp>,
    /// First instant after it; the current period's without. Not before the start.
    pub(crate) end_time: Option<Timestamp>,
    /// Everything until now, whatever the times say.
    pub(crate) lifetime_usage: Option<bool>,
}

/// Usage of one line.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SubscriptionUsageByMetersResponse)]
pub(crate) struct SubscriptionUsageCharge {
    /// The subscription's line.
    pub(crate) subscription_line_item_id: String,
    /// What it measures.
    pub(crate) meter_id: String,
    /// The meter's name.
    pub(crate) meter_display_name: String,
    /// What the meter counted. A JSON number, with its digits.
    pub(crate) quantity: Number,
    /// What it costs, rounded to the currency. A JSON number, with its digits.
    pub(crate) amount: Number,
    /// Three letters, lower case.
    pub(crate) currency: String,
    /// The amount with its currency's symbol.
    pub(crate) display_amount: String,
    /// Always false: commitments are not built yet.
    pub(crate) is_overage: bool,
    /// Its price.
    pub(crate) price: PriceResponse,
    /// The meter's filters.
    pub(crate) filter_values: Filters,
}

/// Usage of a subscription.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = GetUsageBySubscriptionResponse)]
pub(crate) struct SubscriptionUsageResponse {
    /// The sum of the charges. A JSON number, with its digits.
    pub(crate) amount: Number,
    /// Three letters, lower case.
    pub(crate) currency: String,
    /// The amount with its currency's symbol.
    pub(crate) display_amount: String,
    /// First instant of the window.
    pub(crate) start_time: Timestamp,
    /// First instant after it.
    pub(crate) end_time: Timestamp,
    /// One for each usage line, by the meter's name; those without events have 0.
    pub(crate) charges: Vec<SubscriptionUsageCharge>,
    /// Always false: commitments are not built yet.
    pub(crate) has_overage: bool,
}

impl CreateSubscriptionRequest {
    /// The subscription that is asked for, begun `now` where nothing else is said, or all that is wrong about it. What is not built is
    /// refused, never ignored.
    pub(crate) fn into_new(self, now: Timestamp) -> Result<NewSubscription, Error> {
        self.refuse_unbuilt()?;
        let mut faults = Faults::default();
        self.check_unbuilt(&mut faults);
        let (collection_method, payment_behavior) = match self.collection_method.as_deref() {
            None | Some("") => (CollectionMethod::default(), self.payment_behavior),
            // The former value stands for charging with a subscription that waits for its payment.
            Some("default_incomplete") => {
                (CollectionMethod::ChargeAutomatically, Some(self.payment_behavior.unwrap_or(PaymentBehavior::AllowIncomplete)))
            }
            Some(text) => {
                let refuse = || Invalid::not_one_of("collection_method", CollectionMethod::TEXTS, text);
                let method = CollectionMethod::parse(text).ok_or_else(refuse);
                (faults.take(method).unwrap_or_default(), self.payment_behavior)
            }
        };
        let count = match self.billing_period_count.unwrap_or(0) {
            0 => Ok(1),
            count => u32::try_from(count)
                .map_err(|_| Invalid::field("billing_period_count", "billing_period_count must be 1 or more").with("value", count)),
        };
        let billing_period_count = faults.take(count).unwrap_or(1);
        let currency = faults.take(Currency::parse(&self.currency)).unwrap_or_else(Currency::none);
        let Some(billing_period) = faults.needed_word(self.billing_period, "billing_period", BillingPeriod::TEXTS) else {
            return Err(faults.refusal().into());
        };
        let terms = Terms {
            currency,
            lookup_key: self.lookup_key,
            billing_period,
            billing_period_count,
            billing_cycle: self.billing_cycle.unwrap_or_default(),
            billing_anchor: self.billing_anchor,
            start_date: self.start_date,
            end_date: self.end_date,
            collection_method,
            payment_behavior: payment_behavior.unwrap_or_default(),
            payment_terms: self.payment_terms,
            proration_behavior: self.proration_behavior.unwrap_or_default(),
            metadata: self.metadata.map(Metadata::into_inner).unwrap_or_default(),
        };
        faults.take(terms.check(now));
        faults.check()?;
        let (customer_id, external_customer_id) = (self.customer_id, self.external_customer_id);
        let entitlements = self.override_entitlements.into_iter().map(EntitlementOverride::from).collect();
        Ok(NewSubscription { customer_id, external_customer_id, plan_id: self.plan_id, terms, entitlements })
    }

    /// What is wrong with fields that are not built, whatever they will mean.
    fn check_unbuilt(&self, faults: &mut Faults) {
        faults.require(self.trial_period_days.is_none_or(|days| days >= 0), "trial_period_days", "trial_period_days must be 0 or more");
        for (field, amount) in [("commitment_amount", &self.commitment_amount), ("auto_invoice_threshold", &self.auto_invoice_threshold)] {
            let is_negative = amount.as_ref().is_some_and(Decimal::is_negative);
            faults.require(!is_negative, field, &format!("{field} must be 0 or more"));
        }
    }

    fn refuse_unbuilt(&self) -> Result<(), Error> {
        let positive = |value: &Option<Decimal>| value.as_ref().is_some_and(Decimal::is_positive);
        let object = |value: &Option<Value>| value.as_ref().is_some_and(|value| value.as_object().is_some_and(|object| !object.is_empty()));
        let not_active = self.subscription_status.is_some_and(|status| status != SubscriptionStatus::Active);
        let unbuilt = [
            ("trial_period_days", self.trial_period_days.is_some_and(|days| days > 0)),
            ("subscription_status", not_active),
            ("timezone", self.timezone.as_ref().is_some_and(|zone| !zone.is_empty())),
            ("commitment_amount", positive(&self.commitment_amount)),
            ("auto_invoice_threshold", positive(&self.auto_invoice_threshold)),
            ("gateway_payment_method_id", self.gateway_payment_method_id.as_ref().is_some_and(|id| !id.is_empty())),
            ("fx_rates", !self.fx_rates.is_empty()),
            ("include_price_ids", !self.include_price_ids.is_empty()),
            ("line_item_grouping", self.line_item_grouping.as_ref().is_some_and(|grouping| !grouping.is_empty())),
            ("addons", !self.addons.is_empty()),
            ("checkout", object(&self.checkout)),
            ("coupons", !self.coupons.is_empty()),
            ("credit_grants", !self.credit_grants.is_empty()),
            ("inheritance", object(&self.inheritance)),
            ("line_item_commitments", object(&self.line_item_commitments)),
            ("line_item_coupons", object(&self.line_item_coupons)),
            ("line_items", !self.line_items.is_empty()),
            ("override_line_items", !self.override_line_items.is_empty()),
            ("phases", !self.phases.is_empty()),
            ("subscription_coupons", !self.subscription_coupons.is_empty()),
            ("tax_rate_overrides", !self.tax_rate_overrides.is_empty()),
        ];
        Error::refuse_unbuilt(unbuilt)
    }
}

impl From<&SubscriptionLineItem> for SubscriptionLineItemResponse {
    fn from(line: &SubscriptionLineItem) -> Self {
        let SubscriptionLineItem { audit, .. } = line;
        Self {
            id: line.id.to_string(),
            subscription_id: line.subscription_id.to_string(),
            customer_id: line.customer_id.to_string(),
            entity_type: line.entity_type,
            entity_id: line.entity_id.clone(),
            plan_display_name: line.plan_display_name.clone(),
            price_id: line.price_id.to_string(),
            price_type: line.price_type,
            price: None,
            meter_id: line.meter_id.as_ref().map(ToString::to_string),
            meter: None,
            meter_display_name: line.meter_display_name.clone(),
            display_name: line.display_name.clone(),
            quantity: line.quantity.clone(),
            currency: line.currency.to_string(),
            billing_period: line.billing_period,
            billing_period_count: i64::from(line.billing_period_count),
            invoice_cadence: line.invoice_cadence,
            start_date: line.start_date,
            end_date: line.end_date,
            metadata: line.metadata.clone(),
            audit: AuditBody::from(audit),
        }
    }
}

impl From<&SubscriptionUsage> for SubscriptionUsageResponse {
    fn from(usage: &SubscriptionUsage) -> Self {
        let display = |amount: &Decimal| usage.currency.display(amount);
        let charges = usage.charges.iter().map(|charge| SubscriptionUsageCharge {
            subscription_line_item_id: charge.line.id.to_string(),
            meter_id: charge.meter.id.to_string(),
            meter_display_name: charge.line.meter_display_name.clone(),
            quantity: Number::from(&charge.usage.quantities.total()),
            amount: Number::from(&charge.amount),
            currency: usage.currency.to_string(),
            display_amount: display(&charge.amount),
            is_overage: false,
            price: PriceResponse::from(&charge.price),
            filter_values: charge.meter.filters.iter().map(|filter| (filter.key.clone(), filter.values.clone())).collect(),
        });
        Self {
            amount: Number::from(&usage.amount),
            currency: usage.currency.to_string(),
            display_amount: display(&usage.amount),
            start_time: usage.period.start,
            end_time: usage.period.end,
            charges: charges.collect(),
            has_overage: false,
        }
    }
}

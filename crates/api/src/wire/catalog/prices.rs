//! Prices on the wire.

use crate::body::List;
use crate::body::Metadata;
use crate::body::Texts;
use crate::list::CommonFilter;
use crate::wire::AuditBody;
use crate::wire::PropertyFilters;
use crate::wire::catalog::groups::GroupResponse;
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::invoices::StepBody;
use app::Error;
use app::catalog::PriceChange;
use app::catalog::Quote;
use domain::ids::GroupId;
use domain::ids::MeterId;
use domain::ids::PriceId;
use domain::invalid::Faults;
use domain::invalid::Invalid;
use domain::money::Currency;
use domain::money::Decimal;
use domain::rating::BillingModel;
use domain::rating::InvoiceCadence;
use domain::rating::Price;
use domain::rating::PriceEntityType;
use domain::rating::PriceType;
use domain::rating::PriceUnitType;
use domain::rating::RoundType;
use domain::rating::Tier;
use domain::rating::TierMode;
use domain::rating::TransformQuantity;
use domain::scope::Audit;
use domain::time::BillingPeriod;
use domain::time::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One tier.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = price::PriceTier)]
pub(crate) struct TierBody {
    /// Upper bound, inclusive, above the one before; only the last tier has none, and is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) up_to: Option<i64>,
    /// The rate of one unit: 0 or more, required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    pub(crate) unit_amount: Option<Decimal>,
    /// What entering the tier costs besides; 0 without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flat_amount: Option<Decimal>,
}

/// The size of a package.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = price::TransformQuantity)]
pub(crate) struct TransformQuantityBody {
    /// Units in a package: 1 or more.
    #[serde(default)]
    pub(crate) divide_by: i64,
    /// Where a begun package goes; up without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) round: Option<RoundType>,
}

/// A price to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreatePriceRequest {
    /// What it belongs to: PLAN, SUBSCRIPTION, ADDON, PRICE or COSTSHEET.
    #[schema(required = true)]
    pub(crate) entity_type: Option<PriceEntityType>,
    /// The id of that.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) entity_id: String,
    /// USAGE of a meter, or FIXED.
    #[serde(rename = "type")]
    #[schema(required = true)]
    pub(crate) kind: Option<PriceType>,
    /// Three letters such as USD, in any case.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) currency: String,
    /// The rate of a unit or package: 0 or more, at most 10 digits before and 15 after the point; required unless tiered.
    pub(crate) amount: Option<Decimal>,
    /// FLAT_FEE (per unit), PACKAGE (per begun package) or TIERED.
    #[schema(required = true)]
    pub(crate) billing_model: Option<BillingModel>,
    /// Required when tiered. VOLUME: all units at the rate of the tier reached; SLAB: each unit at the rate of its own tier.
    pub(crate) tier_mode: Option<TierMode>,
    /// Required when tiered: ascending, the last one open.
    #[schema(value_type = Option<Vec<TierBody>>, max_items = 100)]
    pub(crate) tiers: Option<List<TierBody, 100>>,
    /// The size of a package; required for packages, refused otherwise.
    pub(crate) transform_quantity: Option<TransformQuantityBody>,
    /// How often it is charged; ONETIME only for fixed prices in advance.
    #[schema(required = true)]
    pub(crate) billing_period: Option<BillingPeriod>,
    /// How many of these make one period: 1 or more; 1 without.
    pub(crate) billing_period_count: Option<i64>,
    /// ADVANCE: before its period; ARREAR: after it, as usage always is.
    #[schema(required = true)]
    pub(crate) invoice_cadence: Option<InvoiceCadence>,
    /// What it measures; required for usage.
    pub(crate) meter_id: Option<String>,
    /// FIAT without.
    pub(crate) price_unit_type: Option<PriceUnitType>,
    /// Not built yet.
    pub(crate) price_unit_config: Option<Value>,
    /// Not built yet.
    pub(crate) bucket_size: Option<String>,
    /// Not built yet: a meter's filters choose its events.
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    pub(crate) filter_values: Option<PropertyFilters>,
    /// Default quantity of a fixed line: 0 or more; 1 without.
    pub(crate) min_quantity: Option<i64>,
    /// Trial days of a recurring fixed price: 0 or more; 0 without.
    pub(crate) trial_period_days: Option<i64>,
    /// Active from here; now without.
    pub(crate) start_date: Option<Timestamp>,
    /// Active until here, inclusive; open without.
    pub(crate) end_date: Option<Timestamp>,
    /// What people read; made from the meter's or the owner's name when empty.
    #[serde(default)]
    pub(crate) display_name: String,
    /// Free text.
    #[serde(default)]
    pub(crate) description: String,
    /// The caller's name, unique among published prices without end; may be empty.
    #[serde(default)]
    pub(crate) lookup_key: String,
    /// A display group of prices; none without.
    pub(crate) group_id: Option<String>,
    /// Free pairs, at most 100.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// Prices to make, all or none.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateBulkPriceRequest {
    /// 1 to 100; all are made or none.
    #[serde(default)]
    #[schema(value_type = Vec<CreatePriceRequest>, max_items = 100, required = true)]
    pub(crate) items: List<CreatePriceRequest, 100>,
}

/// The prices, in order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CreateBulkPriceResponse {
    /// As they were made, in the order of the request.
    pub(crate) items: Vec<PriceResponse>,
}

/// Quantities to be priced at a price that is not made.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct PreviewPriceRequest {
    /// The price; required. What it would belong to may be left out.
    #[schema(required = true)]
    pub(crate) price: Option<CreatePriceRequest>,
    /// 1 to 100 quantities; required.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 100, required = true)]
    pub(crate) quantities: List<Decimal, 100>,
}

/// What quantities would cost.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PreviewPriceResponse {
    /// In what the amounts are.
    pub(crate) currency: String,
    /// In the order of the quantities.
    pub(crate) quotes: Vec<QuoteBody>,
}

/// What a quantity would cost.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct QuoteBody {
    /// Of how much.
    pub(crate) quantity: Decimal,
    /// Rounded to the currency.
    pub(crate) amount: Decimal,
    /// Not rounded: the sum of the steps.
    pub(crate) exact: Decimal,
    /// How it comes about.
    pub(crate) steps: Vec<StepBody>,
}

impl From<Quote> for QuoteBody {
    fn from(quote: Quote) -> Self {
        let Quote { quantity, rated, amount } = quote;
        Self { quantity, amount, exact: rated.amount, steps: rated.steps.into_iter().map(StepBody::from).collect() }
    }
}

/// Changes of a price: what it charges begins a successor.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdatePriceRequest {
    /// The caller's name, unique among published prices without end; kept without.
    pub(crate) lookup_key: Option<String>,
    /// Free text; kept without.
    pub(crate) description: Option<String>,
    /// What people read; kept when empty.
    pub(crate) display_name: Option<String>,
    /// Replaces all pairs.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
    /// Empty takes the group away.
    pub(crate) group_id: Option<String>,
    /// Another one begins a successor; kept without.
    pub(crate) billing_model: Option<BillingModel>,
    /// Another rate begins a successor: 0 or more; kept without.
    pub(crate) amount: Option<Decimal>,
    /// Another mode begins a successor; kept without.
    pub(crate) tier_mode: Option<TierMode>,
    /// Other tiers begin a successor: ascending, the last one open; kept without.
    #[schema(value_type = Option<Vec<TierBody>>, max_items = 100)]
    pub(crate) tiers: Option<List<TierBody, 100>>,
    /// Another package begins a successor; kept without.
    pub(crate) transform_quantity: Option<TransformQuantityBody>,
    /// When the successor takes over, not before the price's start; now without. Goes with a change of what it charges.
    pub(crate) effective_from: Option<Timestamp>,
    /// Not built yet.
    pub(crate) price_unit_amount: Option<Decimal>,
    /// Not built yet.
    pub(crate) price_unit_tiers: Option<Value>,
}

/// When a price ends.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct DeletePriceRequest {
    /// The last instant it is active, not before its start; now without.
    pub(crate) end_date: Option<Timestamp>,
}

/// A price.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PriceResponse {
    /// `price_` and a ULID.
    pub(crate) id: String,
    /// What people read.
    pub(crate) display_name: String,
    /// Free text; empty when unused.
    pub(crate) description: String,
    /// The caller's name, unique among published prices without end; empty when unused.
    pub(crate) lookup_key: String,
    /// What it belongs to: PLAN, SUBSCRIPTION, ADDON, PRICE or COSTSHEET.
    pub(crate) entity_type: PriceEntityType,
    /// The id of that.
    pub(crate) entity_id: String,
    /// USAGE of a meter, or FIXED.
    #[serde(rename = "type")]
    pub(crate) kind: PriceType,
    /// Three letters, lower case.
    pub(crate) currency: String,
    /// The rate of a unit or package; 0 for tiered prices.
    pub(crate) amount: Decimal,
    /// Symbol and amount.
    pub(crate) display_amount: String,
    /// Always FIAT: custom units are not built yet.
    pub(crate) price_unit_type: PriceUnitType,
    /// Always 0: custom units are not built yet.
    pub(crate) price_unit_amount: Decimal,
    /// Always 1: custom units are not built yet.
    pub(crate) conversion_rate: Decimal,
    /// FLAT_FEE (per unit), PACKAGE (per begun package) or TIERED.
    pub(crate) billing_model: BillingModel,
    /// Always RECURRING.
    pub(crate) billing_cadence: String,
    /// VOLUME: all units at the rate of the tier reached; SLAB: each unit at the rate of its own tier. Only of tiered prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tier_mode: Option<TierMode>,
    /// Ascending, the last one open; only of tiered prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tiers: Option<Vec<TierBody>>,
    /// The size of a package; says nothing for other prices.
    pub(crate) transform_quantity: TransformQuantityBody,
    /// How often it is charged.
    pub(crate) billing_period: BillingPeriod,
    /// How many of these make one period; at least 1.
    pub(crate) billing_period_count: i64,
    /// ADVANCE: before its period; ARREAR: after it.
    pub(crate) invoice_cadence: InvoiceCadence,
    /// What it measures; only usage prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter_id: Option<String>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter: Option<MeterResponse>,
    /// Trial days of a fixed price; 0 for none.
    pub(crate) trial_period_days: i64,
    /// Default quantity of a fixed line; absent when unused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_quantity: Option<Decimal>,
    /// Active from here.
    pub(crate) start_date: Timestamp,
    /// Active until here, inclusive; open without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_date: Option<Timestamp>,
    /// The first price of those that it overrides or follows; absent for that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_price_id: Option<String>,
    /// Its display group; absent without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_id: Option<String>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<GroupResponse>,
    /// Free pairs.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Rises with every change of a plan's prices; tells subscriptions whether they reflect them.
    pub(crate) sequence: i64,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// Which prices.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::PriceFilter)]
pub(crate) struct PriceFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Any of these ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) price_ids: Texts,
    /// Of any of these plans.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) plan_ids: Texts,
    /// Only prices of these things.
    pub(crate) entity_type: Option<PriceEntityType>,
    /// Of any of these.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) entity_ids: Texts,
    /// Of any of these meters.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) meter_ids: Texts,
    /// Charged in any of these periods.
    #[serde(default)]
    #[schema(value_type = Vec<BillingPeriod>, max_items = 20)]
    pub(crate) billing_periods: List<BillingPeriod, 20>,
    /// Versions and overrides of this first price.
    pub(crate) parent_price_id: Option<String>,
    /// Only a subscription's own prices.
    pub(crate) subscription_id: Option<String>,
    /// Also prices that have ended.
    pub(crate) allow_expired_prices: Option<bool>,
    /// Changed after.
    pub(crate) updated_after: Option<Timestamp>,
    /// Begun before.
    pub(crate) start_date_lt: Option<Timestamp>,
}

impl TierBody {
    /// The tier; what is wrong is noted, and something stands in for it.
    fn into_tier(self, index: usize, faults: &mut Faults) -> Tier {
        let up_to = format!("tiers[{index}].up_to");
        let refuse = |bound: i64| Invalid::field(&up_to, format!("{up_to} must be above 0")).with("value", bound);
        let bound = self.up_to.map(|bound| u64::try_from(bound).map_err(|_| refuse(bound))).transpose();
        let unit_amount = faults.needed(self.unit_amount, &format!("tiers[{index}].unit_amount"));
        Tier {
            up_to: faults.take(bound).unwrap_or(Some(u64::MAX)),
            unit_amount: unit_amount.unwrap_or_default(),
            flat_amount: self.flat_amount,
        }
    }
}

impl From<&Tier> for TierBody {
    fn from(tier: &Tier) -> Self {
        Self {
            up_to: tier.up_to.and_then(|bound| i64::try_from(bound).ok()),
            unit_amount: Some(tier.unit_amount.clone()),
            flat_amount: tier.flat_amount.clone(),
        }
    }
}

impl From<TransformQuantityBody> for TransformQuantity {
    fn from(body: TransformQuantityBody) -> Self {
        Self { divide_by: body.divide_by, round: body.round.unwrap_or_default() }
    }
}

fn tiers(bodies: List<TierBody, 100>, faults: &mut Faults) -> Vec<Tier> {
    bodies.into_iter().enumerate().map(|(index, body)| body.into_tier(index, faults)).collect()
}

fn whole(value: Option<i64>, default: u32, field: &str) -> Result<u32, Invalid> {
    let refuse = |value| Invalid::field(field, format!("{field} must be 0 to {}", u32::MAX)).with("value", value).with("limit", u32::MAX);
    value.map_or(Ok(default), |value| u32::try_from(value).map_err(|_| refuse(value)))
}

impl CreatePriceRequest {
    /// Refuses what is not built: better than to bill as if it were not there.
    pub(crate) fn refuse_unbuilt(&self) -> Result<(), Error> {
        Error::refuse_unbuilt([
            ("price_unit_config", self.price_unit_config.as_ref().is_some_and(|config| !config.is_null())),
            ("bucket_size", self.bucket_size.as_ref().is_some_and(|size| !size.is_empty())),
            ("filter_values", self.filter_values.as_ref().is_some_and(|values| !values.is_empty())),
        ])
    }

    /// The price that is asked for, or all that is wrong about it.
    pub(crate) fn into_price(self, id: PriceId, audit: Audit) -> Result<Price, Invalid> {
        let mut faults = Faults::default();
        let entity_type = faults.needed_word(self.entity_type, "entity_type", PriceEntityType::TEXTS);
        let kind = faults.needed_word(self.kind, "type", PriceType::TEXTS);
        let billing_model = faults.needed_word(self.billing_model, "billing_model", BillingModel::TEXTS);
        let billing_period = faults.needed_word(self.billing_period, "billing_period", BillingPeriod::TEXTS);
        let invoice_cadence = faults.needed_word(self.invoice_cadence, "invoice_cadence", InvoiceCadence::TEXTS);
        let needs_amount = matches!(billing_model, Some(BillingModel::FlatFee | BillingModel::Package)) && self.amount.is_none();
        faults.require(!needs_amount, "amount", "amount is required unless the billing_model is TIERED");
        let needs_size = billing_model == Some(BillingModel::Package) && self.transform_quantity.is_none();
        faults.require(!needs_size, "transform_quantity", "transform_quantity is required for PACKAGE");
        let currency = faults.take(Currency::parse(&self.currency)).unwrap_or_else(Currency::none);
        let tiers = tiers(self.tiers.unwrap_or_default(), &mut faults);
        let billing_period_count = faults.take(whole(self.billing_period_count, 1, "billing_period_count")).unwrap_or(1);
        let trial_period_days = faults.take(whole(self.trial_period_days, 0, "trial_period_days")).unwrap_or(0);
        let (Some(entity_type), Some(kind), Some(billing_model), Some(billing_period), Some(invoice_cadence)) =
            (entity_type, kind, billing_model, billing_period, invoice_cadence)
        else {
            return Err(faults.refusal());
        };
        let price = Price {
            id,
            display_name: self.display_name,
            description: self.description,
            lookup_key: self.lookup_key,
            entity_type,
            entity_id: self.entity_id,
            kind,
            currency,
            price_unit_type: self.price_unit_type.unwrap_or_default(),
            billing_model,
            amount: self.amount.unwrap_or_default(),
            tier_mode: self.tier_mode,
            tiers,
            transform_quantity: self.transform_quantity.map(TransformQuantity::from).unwrap_or_default(),
            billing_period,
            billing_period_count,
            invoice_cadence,
            meter_id: self.meter_id.as_deref().filter(|id| !id.is_empty()).map(MeterId::from),
            trial_period_days,
            min_quantity: self.min_quantity.map(Decimal::from),
            start_date: self.start_date.unwrap_or(audit.created_at),
            end_date: self.end_date,
            parent_price_id: None,
            group_id: self.group_id.as_deref().filter(|id| !id.is_empty()).map(GroupId::from),
            metadata: self.metadata.map(Metadata::into_inner).unwrap_or_default(),
            sequence: 0,
            audit,
        };
        faults.take(price.validate());
        faults.check().map(|()| price)
    }
}

impl UpdatePriceRequest {
    /// The change that is asked for.
    pub(crate) fn into_change(self) -> Result<PriceChange, Invalid> {
        let mut faults = Faults::default();
        let tiers = self.tiers.map(|bodies| tiers(bodies, &mut faults));
        faults.check()?;
        Ok(PriceChange {
            lookup_key: self.lookup_key,
            description: self.description,
            display_name: self.display_name,
            metadata: self.metadata.map(Metadata::into_inner),
            group_id: self.group_id,
            billing_model: self.billing_model,
            amount: self.amount,
            tier_mode: self.tier_mode,
            tiers,
            transform_quantity: self.transform_quantity.map(TransformQuantity::from),
            effective_from: self.effective_from,
        })
    }
}

impl From<&Price> for PriceResponse {
    fn from(price: &Price) -> Self {
        let Price { audit, transform_quantity, .. } = price;
        Self {
            id: price.id.to_string(),
            display_name: price.display_name.clone(),
            description: price.description.clone(),
            lookup_key: price.lookup_key.clone(),
            entity_type: price.entity_type,
            entity_id: price.entity_id.clone(),
            kind: price.kind,
            currency: price.currency.to_string(),
            amount: price.amount.clone(),
            display_amount: price.display_amount(),
            price_unit_type: price.price_unit_type,
            // FIAT prices read back with these (spec 20 §5.1).
            price_unit_amount: Decimal::zero(),
            conversion_rate: Decimal::from(1_i64),
            billing_model: price.billing_model,
            billing_cadence: "RECURRING".to_owned(),
            tier_mode: price.tier_mode,
            tiers: if price.tiers.is_empty() { None } else { Some(price.tiers.iter().map(TierBody::from).collect()) },
            transform_quantity: TransformQuantityBody { divide_by: transform_quantity.divide_by, round: Some(transform_quantity.round) },
            billing_period: price.billing_period,
            billing_period_count: i64::from(price.billing_period_count),
            invoice_cadence: price.invoice_cadence,
            meter_id: price.meter_id.as_ref().map(ToString::to_string),
            meter: None,
            trial_period_days: i64::from(price.trial_period_days),
            min_quantity: price.min_quantity.clone(),
            start_date: price.start_date,
            end_date: price.end_date,
            parent_price_id: price.parent_price_id.as_ref().map(ToString::to_string),
            group_id: price.group_id.as_ref().map(ToString::to_string),
            group: None,
            metadata: price.metadata.clone(),
            sequence: price.sequence,
            audit: AuditBody::from(audit),
        }
    }
}

//! Prices as the golden tables write them.

use std::collections::BTreeMap;

use domain::ids::PriceId;
use domain::money::{Currency, Decimal};
use domain::rating::{
    BillingModel, InvoiceCadence, Price, PriceEntityType, PriceType, PriceUnitType, RoundType, Tier, TierMode, TransformQuantity,
};
use domain::time::{BillingPeriod, Timestamp};

use super::audit;

/// What a price charges, without what it belongs to.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceRow {
    model: BillingModel,
    #[serde(default)]
    amount: Decimal,
    mode: Option<TierMode>,
    #[serde(default)]
    tiers: Vec<TierRow>,
    divide_by: Option<i64>,
    #[serde(default)]
    round: RoundType,
}

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TierRow {
    up_to: Option<u64>,
    unit: Decimal,
    flat: Option<Decimal>,
}

impl PriceRow {
    pub(crate) fn build(&self) -> Price {
        let tiers =
            self.tiers.iter().map(|tier| Tier { up_to: tier.up_to, unit_amount: tier.unit.clone(), flat_amount: tier.flat.clone() });
        Price {
            amount: self.amount.clone(),
            tier_mode: self.mode,
            tiers: tiers.collect(),
            transform_quantity: TransformQuantity { divide_by: self.divide_by.unwrap_or(1), round: self.round },
            ..price(self.model)
        }
    }
}

/// A price of a model that charges nothing yet.
pub(crate) fn price(billing_model: BillingModel) -> Price {
    Price {
        id: PriceId::from("price_1"),
        display_name: String::new(),
        description: String::new(),
        lookup_key: String::new(),
        entity_type: PriceEntityType::Plan,
        entity_id: "plan_1".to_owned(),
        kind: PriceType::Fixed,
        currency: Currency::parse("usd").unwrap(),
        price_unit_type: PriceUnitType::Fiat,
        billing_model,
        amount: Decimal::zero(),
        tier_mode: None,
        tiers: Vec::new(),
        transform_quantity: TransformQuantity::default(),
        billing_period: BillingPeriod::Monthly,
        billing_period_count: 1,
        invoice_cadence: InvoiceCadence::Arrear,
        meter_id: None,
        trial_period_days: 0,
        min_quantity: None,
        start_date: Timestamp::default(),
        end_date: None,
        parent_price_id: None,
        group_id: None,
        metadata: BTreeMap::new(),
        sequence: 0,
        audit: audit(),
    }
}

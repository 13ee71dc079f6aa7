//! One rate: what it charges for, by which model, how often and when (spec 20 §5).

use std::collections::BTreeMap;

use crate::ids::{GroupId, MeterId, PriceId};
use crate::invalid::{Faults, Invalid};
use crate::money::{Currency, Decimal};
use crate::scope::Audit;
use crate::time::{BillingPeriod, Timestamp};

/// Whether a price bills a fixed quantity or metered usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriceType {
    /// By a meter.
    Usage,
    /// By the quantity of the subscription's line.
    Fixed,
}

text_enum!(PriceType { Usage = "USAGE", Fixed = "FIXED" });

/// How a quantity becomes an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BillingModel {
    /// So much a unit.
    FlatFee,
    /// So much a package of units, whole packages only.
    Package,
    /// By tiers.
    Tiered,
}

text_enum!(BillingModel { FlatFee = "FLAT_FEE", Package = "PACKAGE", Tiered = "TIERED" });

/// How tiers apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TierMode {
    /// All units at the rate of the tier that the total reaches.
    Volume,
    /// Each unit at the rate of the tier it falls into.
    Slab,
}

text_enum!(TierMode { Volume = "VOLUME", Slab = "SLAB" });

/// When a charge is invoiced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvoiceCadence {
    /// After its period.
    Arrear,
    /// Before its period.
    Advance,
}

text_enum!(InvoiceCadence { Arrear = "ARREAR", Advance = "ADVANCE" });

/// What a price belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriceEntityType {
    /// A plan.
    Plan,
    /// One subscription: an override.
    Subscription,
    /// An add-on.
    Addon,
    /// Known to the wire format, refused.
    Price,
    /// A cost sheet.
    Costsheet,
}

text_enum!(PriceEntityType {
    Plan = "PLAN",
    Subscription = "SUBSCRIPTION",
    Addon = "ADDON",
    Price = "PRICE",
    Costsheet = "COSTSHEET",
});

/// Whether a price is given in money or in a custom unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum PriceUnitType {
    /// Money.
    #[default]
    Fiat,
    /// A custom unit with a rate to money.
    Custom,
}

text_enum!(PriceUnitType { Fiat = "FIAT", Custom = "CUSTOM" });

/// Where a begun package goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum RoundType {
    /// It counts.
    #[default]
    Up,
    /// It does not.
    Down,
}

text_enum!(RoundType { Up = "up", Down = "down" });

/// The size of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TransformQuantity {
    /// Units in a package; at least 1.
    pub divide_by: i64,
    /// Where a begun package goes.
    #[serde(default)]
    pub round: RoundType,
}

impl Default for TransformQuantity {
    fn default() -> Self {
        Self { divide_by: 1, round: RoundType::Up }
    }
}

/// One tier of a tiered price.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tier {
    /// Upper bound, inclusive; open without.
    pub up_to: Option<u64>,
    /// The rate of one unit.
    pub unit_amount: Decimal,
    /// What entering the tier costs besides.
    pub flat_amount: Option<Decimal>,
}

impl Tier {
    /// What entering the tier costs; zero when absent.
    pub fn flat_amount(&self) -> Decimal {
        self.flat_amount.clone().unwrap_or_default()
    }
}

/// One rate. Immutable in what it charges: a change makes a new price (spec 20 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Identity.
    pub id: PriceId,
    /// Display name.
    pub display_name: String,
    /// Free text.
    pub description: String,
    /// A caller's own name; unique among published prices without end. Empty when unused.
    pub lookup_key: String,
    /// What it belongs to.
    pub entity_type: PriceEntityType,
    /// The id of that.
    pub entity_id: String,
    /// Fixed or usage.
    pub kind: PriceType,
    /// In what it charges.
    pub currency: Currency,
    /// Only FIAT is built.
    pub price_unit_type: PriceUnitType,
    /// How a quantity becomes an amount.
    pub billing_model: BillingModel,
    /// The rate of a unit or package; 0 for tiered prices.
    pub amount: Decimal,
    /// How tiers apply.
    pub tier_mode: Option<TierMode>,
    /// The tiers.
    pub tiers: Vec<Tier>,
    /// The size of a package.
    pub transform_quantity: TransformQuantity,
    /// How often it is billed.
    pub billing_period: BillingPeriod,
    /// How many of these make one period; at least 1.
    pub billing_period_count: u32,
    /// Before or after its period.
    pub invoice_cadence: InvoiceCadence,
    /// What it measures; only usage prices.
    pub meter_id: Option<MeterId>,
    /// Trial days of a fixed price.
    pub trial_period_days: u32,
    /// Default quantity of a fixed line.
    pub min_quantity: Option<Decimal>,
    /// Active from here.
    pub start_date: Timestamp,
    /// Active until here, inclusive; open without.
    pub end_date: Option<Timestamp>,
    /// The root price this one overrides or follows.
    pub parent_price_id: Option<PriceId>,
    /// Display group.
    pub group_id: Option<GroupId>,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// Rises with every change of a plan's prices; drives the sync to subscriptions.
    pub sequence: i64,
    /// Scope, status, dates.
    pub audit: Audit,
}

/// Most digits of a price: 25, of which 15 after the point (spec 20 §0).
const FRACTION_DIGITS_MAX: i64 = 15;
const INTEGER_DIGITS_MAX: i64 = 10;
/// Most tiers of a price.
const TIERS_MAX: usize = 100;

impl Price {
    /// Refuses a price that cannot be billed, with all that is wrong about it (spec 20 §5.1, with the stricter tiers of §15 no. 2).
    pub fn validate(&self) -> Result<(), Invalid> {
        let mut faults = Faults::default();
        faults.require(!self.entity_id.is_empty(), "entity_id", "entity_id is required");
        faults.require(self.billing_period_count >= 1, "billing_period_count", "billing_period_count must be at least 1");
        faults.take(validate_amount(&self.amount, "amount"));
        self.validate_kind(&mut faults);
        if let Some(min_quantity) = &self.min_quantity {
            let is_whole = !min_quantity.is_negative() && min_quantity.fraction_digits() == 0;
            faults.require(is_whole, "min_quantity", "min_quantity must be a whole number, 0 or more");
        }
        let ends_after = self.end_date.is_none_or(|end| self.start_date <= end);
        faults.require(ends_after, "end_date", "end_date must not be before start_date");
        faults.require(
            self.billing_model == BillingModel::Package || self.transform_quantity == TransformQuantity::default(),
            "transform_quantity",
            "transform_quantity is for PACKAGE prices alone: leave it out",
        );
        match self.billing_model {
            BillingModel::FlatFee => {}
            BillingModel::Package => {
                let (size, field) = (self.transform_quantity.divide_by, "transform_quantity.divide_by");
                faults.require(size >= 1, field, "transform_quantity.divide_by must be at least 1");
            }
            BillingModel::Tiered => self.validate_tiers(&mut faults),
        }
        faults.check()
    }

    /// What goes with usage, with fees and with what is charged once.
    fn validate_kind(&self, faults: &mut Faults) {
        let is_onetime = self.billing_period == BillingPeriod::Onetime;
        if self.kind == PriceType::Usage {
            let is_arrear = self.invoice_cadence == InvoiceCadence::Arrear;
            faults.require(self.meter_id.is_some(), "meter_id", "a USAGE price needs a meter_id");
            faults.require(is_arrear, "invoice_cadence", "a USAGE price is billed in ARREAR: invoice_cadence must be ARREAR");
            faults.require(self.min_quantity.is_none(), "min_quantity", "min_quantity is allowed for FIXED prices only");
            faults.require(!is_onetime, "billing_period", "a USAGE price recurs: billing_period must not be ONETIME");
        } else if is_onetime {
            let is_advance = self.invoice_cadence == InvoiceCadence::Advance;
            faults.require(is_advance, "invoice_cadence", "a ONETIME price is billed in ADVANCE: invoice_cadence must be ADVANCE");
        }
        faults.require(
            self.trial_period_days == 0 || (self.kind == PriceType::Fixed && !is_onetime),
            "trial_period_days",
            "trial_period_days is allowed for recurring FIXED prices only",
        );
    }

    fn validate_tiers(&self, faults: &mut Faults) {
        faults.require(!self.tiers.is_empty(), "tiers", "a TIERED price needs tiers");
        faults.require(self.tier_mode.is_some(), "tier_mode", "a TIERED price needs a tier_mode: VOLUME or SLAB");
        if self.tiers.len() > TIERS_MAX {
            faults.take::<()>(Err(Invalid::field("tiers", "a price has at most 100 tiers").with("limit", TIERS_MAX)));
            return;
        }
        for (index, tier) in self.tiers.iter().enumerate() {
            let field = |name: &str| format!("tiers[{index}].{name}");
            faults.take(validate_amount(&tier.unit_amount, &field("unit_amount")));
            faults.take(validate_amount(&tier.flat_amount(), &field("flat_amount")));
            let (up_to, last) = (field("up_to"), index + 1 == self.tiers.len());
            match tier.up_to {
                Some(_) if last => faults.require(false, &up_to, "the last tier must be open: leave out its up_to"),
                None if !last => faults.require(false, &up_to, "only the last tier may be open: give the others an up_to"),
                Some(bound) => {
                    let lower = if index == 0 { 0 } else { self.tiers[index - 1].up_to.unwrap_or(0) };
                    faults.require(bound > lower, &up_to, "the bounds of tiers must rise: each up_to above the one before");
                }
                None => {}
            }
        }
    }

    /// Whether the price is in force at an instant.
    pub fn is_active_at(&self, instant: Timestamp) -> bool {
        self.start_date <= instant && self.end_date.is_none_or(|end| instant <= end)
    }

    /// Symbol and unrounded amount.
    pub fn display_amount(&self) -> String {
        self.currency.display(&self.amount)
    }
}

/// Refuses a negative amount and one that the stores cannot keep exactly.
fn validate_amount(amount: &Decimal, field: &str) -> Result<(), Invalid> {
    if amount.is_negative() {
        return Err(Invalid::field(field, format!("{field} must be 0 or more")).with("value", amount));
    }
    if amount.fraction_digits() > FRACTION_DIGITS_MAX || amount.integer_digits() > INTEGER_DIGITS_MAX {
        return Err(Invalid::field(field, format!("{field} has at most 10 digits before and 15 after the point")).with("value", amount));
    }
    Ok(())
}

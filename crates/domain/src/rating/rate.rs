//! The price of one quantity, and the steps that explain it.

use super::{BillingModel, Price, RoundType, Tier, TierMode};
use crate::money::Decimal;

/// One step of a calculation: `quantity × unit_amount + flat_amount = amount`, all exact. Where many quantities are priced each on its own,
/// the same step of all of them is one: its quantity, flat amount and amount are sums.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// What is counted: `units`, `packages of 1000`, `tier 2 (above 1000 up to 5000)`.
    pub label: String,
    /// How many of them.
    pub quantity: Decimal,
    /// The rate of one.
    pub unit_amount: Decimal,
    /// What the step costs besides; zero for most.
    pub flat_amount: Decimal,
    /// The step's amount, not rounded.
    pub amount: Decimal,
    /// How many quantities took this step.
    #[serde(default = "once")]
    pub times: u64,
}

/// What was written before there were buckets took each step once.
fn once() -> u64 {
    1
}

/// An amount, not rounded, with its explanation. The amounts of the steps add up to it.
#[derive(Clone, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Rated {
    /// The sum of the steps.
    pub amount: Decimal,
    /// In the order of the calculation.
    pub steps: Vec<Step>,
}

impl Rated {
    fn one(step: Step) -> Self {
        Self { amount: step.amount.clone(), steps: vec![step] }
    }
}

impl Step {
    fn new(label: String, quantity: Decimal, unit_amount: &Decimal, flat_amount: &Decimal) -> Self {
        let amount = &(&quantity * unit_amount) + flat_amount;
        Self { label, quantity, unit_amount: unit_amount.clone(), flat_amount: flat_amount.clone(), amount, times: 1 }
    }

    /// Takes the same step of another quantity in.
    pub(super) fn repeat(&mut self, other: &Self) {
        self.quantity += &other.quantity;
        self.flat_amount += &other.flat_amount;
        self.amount += &other.amount;
        self.times += other.times;
    }
}

/// What a quantity costs. Zero costs nothing at every model, flat amounts included (spec 20 §6.1); a negative quantity is priced
/// as it stands (spec 20 §6.2).
pub fn rate(price: &Price, quantity: &Decimal) -> Rated {
    if quantity.is_zero() {
        return Rated::default();
    }
    match price.billing_model {
        BillingModel::FlatFee => Rated::one(Step::new("units".into(), quantity.clone(), &price.amount, &Decimal::zero())),
        BillingModel::Package => package(price, quantity),
        BillingModel::Tiered => {
            let tiers = sorted(&price.tiers);
            match price.tier_mode {
                Some(TierMode::Volume) => volume(&tiers, quantity),
                Some(TierMode::Slab) => slab(&tiers, quantity),
                None => Rated::default(),
            }
        }
    }
}

/// Whole packages, up or down toward infinity: of 500, 501 are two, -1 is none up and one negative down. A package of no units, which
/// validation refuses, costs nothing.
fn package(price: &Price, quantity: &Decimal) -> Rated {
    let size = Decimal::from(price.transform_quantity.divide_by.max(0));
    // Whole packages are counted exactly: a quotient of 16 digits could hide that a package has begun.
    let Some(quotient) = quantity.div(&size) else { return Rated::default() };
    let near = quotient.round(0);
    let rest = quantity - &(&near * &size);
    let one = Decimal::from(1_i64);
    let packages = match price.transform_quantity.round {
        RoundType::Up if rest.is_positive() => near + one,
        RoundType::Down if rest.is_negative() => near - one,
        RoundType::Up | RoundType::Down => near,
    };
    Rated::one(Step::new(format!("packages of {size}"), packages, &price.amount, &Decimal::zero()))
}

/// Every unit at the rate of the one tier that holds the quantity; beyond all bounds, the last tier.
fn volume(tiers: &[&Tier], quantity: &Decimal) -> Rated {
    let reached = tiers.iter().position(|tier| tier.up_to.is_none_or(|bound| *quantity <= Decimal::from(bound)));
    let Some(index) = reached.or(tiers.len().checked_sub(1)) else { return Rated::default() };
    let tier = tiers[index];
    Rated::one(Step::new(tier_label(tiers, index), quantity.clone(), &tier.unit_amount, &tier.flat_amount()))
}

/// Each tier prices the units that fall into it. A tier is entered only when units are left for it. Without an open tier the
/// excess above the last bound is free. A negative quantity falls into the first tier whole.
fn slab(tiers: &[&Tier], quantity: &Decimal) -> Rated {
    let mut rated = Rated::default();
    let mut rest = quantity.clone();
    let mut lower = Decimal::zero();
    for (index, tier) in tiers.iter().enumerate() {
        let room = tier.up_to.map(|bound| &Decimal::from(bound) - &lower);
        let taken = match room {
            Some(room) if room < rest => room,
            _ => rest.clone(),
        };
        let step = Step::new(tier_label(tiers, index), taken.clone(), &tier.unit_amount, &tier.flat_amount());
        rated.amount += &step.amount;
        rated.steps.push(step);
        rest -= &taken;
        if !rest.is_positive() {
            break;
        }
        if let Some(bound) = tier.up_to {
            lower = Decimal::from(bound);
        }
    }
    rated
}

/// By upper bound ascending, open tiers last.
fn sorted(tiers: &[Tier]) -> Vec<&Tier> {
    let mut sorted: Vec<&Tier> = tiers.iter().collect();
    sorted.sort_by_key(|tier| tier.up_to.map_or((1, 0), |bound| (0, bound)));
    sorted
}

fn tier_label(tiers: &[&Tier], index: usize) -> String {
    let lower = if index == 0 { 0 } else { tiers[index - 1].up_to.unwrap_or(0) };
    match tiers[index].up_to {
        Some(bound) => format!("tier {} (above {lower} up to {bound})", index + 1),
        None => format!("tier {} (above {lower})", index + 1),
    }
}

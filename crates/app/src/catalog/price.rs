//! Prices: made, changed by a successor, ended (spec 20 §5).

use std::collections::BTreeMap;

use domain::catalog::{GroupEntityType, Plan};
use domain::cost::Costsheet;
use domain::ids::{GroupId, PriceId};
use domain::invalid::{Invalid, require, require_field};
use domain::meter::{Meter, ResetUsage};
use domain::money::Decimal;
use domain::platform::EntityType;
use domain::rating::{BillingModel, Price, PriceEntityType, PriceType, PriceUnitType, Rated, Tier, TierMode, TransformQuantity, rate};
use domain::scope::{Scope, Status};
use domain::time::Timestamp;
use storage::{Condition, UnitOfWork, Value};

use super::group::check_group;
use crate::change::{Change, Entity};
use crate::{App, Context, Error, Pending, Result};

impl Entity for Price {
    const TYPE: EntityType = EntityType::Price;
    const NAME: &'static str = "price";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn taken(&self) -> String {
        format!("a price with lookup_key {} exists already: choose another, or end that price", self.lookup_key)
    }

    fn unique(&self) -> Option<(&'static str, &str)> {
        Some(("lookup_key", &self.lookup_key))
    }
}

/// Most published, unended prices of one plan or cost sheet.
const PRICES_MAX: i64 = 5000;
/// Most prices of one bulk request.
const BULK_MAX: usize = 100;

/// A change of a price. What it charges changes through a successor; the rest in place.
#[derive(Clone, Debug, Default)]
pub struct PriceChange {
    /// The caller's name.
    pub lookup_key: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Display name; empty keeps.
    pub display_name: Option<String>,
    /// Replaces the pairs.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Display group; empty takes it away.
    pub group_id: Option<String>,
    /// How a quantity becomes an amount.
    pub billing_model: Option<BillingModel>,
    /// The rate.
    pub amount: Option<Decimal>,
    /// How tiers apply.
    pub tier_mode: Option<TierMode>,
    /// The tiers.
    pub tiers: Option<Vec<Tier>>,
    /// The size of a package.
    pub transform_quantity: Option<TransformQuantity>,
    /// When the successor takes over; now without.
    pub effective_from: Option<Timestamp>,
}

/// What a quantity costs.
#[derive(Clone, Debug)]
pub struct Quote {
    /// Of how much.
    pub quantity: Decimal,
    /// Not rounded, with its steps.
    pub rated: Rated,
    /// Rounded to the price's currency.
    pub amount: Decimal,
}

impl PriceChange {
    fn is_critical(&self) -> bool {
        self.billing_model.is_some()
            || self.amount.is_some()
            || self.tier_mode.is_some()
            || self.tiers.is_some()
            || self.transform_quantity.is_some()
    }

    fn apply_in_place(&self, price: &mut Price) {
        if let Some(lookup_key) = &self.lookup_key {
            price.lookup_key.clone_from(lookup_key);
        }
        if let Some(description) = &self.description {
            price.description.clone_from(description);
        }
        if let Some(display_name) = self.display_name.as_ref().filter(|name| !name.is_empty()) {
            price.display_name.clone_from(display_name);
        }
        if let Some(metadata) = &self.metadata {
            price.metadata.clone_from(metadata);
        }
        if let Some(group) = &self.group_id {
            price.group_id = if group.is_empty() { None } else { Some(GroupId::from(group.as_str())) };
        }
    }

    fn apply_critical(&self, price: &mut Price) {
        if let Some(billing_model) = self.billing_model {
            price.billing_model = billing_model;
        }
        if let Some(amount) = &self.amount {
            price.amount.clone_from(amount);
        }
        if let Some(tier_mode) = self.tier_mode {
            price.tier_mode = Some(tier_mode);
        }
        if let Some(tiers) = &self.tiers {
            price.tiers.clone_from(tiers);
        }
        if let Some(transform_quantity) = self.transform_quantity {
            price.transform_quantity = transform_quantity;
        } else if price.billing_model != BillingModel::Package {
            // That of a former PACKAGE means nothing any more.
            price.transform_quantity = TransformQuantity::default();
        }
    }
}

impl App {
    /// Makes one price.
    pub async fn create_price(&self, context: &Context, price: Price) -> Result<Pending<Price>> {
        let mut change = self.begin(context).await?;
        let price = insert_price(&mut change, price).await?;
        Ok(change.done(price))
    }

    /// What quantities would cost at a price that is not made: each with its steps, and rounded as a line would be. Of a meter with buckets, each
    /// is that of one bucket.
    pub async fn preview_price(&self, scope: &Scope, price: &Price, quantities: Vec<Decimal>) -> Result<Vec<Quote>> {
        check_price(price)?;
        if let (PriceType::Usage, Some(meter_id)) = (price.kind, &price.meter_id) {
            check_meter(&self.require::<Meter>(scope, meter_id.as_str()).await?, price)?;
        }
        let quote = |quantity: Decimal| {
            let rated = rate(price, &quantity);
            Quote { amount: price.currency.round(&rated.amount), quantity, rated }
        };
        Ok(quantities.into_iter().map(quote).collect())
    }

    /// Makes up to 100 prices, all or none, in order. A refusal names the index.
    pub async fn create_prices(&self, context: &Context, prices: Vec<Price>) -> Result<Pending<Vec<Price>>> {
        require_field((1..=BULK_MAX).contains(&prices.len()), "items", "items must hold 1 to 100 prices")?;
        let mut change = self.begin(context).await?;
        let mut made = Vec::with_capacity(prices.len());
        for (index, price) in prices.into_iter().enumerate() {
            let inserted = insert_price(&mut change, price).await;
            made.push(inserted.map_err(|error| match error {
                Error::Invalid(invalid) => Error::Invalid(invalid.within(&format!("items[{index}]")).with("index", index)),
                other => other,
            })?);
        }
        Ok(change.done(made))
    }

    /// How often the prices of a plan changed: what subscriptions compare their lines with.
    pub async fn plan_price_sequence(&self, scope: &Scope, plan_id: &str) -> Result<i64> {
        let name = sequence_name(PriceEntityType::Plan, plan_id);
        Ok(storage::sequences::current(&mut self.database(), scope, &name).await?)
    }

    /// The published, unended price of a lookup key.
    pub async fn price_by_lookup_key(&self, scope: &Scope, lookup_key: &str) -> Result<Price> {
        let conditions =
            [Condition::eq("lookup_key", &lookup_key.to_owned()), Condition::eq("status", &Status::Published), Condition::Null("end_date")];
        let found = storage::find(&mut self.database(), scope, &conditions).await?;
        found.ok_or_else(|| Error::not_found("price with lookup_key", lookup_key))
    }

    /// Changes a price: names in place; what it charges by ending it and beginning a successor, which is returned. Subscriptions
    /// keep the old price until the plan is synced.
    pub async fn update_price(&self, context: &Context, id: &str, wish: PriceChange) -> Result<Pending<Price>> {
        let scope = &context.scope;
        let mut change = self.begin(context).await?;
        let before: Price = change.require(id).await?;
        let mut price = before.clone();
        if let Some(group) = wish.group_id.as_ref().filter(|group| !group.is_empty()) {
            check_group(change.work(), scope, group, GroupEntityType::Price).await?;
        }
        if !wish.is_critical() {
            require_field(wish.effective_from.is_none(), "effective_from", "effective_from needs a change of what the price charges")?;
            wish.apply_in_place(&mut price);
            change.update(&before, &mut price).await?;
            return Ok(change.done(price));
        }
        require(price.end_date.is_none(), "the price has an end date: change its successor")?;
        let from = wish.effective_from.unwrap_or_else(|| self.now(scope));
        require_field(from >= price.start_date, "effective_from", "effective_from must not lie before the price's start_date")?;
        let mut successor = price.clone();
        wish.apply_in_place(&mut successor);
        wish.apply_critical(&mut successor);
        successor.id = PriceId::new(self.ids());
        successor.parent_price_id = Some(price.parent_price_id.clone().unwrap_or_else(|| price.id.clone()));
        successor.start_date = from;
        successor.audit = self.audit(context);
        successor.validate()?;
        price.end_date = Some(from);
        price.sequence = next_sequence(change.work(), scope, &price).await?;
        successor.sequence = next_sequence(change.work(), scope, &successor).await?;
        change.update(&before, &mut price).await?;
        change.create(&successor).await?;
        Ok(change.done(successor))
    }

    /// Ends a price: now, or at an instant not before its start. Refused when it has an end already.
    pub async fn end_price(&self, context: &Context, id: &str, end_date: Option<Timestamp>) -> Result<Pending<()>> {
        let scope = &context.scope;
        let mut change = self.begin(context).await?;
        let before: Price = change.require(id).await?;
        let mut price = before.clone();
        if let Some(end) = price.end_date {
            return Err(Invalid::field("end_date", format!("the price ends at {end} already")).with("value", end).into());
        }
        let end = end_date.unwrap_or_else(|| self.now(scope));
        require_field(end >= price.start_date, "end_date", "end_date must not lie before the price's start_date")?;
        price.end_date = Some(end);
        price.sequence = next_sequence(change.work(), scope, &price).await?;
        change.update(&before, &mut price).await?;
        Ok(change.done(()))
    }
}

/// Refuses a price that cannot be billed, or not yet.
fn check_price(price: &Price) -> Result<()> {
    if price.price_unit_type == PriceUnitType::Custom {
        return Err(Error::unbuilt_value("price_unit_type", "price_unit_type CUSTOM"));
    }
    price.validate()?;
    if price.trial_period_days > 0 {
        return Err(Error::unbuilt_value("trial_period_days", "trial_period_days of a price"));
    }
    Ok(())
}

/// Refuses a meter whose usage cannot be invoiced yet.
fn check_meter(meter: &Meter, price: &Price) -> Result<()> {
    // Costs look at a time of the caller's choice, which has no periods.
    if meter.reset_usage == ResetUsage::Never && price.entity_type != PriceEntityType::Costsheet {
        return Err(Error::unbuilt_value("meter_id", "a price of a meter whose reset_usage is NEVER"));
    }
    Ok(())
}

async fn insert_price(change: &mut Change, mut price: Price) -> Result<Price> {
    if price.kind == PriceType::Fixed {
        price.meter_id = None;
    }
    check_price(&price)?;
    let mut default_name = hold_owner(change, &price).await?;
    if let Some(meter_id) = &price.meter_id {
        let meter = change.require_shared::<Meter>(meter_id.as_str()).await?;
        check_meter(&meter, &price)?;
        default_name = meter.name;
    }
    if price.display_name.is_empty() {
        price.display_name = default_name;
    }
    let scope = change.scope().clone();
    if let Some(group) = &price.group_id {
        check_group(change.work(), &scope, group.as_str(), GroupEntityType::Price).await?;
    }
    let live = prices_of_entity(price.entity_type, &price.entity_id)
        .into_iter()
        .chain([Condition::Null("end_date"), Condition::eq("status", &Status::Published)]);
    if storage::count::<Price>(change.work(), &scope, &live.collect::<Vec<_>>()).await? >= PRICES_MAX {
        return Err(Invalid::field("entity_id", format!("{} has {PRICES_MAX} prices, which is the limit", price.entity_id))
            .with("value", &price.entity_id)
            .with("limit", PRICES_MAX)
            .into());
    }
    price.sequence = next_sequence(change.work(), &scope, &price).await?;
    change.create(&price).await?;
    if let (PriceEntityType::Costsheet, Some(meter_id)) = (price.entity_type, &price.meter_id) {
        storage::meter_ledgers::note(change.work(), &scope, meter_id).await?;
    }
    Ok(price)
}

/// The name of what the price belongs to. It is held: its prices are counted, and whoever subscribes to it waits.
async fn hold_owner(change: &mut Change, price: &Price) -> Result<String> {
    let id = &price.entity_id;
    match price.entity_type {
        PriceEntityType::Plan => Ok(change.require::<Plan>(id).await?.name),
        PriceEntityType::Costsheet => Ok(change.require::<Costsheet>(id).await?.name),
        PriceEntityType::Price => Err(Error::field("entity_type", "entity_type PRICE is not allowed: use PLAN")),
        PriceEntityType::Subscription | PriceEntityType::Addon => {
            Err(Error::unbuilt_value("entity_type", &format!("a price of entity_type {}", price.entity_type)))
        }
    }
}

/// The conditions under which a price belongs to a thing.
pub(crate) fn prices_of_entity(entity_type: PriceEntityType, entity_id: &str) -> [Condition; 2] {
    [Condition::eq("entity_type", &entity_type), Condition::Eq("entity_id", Value::Text(entity_id.to_owned()))]
}

/// The name of the counter that orders the changes of an entity's prices.
pub(crate) fn sequence_name(entity_type: PriceEntityType, entity_id: &str) -> String {
    format!("prices/{entity_type}/{entity_id}")
}

pub(super) async fn next_sequence(work: &mut UnitOfWork, scope: &Scope, price: &Price) -> Result<i64> {
    Ok(storage::sequences::next(work, scope, &sequence_name(price.entity_type, &price.entity_id), 1).await?)
}

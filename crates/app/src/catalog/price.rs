//! Prices: made, changed by a successor, ended (spec 20 §5).

use std::collections::BTreeMap;

use domain::catalog::{GroupEntityType, Plan};
use domain::cost::Costsheet;
use domain::ids::{GroupId, PriceId};
use domain::invalid::{Invalid, require};
use domain::meter::Meter;
use domain::money::Decimal;
use domain::rating::{BillingModel, Price, PriceEntityType, PriceType, PriceUnitType, Tier, TierMode, TransformQuantity};
use domain::scope::{Scope, Status};
use domain::time::Timestamp;
use storage::{Condition, UnitOfWork, Value};

use super::group::check_group;
use crate::{App, Context, Error, Pending, Result};

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
        }
    }
}

impl App {
    /// Makes one price.
    pub async fn create_price(&self, context: &Context, price: Price) -> Result<Pending<Price>> {
        let mut work = self.database().begin().await?;
        let price = self.insert_price(&mut work, context, price).await?;
        Ok(Pending::new(self, work, price))
    }

    /// Makes up to 100 prices, all or none, in order. A refusal names the index.
    pub async fn create_prices(&self, context: &Context, prices: Vec<Price>) -> Result<Pending<Vec<Price>>> {
        require((1..=BULK_MAX).contains(&prices.len()), "items must hold 1 to 100 prices")?;
        let mut work = self.database().begin().await?;
        let mut made = Vec::with_capacity(prices.len());
        for (index, price) in prices.into_iter().enumerate() {
            let inserted = self.insert_price(&mut work, context, price).await;
            made.push(inserted.map_err(|error| match error {
                Error::Invalid(invalid) => Error::Invalid(invalid.with("index", index)),
                other => other,
            })?);
        }
        Ok(Pending::new(self, work, made))
    }

    async fn insert_price(&self, work: &mut UnitOfWork, context: &Context, mut price: Price) -> Result<Price> {
        let scope = &context.scope;
        if price.price_unit_type == PriceUnitType::Custom {
            return Err(Error::unbuilt("price_unit_type CUSTOM"));
        }
        if price.kind == PriceType::Fixed {
            price.meter_id = None;
        }
        price.validate()?;
        let mut default_name = hold_owner(work, scope, &price).await?;
        if let Some(meter_id) = &price.meter_id {
            let meter: Option<Meter> = storage::get(&mut work.shared(), scope, meter_id.as_str()).await?;
            default_name = meter.ok_or_else(|| Error::not_found("meter", meter_id.as_str()))?.name;
        }
        if price.display_name.is_empty() {
            price.display_name = default_name;
        }
        if let Some(group) = &price.group_id {
            check_group(work, scope, group.as_str(), GroupEntityType::Price).await?;
        }
        let live = prices_of_entity(price.entity_type, &price.entity_id)
            .into_iter()
            .chain([Condition::Null("end_date"), Condition::eq("status", &Status::Published)]);
        if storage::count::<Price>(work, scope, &live.collect::<Vec<_>>()).await? >= PRICES_MAX {
            return Err(Error::input(format!("{} has {PRICES_MAX} prices, which is the limit", price.entity_id)));
        }
        price.sequence = next_sequence(work, scope, &price).await?;
        let inserted = storage::insert(work, &price).await.map_err(Error::from);
        inserted.map_err(|error| {
            error.or_exists(|| format!("a price with lookup_key {} exists already: choose another, or end that price", price.lookup_key))
        })?;
        Ok(price)
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
    pub async fn update_price(&self, context: &Context, id: &str, change: PriceChange) -> Result<Pending<Price>> {
        let scope = &context.scope;
        let mut work = self.database().begin().await?;
        let found: Option<Price> = storage::get(&mut work, scope, id).await?;
        let mut price = found.ok_or_else(|| Error::not_found("price", id))?;
        if let Some(group) = change.group_id.as_ref().filter(|group| !group.is_empty()) {
            check_group(&mut work, scope, group, GroupEntityType::Price).await?;
        }
        if !change.is_critical() {
            require(change.effective_from.is_none(), "effective_from needs a change of what the price charges")?;
            change.apply_in_place(&mut price);
            self.touch(context, &mut price);
            storage::update(&mut work, &price).await.map_err(Error::from).map_err(taken)?;
            return Ok(Pending::new(self, work, price));
        }
        require(price.end_date.is_none(), "the price has an end date: change its successor")?;
        let from = change.effective_from.unwrap_or_else(|| self.now(scope));
        require(from >= price.start_date, "effective_from must not lie before the price's start_date")?;
        let mut successor = price.clone();
        change.apply_in_place(&mut successor);
        change.apply_critical(&mut successor);
        successor.id = PriceId::new(self.ids());
        successor.parent_price_id = Some(price.parent_price_id.clone().unwrap_or_else(|| price.id.clone()));
        successor.start_date = from;
        successor.audit = self.audit(context);
        successor.validate()?;
        price.end_date = Some(from);
        price.sequence = next_sequence(&mut work, scope, &price).await?;
        successor.sequence = next_sequence(&mut work, scope, &successor).await?;
        self.touch(context, &mut price);
        storage::update(&mut work, &price).await?;
        storage::insert(&mut work, &successor).await.map_err(Error::from).map_err(taken)?;
        Ok(Pending::new(self, work, successor))
    }

    /// Ends a price: now, or at an instant not before its start. Refused when it has an end already.
    pub async fn end_price(&self, context: &Context, id: &str, end_date: Option<Timestamp>) -> Result<Pending<()>> {
        let scope = &context.scope;
        let mut work = self.database().begin().await?;
        let found: Option<Price> = storage::get(&mut work, scope, id).await?;
        let mut price = found.ok_or_else(|| Error::not_found("price", id))?;
        if let Some(end) = price.end_date {
            return Err(Invalid::input(format!("the price ends at {end} already")).with("end_date", end).into());
        }
        let end = end_date.unwrap_or_else(|| self.now(scope));
        require(end >= price.start_date, "end_date must not lie before the price's start_date")?;
        price.end_date = Some(end);
        price.sequence = next_sequence(&mut work, scope, &price).await?;
        self.touch(context, &mut price);
        storage::update(&mut work, &price).await?;
        Ok(Pending::new(self, work, ()))
    }
}

/// The name of what the price belongs to. It is held: its prices are counted, and whoever subscribes to it waits.
async fn hold_owner(work: &mut UnitOfWork, scope: &Scope, price: &Price) -> Result<String> {
    let id = &price.entity_id;
    match price.entity_type {
        PriceEntityType::Plan => {
            let plan: Option<Plan> = storage::get(work, scope, id).await?;
            Ok(plan.ok_or_else(|| Error::not_found("plan", id))?.name)
        }
        PriceEntityType::Costsheet => {
            let sheet: Option<Costsheet> = storage::get(work, scope, id).await?;
            Ok(sheet.ok_or_else(|| Error::not_found("cost sheet", id))?.name)
        }
        PriceEntityType::Price => Err(Error::input("entity_type PRICE is not allowed: use PLAN")),
        PriceEntityType::Subscription | PriceEntityType::Addon => {
            Err(Error::unbuilt(&format!("a price of entity_type {}", price.entity_type)))
        }
    }
}

/// The conditions under which a price belongs to a thing.
pub(crate) fn prices_of_entity(entity_type: PriceEntityType, entity_id: &str) -> [Condition; 2] {
    [Condition::eq("entity_type", &entity_type), Condition::Eq("entity_id", Value::Text(entity_id.to_owned()))]
}

fn taken(error: Error) -> Error {
    error.or_exists(|| "another price has this lookup_key already: choose another".to_owned())
}

/// The name of the counter that orders the changes of an entity's prices.
pub(crate) fn sequence_name(entity_type: PriceEntityType, entity_id: &str) -> String {
    format!("prices/{entity_type}/{entity_id}")
}

pub(super) async fn next_sequence(work: &mut UnitOfWork, scope: &Scope, price: &Price) -> Result<i64> {
    Ok(storage::sequences::next(work, scope, &sequence_name(price.entity_type, &price.entity_id), 1).await?)
}

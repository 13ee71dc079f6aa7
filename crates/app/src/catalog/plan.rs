//! Plans: bundles of prices (spec 20 §4).

use domain::catalog::Plan;
use domain::ids::{PlanId, PriceId};
use domain::invalid::require_text;
use domain::rating::{Price, PriceEntityType};
use domain::scope::{Scope, Status};
use domain::subscription::{Subscription, SubscriptionStatus};
use storage::{Condition, Value};

use crate::{App, Context, Error, Pending, Result};

fn duplicate(lookup_key: &str) -> impl FnOnce() -> String + '_ {
    move || format!("a plan with lookup_key {lookup_key} exists already: choose another lookup_key")
}

/// The conditions under which a price belongs to a plan.
pub(crate) fn prices_of(plan_id: &str) -> [Condition; 2] {
    super::price::prices_of_entity(PriceEntityType::Plan, plan_id)
}

impl App {
    /// Makes a plan. A taken lookup key is refused.
    pub async fn create_plan(&self, plan: Plan) -> Result<Pending<Plan>> {
        require_text(&plan.name, "name")?;
        let mut work = self.database().begin().await?;
        let inserted = storage::insert(&mut work, &plan).await.map_err(Error::from);
        inserted.map_err(|error| error.or_exists(duplicate(&plan.lookup_key)))?;
        Ok(Pending::new(self, work, plan))
    }

    /// Changes a plan.
    pub async fn update_plan(&self, context: &Context, id: &str, apply: impl FnOnce(&mut Plan)) -> Result<Pending<Plan>> {
        let change = |plan: &mut Plan| {
            apply(plan);
            Ok(require_text(&plan.name, "name")?)
        };
        let changed = self.change(context, "plan", id, change).await;
        changed.map_err(|error| error.or_exists(|| "another plan has this lookup_key already: choose another".to_owned()))
    }

    /// The published prices of plans, also ended ones, oldest first.
    pub async fn prices_of_plans(&self, scope: &Scope, plans: &[String]) -> Result<Vec<Price>> {
        let conditions = [Condition::eq("entity_type", &PriceEntityType::Plan), Condition::one_of("entity_id", plans)];
        self.find_all(scope, &conditions).await
    }

    /// Puts a plan away. Refused while a subscription on it is not cancelled.
    pub async fn delete_plan(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut work = self.database().begin().await?;
        let found: Option<Plan> = storage::get(&mut work, &context.scope, id).await?;
        let mut plan = found.ok_or_else(|| Error::not_found("plan", id))?;
        let open = [
            Condition::Eq("plan_id", Value::Text(id.to_owned())),
            Condition::NotEq("subscription_status", Value::Text(SubscriptionStatus::Cancelled.to_string())),
            Condition::eq("status", &Status::Published),
        ];
        let subscriptions = storage::count::<Subscription>(&mut work, &context.scope, &open).await?;
        if subscriptions > 0 {
            return Err(Error::operation(format!(
                "{subscriptions} subscriptions on the plan are not cancelled: cancel or move them first"
            )));
        }
        plan.audit.status = Status::Archived;
        self.touch(context, &mut plan);
        storage::update(&mut work, &plan).await?;
        Ok(Pending::new(self, work, ()))
    }

    /// Copies a plan with its published, unended prices under a new name and lookup key. Subscriptions are not touched.
    pub async fn clone_plan(&self, context: &Context, id: &str, apply: impl FnOnce(&mut Plan)) -> Result<Pending<(Plan, Vec<Price>)>> {
        let now = self.now(&context.scope);
        let source: Plan = self.get(&context.scope, "plan", id).await?;
        let mut plan = Plan { id: PlanId::new(self.ids()), audit: self.audit(context), ..source };
        plan.metadata.insert("source_plan_id".into(), id.to_owned());
        plan.lookup_key.clear();
        apply(&mut plan);
        require_text(&plan.name, "name")?;
        require_text(&plan.lookup_key, "lookup_key")?;
        let mut work = self.database().begin().await?;
        let inserted = storage::insert(&mut work, &plan).await.map_err(Error::from);
        inserted.map_err(|error| error.or_exists(duplicate(&plan.lookup_key)))?;
        let mut prices: Vec<Price> = storage::find_all(&mut work.glance(), &context.scope, &prices_of(id)).await?;
        prices.retain(|price| price.end_date.is_none_or(|end| end > now));
        for price in &mut prices {
            price.id = PriceId::new(self.ids());
            price.entity_id = plan.id.to_string();
            price.lookup_key.clear();
            price.parent_price_id = None;
            price.sequence = super::price::next_sequence(&mut work, &context.scope, price).await?;
            price.audit = self.audit(context);
        }
        storage::insert_all(&mut work, &prices).await?;
        Ok(Pending::new(self, work, (plan, prices)))
    }
}

//! Plans: bundles of prices (spec 20 §4).

use domain::catalog::Plan;
use domain::entitlement::Entitlement;
use domain::ids::{EntitlementId, PlanId, PriceId};
use domain::invalid::{Invalid, require_text};
use domain::platform::EntityType;
use domain::rating::{Price, PriceEntityType};
use domain::scope::{Scope, Status};
use domain::subscription::{Subscription, SubscriptionStatus};
use storage::{Condition, Value};

use crate::change::Entity;
use crate::entitlement::entitlements_of;
use crate::{App, Context, Pending, Result};

impl Entity for Plan {
    const TYPE: EntityType = EntityType::Plan;
    const NAME: &'static str = "plan";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn taken(&self) -> String {
        format!("a plan with lookup_key {} exists already: choose another lookup_key", self.lookup_key)
    }

    fn unique(&self) -> Option<(&'static str, &str)> {
        Some(("lookup_key", &self.lookup_key))
    }
}

/// The conditions under which a price belongs to a plan.
pub(crate) fn prices_of(plan_id: &str) -> [Condition; 2] {
    super::price::prices_of_entity(PriceEntityType::Plan, plan_id)
}

impl App {
    /// Makes a plan. A taken lookup key is refused.
    pub async fn create_plan(&self, context: &Context, plan: Plan) -> Result<Pending<Plan>> {
        require_text(&plan.name, "name")?;
        let mut change = self.begin(context).await?;
        change.create(&plan).await?;
        Ok(change.done(plan))
    }

    /// Changes a plan.
    pub async fn update_plan(&self, context: &Context, id: &str, apply: impl FnOnce(&mut Plan)) -> Result<Pending<Plan>> {
        let change = |plan: &mut Plan| {
            apply(plan);
            Ok(require_text(&plan.name, "name")?)
        };
        self.change(context, id, change).await
    }

    /// The published prices of plans, also ended ones, oldest first.
    pub async fn prices_of_plans(&self, scope: &Scope, plans: &[String]) -> Result<Vec<Price>> {
        let conditions = [Condition::eq("entity_type", &PriceEntityType::Plan), Condition::one_of("entity_id", plans)];
        self.find_all(scope, &conditions).await
    }

    /// Archives a plan. Refused while a subscription on it is not cancelled.
    pub async fn delete_plan(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut change = self.begin(context).await?;
        let plan: Plan = change.require(id).await?;
        let open = [
            Condition::Eq("plan_id", Value::Text(id.to_owned())),
            Condition::NotEq("subscription_status", Value::Text(SubscriptionStatus::Cancelled.to_string())),
            Condition::eq("status", &Status::Published),
        ];
        let subscriptions = storage::count::<Subscription>(change.work(), &context.scope, &open).await?;
        if subscriptions > 0 {
            let message = format!("{subscriptions} subscriptions on the plan are not cancelled: cancel or move them first");
            return Err(Invalid::operation(message).with("id", id).with("subscriptions", subscriptions).into());
        }
        change.archive(&plan).await?;
        Ok(change.done(()))
    }

    /// Copies a plan with its published, unended prices and its entitlements under a new name and lookup key. Subscriptions are not touched.
    pub async fn clone_plan(
        &self,
        context: &Context,
        id: &str,
        apply: impl FnOnce(&mut Plan),
    ) -> Result<Pending<(Plan, Vec<Price>, Vec<Entitlement>)>> {
        let now = self.now(&context.scope);
        let source: Plan = self.require(&context.scope, id).await?;
        let mut plan = Plan { id: PlanId::new(self.ids()), audit: self.audit(context), ..source };
        plan.metadata.insert("source_plan_id".into(), id.to_owned());
        plan.lookup_key.clear();
        apply(&mut plan);
        require_text(&plan.name, "name")?;
        require_text(&plan.lookup_key, "lookup_key")?;
        let mut change = self.begin(context).await?;
        change.create(&plan).await?;
        let mut prices: Vec<Price> = storage::find_all(&mut change.work().glance(), &context.scope, &prices_of(id)).await?;
        prices.retain(|price| price.end_date.is_none_or(|end| end > now));
        for price in &mut prices {
            price.id = PriceId::new(self.ids());
            price.entity_id = plan.id.to_string();
            price.lookup_key.clear();
            price.parent_price_id = None;
            price.sequence = super::price::next_sequence(change.work(), &context.scope, price).await?;
            price.audit = self.audit(context);
        }
        change.create_all(&prices).await?;
        let mut entitlements: Vec<Entitlement> =
            storage::find_all(&mut change.work().glance(), &context.scope, &entitlements_of(id)).await?;
        for entitlement in &mut entitlements {
            entitlement.id = EntitlementId::new(self.ids());
            entitlement.entity_id = plan.id.to_string();
            entitlement.audit = self.audit(context);
        }
        change.create_all(&entitlements).await?;
        Ok(change.done((plan, prices, entitlements)))
    }
}

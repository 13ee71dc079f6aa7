//! Customers: created, read, changed, archived.

use std::sync::Arc;

use domain::customer::Customer;
use domain::ids::CustomerId;
use domain::invalid::{Invalid, require_field};
use domain::platform::{ActivityAction, EntityType, SystemEventName};
use domain::scope::{Scope, Status};
use domain::subscription::{Subscription, SubscriptionStatus};
use quick_cache::sync::Cache;
use storage::{Condition, Value, former_external_ids};

use crate::change::{Change, Entity, Remembered};
use crate::coherence::{Topic, count_look};
use crate::{App, Context, Error, Pending, Result};

impl Entity for Customer {
    const TYPE: EntityType = EntityType::Customer;
    const NAME: &'static str = "customer";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn taken(&self) -> String {
        format!("a customer with external_id {} exists already: use it, or choose another external_id", self.external_id)
    }

    fn unique(&self) -> Option<(&'static str, &str)> {
        Some(("external_id", &self.external_id))
    }

    fn event(&self, action: ActivityAction) -> Option<SystemEventName> {
        Some(match action {
            ActivityAction::Created => SystemEventName::CustomerCreated,
            ActivityAction::Updated => SystemEventName::CustomerUpdated,
            ActivityAction::Archived => SystemEventName::CustomerDeleted,
        })
    }

    fn remembered(&self, action: ActivityAction) -> Option<Remembered> {
        (action != ActivityAction::Created).then(|| Remembered::Customer(self.audit.scope.clone(), self.id.clone()))
    }
}

/// Customers by scope, id and epoch of the scope's customers.
pub(crate) struct CustomerMemory(Cache<(Scope, String, u64), Arc<Customer>>);

impl CustomerMemory {
    /// Keeps at most so many.
    pub(crate) fn new(customers_max: usize) -> Self {
        Self(Cache::new(customers_max))
    }
}

impl App {
    /// Makes a customer. An external id that a published customer has is refused.
    pub async fn create_customer(&self, context: &Context, customer: Customer) -> Result<Pending<Customer>> {
        customer.validate()?;
        let mut change = self.begin(context).await?;
        change.create(&customer).await?;
        check_never_anothers(&mut change, &customer).await?;
        Ok(change.done(customer))
    }

    /// A customer by id, whatever its status; from memory when it was read before.
    pub async fn customer(&self, scope: &Scope, id: &str) -> Result<Arc<Customer>> {
        let epoch = self.epochs(&[Topic::Customers(scope.clone())]).await?[0];
        let key = (scope.clone(), id.to_owned(), epoch);
        let known = self.shared.customers.0.get(&key);
        count_look("customers", known.is_some());
        if let Some(customer) = known {
            return Ok(customer);
        }
        // The guard keeps a concurrent change from leaving an old copy behind: it removes the placeholder, and the insert fails.
        match self.shared.customers.0.get_value_or_guard_async(&key).await {
            Ok(customer) => Ok(customer),
            Err(guard) => {
                let customer = Arc::new(self.require::<Customer>(scope, id).await?);
                let _ = guard.insert(Arc::clone(&customer));
                Ok(customer)
            }
        }
    }

    /// In this process; others hear of the change by the generation of the scope's customers.
    pub(crate) fn forget_customer(&self, scope: &Scope, id: &CustomerId) {
        if !self.shared.coherence.is_shared() {
            self.shared.customers.0.remove(&(scope.clone(), id.to_string(), 0));
        }
    }

    /// The external ids under which a customer's events arrive; at least one.
    pub(crate) async fn external_ids(&self, scope: &Scope, customer: &CustomerId) -> Result<Vec<String>> {
        let ids = self.customer(scope, customer.as_str()).await?.external_ids();
        if ids.is_empty() {
            return Err(Invalid::operation("the customer has no external_id, so it has no usage").with("id", customer).into());
        }
        Ok(ids)
    }

    /// The published customer whose events name an external id: the one that has it, or had it before.
    pub(crate) async fn customer_of_events(&self, scope: &Scope, external_id: &str) -> Result<Option<Customer>> {
        match self.customer_by_external_id(scope, external_id).await {
            Ok(customer) => Ok(Some(customer)),
            Err(Error::NotFound { .. }) => {
                let mut former = former_external_ids::owners(&mut self.database(), scope, &[external_id.to_owned()]).await?;
                let Some(owner) = former.remove(external_id) else { return Ok(None) };
                Ok(storage::get(&mut self.database(), scope, owner.as_str()).await?)
            }
            Err(error) => Err(error),
        }
    }

    /// The external ids of the customer whose events name one of them; of no customer, that one alone.
    pub(crate) async fn external_ids_beside(&self, scope: &Scope, external_id: &str) -> Result<Vec<String>> {
        let customer = self.customer_of_events(scope, external_id).await?;
        Ok(customer.map_or_else(|| vec![external_id.to_owned()], |customer| customer.external_ids()))
    }

    /// The published customer of an external id.
    pub async fn customer_by_external_id(&self, scope: &Scope, external_id: &str) -> Result<Customer> {
        let conditions = [Condition::Eq("external_id", Value::Text(external_id.to_owned())), Condition::eq("status", &Status::Published)];
        let found = storage::find(&mut self.database(), scope, &conditions).await?;
        found.ok_or_else(|| Error::not_found("customer with external_id", external_id))
    }

    /// Changes a customer. Where that gives it another external id, it keeps the former one, and events that name it.
    pub async fn update_customer(&self, context: &Context, id: &str, apply: impl FnOnce(&mut Customer)) -> Result<Pending<Customer>> {
        let mut change = self.begin(context).await?;
        let before: Customer = change.require(id).await?;
        let mut customer = before.clone();
        apply(&mut customer);
        customer.keep_former(before.external_id.clone());
        customer.validate()?;
        change.update(&before, &mut customer).await?;
        if customer.external_id != before.external_id && customer.audit.status == Status::Published {
            let scope = &context.scope;
            former_external_ids::give_back(change.work(), scope, &customer.id, &customer.external_id).await?;
            if !before.external_id.is_empty() {
                former_external_ids::keep(change.work(), scope, &customer.id, &before.external_id).await?;
            }
            check_never_anothers(&mut change, &customer).await?;
        }
        Ok(change.done(customer))
    }

    /// Archives a customer. Refused while a subscription of it is not cancelled; unknown or archived customers are not found.
    pub async fn delete_customer(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut change = self.begin(context).await?;
        let customer: Customer = change.require(id).await?;
        if customer.audit.status != Status::Published {
            return Err(Error::not_found(Customer::NAME, id));
        }
        let open = [
            Condition::Eq("customer_id", Value::Text(id.to_owned())),
            Condition::NotEq("subscription_status", Value::Text(SubscriptionStatus::Cancelled.to_string())),
            Condition::eq("status", &Status::Published),
        ];
        if storage::count::<Subscription>(change.work(), &context.scope, &open).await? > 0 {
            return Err(Invalid::operation("the customer has subscriptions that are not cancelled: cancel them first")
                .with("id", id)
                .into());
        }
        change.archive(&customer).await?;
        former_external_ids::give_back_all(change.work(), &context.scope, &customer.id).await?;
        Ok(change.done(()))
    }

    /// The customer that a request names by id, by external id, or by both when they agree.
    pub async fn resolve_customer(&self, scope: &Scope, id: Option<&str>, external_id: Option<&str>) -> Result<Customer> {
        let customer = match (id.filter(|id| !id.is_empty()), external_id.filter(|id| !id.is_empty())) {
            (Some(id), _) => (*self.customer(scope, id).await?).clone(),
            (None, Some(external_id)) => self.customer_by_external_id(scope, external_id).await?,
            (None, None) => return Err(Error::field("customer_id", "customer_id or external_customer_id is required")),
        };
        require_field(customer.audit.status == Status::Published, "customer_id", "the customer is archived: choose a published one")?;
        Ok(customer)
    }
}

/// Refuses an external id that another customer had before: its events still arrive under it. Asked after the id was written, so that
/// whoever gives it up at the same time is done.
async fn check_never_anothers(change: &mut Change, customer: &Customer) -> Result<()> {
    let scope = change.scope().clone();
    let owners = former_external_ids::owners(change.work(), &scope, std::slice::from_ref(&customer.external_id)).await?;
    match owners.get(&customer.external_id) {
        Some(owner) if *owner != customer.id => Err(Error::exists(format!(
            "external_id {} belonged to customer {owner}, whose events still arrive under it: choose another, or archive that customer",
            customer.external_id
        ))
        .with("field", "external_id")
        .with("value", &customer.external_id)
        .with("id", owner)),
        _ => Ok(()),
    }
}

//! Customers: create, read, change, put away.

use std::sync::Arc;

use domain::customer::Customer;
use domain::ids::CustomerId;
use domain::invalid::require;
use domain::scope::{Scope, Status};
use domain::subscription::{Subscription, SubscriptionStatus};
use storage::{Condition, Value};

use crate::coherence::{Topic, count_look};
use crate::pending::AfterCommit;
use crate::{App, Context, Error, Pending, Result};

fn duplicate(external_id: &str) -> impl FnOnce() -> String + '_ {
    move || format!("a customer with external_id {external_id} exists already: use it, or choose another external_id")
}

impl App {
    /// Makes a customer. An external id that a published customer has is refused.
    pub async fn create_customer(&self, customer: Customer) -> Result<Pending<Customer>> {
        customer.validate()?;
        let mut work = self.database().begin().await?;
        storage::insert(&mut work, &customer)
            .await
            .map_err(Error::from)
            .map_err(|error| error.or_exists(duplicate(&customer.external_id)))?;
        Ok(Pending::new(self, work, customer))
    }

    /// A customer by id, whatever its status; from memory when it was read before.
    pub async fn customer(&self, scope: &Scope, id: &str) -> Result<Arc<Customer>> {
        let epoch = self.epochs(&[Topic::Customers(scope.clone())]).await?[0];
        let key = (scope.clone(), id.to_owned(), epoch);
        let known = self.shared.customers.get(&key);
        count_look("customers", known.is_some());
        if let Some(customer) = known {
            return Ok(customer);
        }
        // The guard keeps a concurrent change from leaving an old copy behind: it removes the placeholder, and the insert fails.
        match self.shared.customers.get_value_or_guard_async(&key).await {
            Ok(customer) => Ok(customer),
            Err(guard) => {
                let customer = Arc::new(self.get::<Customer>(scope, "customer", id).await?);
                let _ = guard.insert(Arc::clone(&customer));
                Ok(customer)
            }
        }
    }

    /// In this process; others hear of the change by the generation of the scope's customers.
    pub(crate) fn forget_customer(&self, scope: &Scope, id: &CustomerId) {
        if !self.shared.coherence.is_shared() {
            self.shared.customers.remove(&(scope.clone(), id.to_string(), 0));
        }
    }

    /// The external id under which a customer's events arrive.
    pub(crate) async fn external_id(&self, scope: &Scope, customer: &CustomerId) -> Result<String> {
        let customer = self.customer(scope, customer.as_str()).await?;
        if customer.external_id.is_empty() {
            return Err(Error::operation("the customer has no external_id, so it has no usage"));
        }
        Ok(customer.external_id.clone())
    }

    /// The published customer of an external id.
    pub async fn customer_by_external_id(&self, scope: &Scope, external_id: &str) -> Result<Customer> {
        let conditions = [Condition::Eq("external_id", Value::Text(external_id.to_owned())), Condition::eq("status", &Status::Published)];
        let found = storage::find(&mut self.database(), scope, &conditions).await?;
        found.ok_or_else(|| Error::not_found("customer with external_id", external_id))
    }

    /// Changes a customer. A new external id keeps the former one in `metadata.old_external_ids` (spec 30 §1).
    pub async fn update_customer(&self, context: &Context, id: &str, apply: impl FnOnce(&mut Customer)) -> Result<Pending<Customer>> {
        let change = |customer: &mut Customer| {
            let former = customer.external_id.clone();
            apply(customer);
            if customer.external_id != former {
                let kept = customer.metadata.entry("old_external_ids".to_owned()).or_default();
                *kept = if kept.is_empty() { former } else { format!("{kept},{former}") };
            }
            Ok(customer.validate()?)
        };
        let pending = self
            .change(context, "customer", id, change)
            .await
            .map_err(|error| error.or_exists(|| "another customer has this external_id already: choose another".to_owned()))?;
        let customer_id = pending.value().id.clone();
        Ok(pending.after(AfterCommit::Customer(context.scope.clone(), customer_id)))
    }

    /// Puts a customer away. Refused while a subscription of it is not cancelled; unknown or archived customers are not found.
    pub async fn delete_customer(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut work = self.database().begin().await?;
        let found: Option<Customer> = storage::get(&mut work, &context.scope, id).await?;
        let Some(mut customer) = found.filter(|customer| customer.audit.status == Status::Published) else {
            return Err(Error::not_found("customer", id));
        };
        let open = [
            Condition::Eq("customer_id", Value::Text(id.to_owned())),
            Condition::NotEq("subscription_status", Value::Text(SubscriptionStatus::Cancelled.to_string())),
            Condition::eq("status", &Status::Published),
        ];
        if storage::count::<Subscription>(&mut work, &context.scope, &open).await? > 0 {
            return Err(Error::operation("the customer has subscriptions that are not cancelled: cancel them first"));
        }
        customer.audit.status = Status::Archived;
        self.touch(context, &mut customer);
        storage::update(&mut work, &customer).await?;
        Ok(Pending::new(self, work, ()).after(AfterCommit::Customer(context.scope.clone(), customer.id)))
    }

    /// The customer that a request names by id, by external id, or by both when they agree.
    pub async fn resolve_customer(&self, scope: &Scope, id: Option<&str>, external_id: Option<&str>) -> Result<Customer> {
        let customer = match (id.filter(|id| !id.is_empty()), external_id.filter(|id| !id.is_empty())) {
            (Some(id), _) => (*self.customer(scope, id).await?).clone(),
            (None, Some(external_id)) => self.customer_by_external_id(scope, external_id).await?,
            (None, None) => return Err(Error::input("customer_id or external_customer_id is required")),
        };
        require(customer.audit.status == Status::Published, "the customer is archived")?;
        Ok(customer)
    }
}

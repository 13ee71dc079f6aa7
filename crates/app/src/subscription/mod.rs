//! Contracts: create, read, cancel, roll over, and what they have used (spec 30).

mod cancel;
mod create;
mod roll_over;
mod usage;

pub use create::NewSubscription;
pub use usage::{SubscriptionUsage, UsageCharge};

use domain::ids::{CustomerId, SubscriptionId};
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionLineItem};
use storage::{Condition, Source};

use crate::{App, Error, Result};

/// A subscription with its published lines.
#[derive(Clone, Debug)]
pub struct SubscriptionWithLines {
    /// The contract.
    pub subscription: Subscription,
    /// Its lines, oldest first.
    pub lines: Vec<SubscriptionLineItem>,
}

pub(crate) async fn lines_of(source: &mut impl Source, scope: &Scope, subscription: &SubscriptionId) -> Result<Vec<SubscriptionLineItem>> {
    Ok(storage::find_all(source, scope, &[Condition::eq("subscription_id", subscription)]).await?)
}

impl App {
    /// A subscription with its lines.
    pub async fn subscription(&self, scope: &Scope, id: &str) -> Result<SubscriptionWithLines> {
        let subscription: Subscription = self.get(scope, "subscription", id).await?;
        let lines = lines_of(&mut self.database(), scope, &subscription.id).await?;
        Ok(SubscriptionWithLines { subscription, lines })
    }

    /// The lines of several subscriptions, oldest first.
    pub async fn lines_of_subscriptions(&self, scope: &Scope, ids: &[SubscriptionId]) -> Result<Vec<SubscriptionLineItem>> {
        self.find_all(scope, &[Condition::one_of("subscription_id", ids)]).await
    }

    /// The external id under which a customer's events arrive.
    pub(crate) async fn external_id(&self, scope: &Scope, customer: &CustomerId) -> Result<String> {
        let customer = self.customer(scope, customer.as_str()).await?;
        if customer.external_id.is_empty() {
            return Err(Error::operation("the customer has no external_id, so it has no usage"));
        }
        Ok(customer.external_id.clone())
    }
}

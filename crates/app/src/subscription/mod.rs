//! Contracts: create, read, cancel, roll over, and what they have used (spec 30).

mod cancel;
mod create;
mod roll_over;
mod schedules;
mod usage;

pub use create::{InvoiceWithLines, NewSubscription};
pub use usage::{SubscriptionUsage, UsageCharge};

use domain::ids::SubscriptionId;
use domain::platform::{ActivityAction, EntityType, SystemEventName};
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionLineItem, SubscriptionSchedule};
use storage::{Condition, Source};

use crate::change::Entity;
use crate::{App, Result};

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

impl Entity for Subscription {
    const TYPE: EntityType = EntityType::Subscription;
    const NAME: &'static str = "subscription";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn event(&self, action: ActivityAction) -> Option<SystemEventName> {
        Some(match action {
            ActivityAction::Created => SystemEventName::SubscriptionCreated,
            ActivityAction::Updated | ActivityAction::Archived => SystemEventName::SubscriptionUpdated,
        })
    }
}

impl Entity for SubscriptionLineItem {
    const TYPE: EntityType = EntityType::Subscription;
    const NAME: &'static str = "subscription line item";

    fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl Entity for SubscriptionSchedule {
    const TYPE: EntityType = EntityType::Subscription;
    const NAME: &'static str = "subscription schedule";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn taken(&self) -> String {
        format!("a {} of the subscription is scheduled already: cancel its schedule first", self.schedule_type)
    }

    fn unique(&self) -> Option<(&'static str, &str)> {
        Some(("subscription_id", self.subscription_id.as_str()))
    }
}

impl App {
    /// A subscription with its lines.
    pub async fn subscription(&self, scope: &Scope, id: &str) -> Result<SubscriptionWithLines> {
        let subscription: Subscription = self.require(scope, id).await?;
        let lines = lines_of(&mut self.database(), scope, &subscription.id).await?;
        Ok(SubscriptionWithLines { subscription, lines })
    }

    /// The lines of several subscriptions, oldest first.
    pub async fn lines_of_subscriptions(&self, scope: &Scope, ids: &[SubscriptionId]) -> Result<Vec<SubscriptionLineItem>> {
        self.find_all(scope, &[Condition::one_of("subscription_id", ids)]).await
    }
}

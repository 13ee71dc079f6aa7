//! Which lines of a customer's contracts bill a meter.

use domain::ids::{CustomerId, MeterId};
use domain::rating::PriceType;
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionLineItem, SubscriptionStatus};
use domain::time::Timestamp;
use storage::Condition;

use crate::{App, Result};

/// Values of one condition: databases take a few ten thousand.
pub(crate) const VALUES_MAX: usize = 1_000;

impl App {
    /// The published usage lines on these meters, of active and trialing subscriptions of these customers; by start and id.
    pub(crate) async fn usage_lines(
        &self,
        scope: &Scope,
        customers: &[CustomerId],
        meters: &[MeterId],
    ) -> Result<Vec<SubscriptionLineItem>> {
        let mut lines = Vec::new();
        if meters.is_empty() {
            return Ok(lines);
        }
        let statuses = [SubscriptionStatus::Active, SubscriptionStatus::Trialing];
        for customers in customers.chunks(VALUES_MAX) {
            let conditions = [Condition::one_of("customer_id", customers), Condition::one_of("subscription_status", &statuses)];
            let subscriptions: Vec<Subscription> = self.find_all(scope, &conditions).await?;
            let ids: Vec<_> = subscriptions.into_iter().map(|subscription| subscription.id).collect();
            for ids in ids.chunks(VALUES_MAX) {
                let conditions = [
                    Condition::one_of("subscription_id", ids),
                    Condition::one_of("meter_id", meters),
                    Condition::eq("price_type", &PriceType::Usage),
                ];
                lines.extend(self.find_all::<SubscriptionLineItem>(scope, &conditions).await?);
            }
        }
        lines.sort_by(|a, b| (a.start_date, &a.id).cmp(&(b.start_date, &b.id)));
        Ok(lines)
    }
}

/// Whether a line is in force at an instant, as an invoice has it: its end belongs to the line that follows.
pub(crate) fn is_active_at(line: &SubscriptionLineItem, instant: Timestamp) -> bool {
    line.start_date <= instant && line.end_date.is_none_or(|end| instant < end)
}

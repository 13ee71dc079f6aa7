//! What is to happen to subscriptions on a date: calling it off, and what becomes of it when something else comes first (spec 30 §15).

use domain::ids::SubscriptionId;
use domain::scope::Scope;
use domain::subscription::{ScheduleStatus, ScheduleType, Scheduled, Subscription, SubscriptionSchedule};
use storage::{Condition, Source};

use super::create::plan_roll_over;
use crate::change::Change;
use crate::{App, Context, Error, Pending, Result};

/// Why what was pending is no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The contract has ended with its period: its cancellation was carried out.
    Ended,
    /// Another change of the contract came before.
    Superseded,
}

impl App {
    /// Calls a schedule off: the contract goes on as if it had not been made.
    pub async fn cancel_schedule(&self, context: &Context, id: &str) -> Result<Pending<SubscriptionSchedule>> {
        let known: SubscriptionSchedule = self.require(&context.scope, id).await?;
        self.call_off(context, &known.subscription_id, |schedule| schedule.id == known.id, || Error::not_found("subscription schedule", id))
            .await
    }

    /// Calls off what of a type is pending for a contract.
    pub async fn cancel_schedule_of(
        &self,
        context: &Context,
        subscription_id: &str,
        kind: ScheduleType,
    ) -> Result<Pending<SubscriptionSchedule>> {
        let is_meant =
            |schedule: &SubscriptionSchedule| schedule.schedule_type == kind && schedule.schedule_status == ScheduleStatus::Pending;
        let missing = || Error::not_found("pending schedule of subscription", subscription_id);
        self.call_off(context, &subscription_id.into(), is_meant, missing).await
    }

    async fn call_off(
        &self,
        context: &Context,
        subscription_id: &SubscriptionId,
        is_meant: impl Fn(&SubscriptionSchedule) -> bool,
        missing: impl FnOnce() -> Error,
    ) -> Result<Pending<SubscriptionSchedule>> {
        let scope = &context.scope;
        let now = self.now(scope);
        let mut change = self.begin(context).await?;
        // The contract before what hangs on it, as everywhere.
        let before: Subscription = change.require(subscription_id.as_str()).await?;
        let known = schedules_of(change.work(), scope, subscription_id).await?;
        let scheduled = known.into_iter().find(is_meant).ok_or_else(missing)?;
        let mut schedule = scheduled.clone();
        schedule.cancel(now)?;
        let mut subscription = before.clone();
        match &schedule.configuration {
            Scheduled::Cancellation(cancellation) => subscription.take_back_cancellation(cancellation)?,
        }
        subscription.version += 1;
        change.update(&scheduled, &mut schedule).await?;
        change.update(&before, &mut subscription).await?;
        plan_roll_over(&mut change, &subscription).await?;
        Ok(change.done(schedule))
    }
}

/// Settles what is pending for a contract that the caller holds.
pub(super) async fn settle_pending(change: &mut Change, subscription: &Subscription, outcome: Outcome) -> Result<()> {
    let scope = change.scope().clone();
    let now = change.audit().updated_at;
    for before in schedules_of(change.work(), &scope, &subscription.id).await? {
        if before.schedule_status != ScheduleStatus::Pending {
            continue;
        }
        let mut schedule = before.clone();
        match (outcome, before.schedule_type) {
            (Outcome::Ended, ScheduleType::Cancellation) => schedule.execute(now),
            (Outcome::Ended, ScheduleType::PlanChange) | (Outcome::Superseded, _) => schedule.supersede(now),
        }
        change.update(&before, &mut schedule).await?;
    }
    Ok(())
}

/// All schedules of a contract, oldest first.
async fn schedules_of(source: &mut impl Source, scope: &Scope, id: &SubscriptionId) -> Result<Vec<SubscriptionSchedule>> {
    Ok(storage::find_all(source, scope, &[Condition::eq("subscription_id", id)]).await?)
}

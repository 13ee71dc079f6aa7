//! What is to happen to a contract on a date, and can still be called off (spec 30 §§9.2, 15).

use std::collections::BTreeMap;

use super::{CancelRequest, CancellationType, Subscription, SubscriptionStatus};
use crate::ids::{IdGen, SubscriptionId, SubscriptionScheduleId};
use crate::invalid::Invalid;
use crate::scope::Audit;
use crate::time::Timestamp;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScheduleType {
    /// Another plan.
    PlanChange,
    /// The end.
    Cancellation,
}

text_enum!(ScheduleType { PlanChange = "plan_change", Cancellation = "cancellation" });

/// Where a schedule stands. All but the first two are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScheduleStatus {
    /// Its date has not come.
    Pending,
    /// It is being carried out.
    Executing,
    /// It was carried out.
    Executed,
    /// It was called off.
    Cancelled,
    /// It could not be carried out.
    Failed,
}

text_enum!(ScheduleStatus {
    Pending = "pending",
    Executing = "executing",
    Executed = "executed",
    Cancelled = "cancelled",
    Failed = "failed",
});

/// What was agreed on for the date, and what calling it off restores.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ScheduledCancellation {
    /// How the end was asked for.
    pub cancellation_type: CancellationType,
    /// Free text.
    pub reason: String,
    /// The contract's end before; open without.
    pub end_date: Option<Timestamp>,
    /// First instant of the period that ran when it was asked for.
    pub current_period_start: Timestamp,
    /// First instant after that period.
    pub current_period_end: Timestamp,
    /// Its metadata before.
    pub metadata: BTreeMap<String, String>,
}

/// What is to happen, with what it takes; written with its type, so that the next kind needs no other column.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "schedule_type", rename_all = "snake_case")]
pub enum Scheduled {
    /// The end of the contract.
    Cancellation(ScheduledCancellation),
}

/// Something that is to happen to a contract on a date. At most one of a type is pending for a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionSchedule {
    /// Identity.
    pub id: SubscriptionScheduleId,
    /// The contract.
    pub subscription_id: SubscriptionId,
    /// What is to happen.
    pub schedule_type: ScheduleType,
    /// Where it stands.
    pub schedule_status: ScheduleStatus,
    /// When it is to happen.
    pub scheduled_at: Timestamp,
    /// When it was carried out.
    pub executed_at: Option<Timestamp>,
    /// When it was called off.
    pub cancelled_at: Option<Timestamp>,
    /// What it takes to carry it out, or to call it off.
    pub configuration: Scheduled,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl SubscriptionSchedule {
    /// The cancellation of a contract as it was before it was asked for, to take effect on a date.
    pub fn cancellation(before: &Subscription, request: &CancelRequest, effective: Timestamp, audit: Audit, ids: &dyn IdGen) -> Self {
        Self {
            id: SubscriptionScheduleId::new(ids),
            subscription_id: before.id.clone(),
            schedule_type: ScheduleType::Cancellation,
            schedule_status: ScheduleStatus::Pending,
            scheduled_at: effective,
            executed_at: None,
            cancelled_at: None,
            configuration: Scheduled::Cancellation(ScheduledCancellation {
                cancellation_type: request.kind,
                reason: request.reason.clone(),
                end_date: before.end_date,
                current_period_start: before.current_period_start,
                current_period_end: before.current_period_end,
                metadata: before.metadata.clone(),
            }),
            audit,
        }
    }

    /// Whether it can still be called off: it is pending, and its date has not come.
    pub fn can_be_cancelled(&self, now: Timestamp) -> bool {
        self.schedule_status == ScheduleStatus::Pending && now < self.scheduled_at
    }

    /// Calls it off. Refused once its date has come, and when it is no longer pending.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), Invalid> {
        if !self.can_be_cancelled(now) {
            let message = match self.schedule_status {
                ScheduleStatus::Pending => format!("the schedule's date {} has come: it can no longer be called off", self.scheduled_at),
                status => format!("the schedule is {status}: only a pending one can be called off"),
            };
            return Err(Invalid::input(message).with("id", &self.id).with("status", self.schedule_status).with("value", self.scheduled_at));
        }
        self.supersede(now);
        Ok(())
    }

    /// Notes that something else came before it.
    pub fn supersede(&mut self, now: Timestamp) {
        self.schedule_status = ScheduleStatus::Cancelled;
        self.cancelled_at = Some(now);
    }

    /// Notes that it was carried out.
    pub fn execute(&mut self, at: Timestamp) {
        self.schedule_status = ScheduleStatus::Executed;
        self.executed_at = Some(at);
    }
}

impl Subscription {
    /// Takes a scheduled cancellation back: the contract goes on as if it had not been asked for, also when periods have turned since.
    ///
    /// # Errors
    /// A contract that has ended, and a period beyond the calendar.
    pub fn take_back_cancellation(&mut self, scheduled: &ScheduledCancellation) -> Result<(), Invalid> {
        if self.subscription_status == SubscriptionStatus::Cancelled {
            let message = "the subscription is cancelled: make a new one";
            return Err(Invalid::input(message).with("id", &self.id).with("status", self.subscription_status));
        }
        let cut = self.cancel_at == Some(self.current_period_end);
        self.cancel_at = None;
        self.cancelled_at = None;
        self.cancel_at_period_end = false;
        self.end_date = scheduled.end_date;
        if self.current_period_start == scheduled.current_period_start {
            self.current_period_end = scheduled.current_period_end;
        } else if cut {
            self.current_period_end = self.period_after(self.current_period_start)?.end;
        }
        for key in super::cancel::NOTES {
            match scheduled.metadata.get(key) {
                Some(value) => self.metadata.insert(key.to_owned(), value.clone()),
                None => self.metadata.remove(key),
            };
        }
        Ok(())
    }
}

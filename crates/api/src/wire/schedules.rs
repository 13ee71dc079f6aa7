//! What is to happen to subscriptions on a date, on the wire.

use std::collections::BTreeMap;

use domain::subscription::{ScheduleStatus, ScheduleType, Scheduled, SubscriptionSchedule};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::body::{List, Texts};

/// Which schedules, newest first.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = GetSchedulesQuery)]
pub(crate) struct ScheduleFilter {
    /// Only those whose date has not come and that were not called off.
    pub(crate) pending_only: Option<bool>,
    /// Of this subscription.
    pub(crate) subscription_id: Option<String>,
    /// Of any of these subscriptions.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) subscription_ids: Texts,
    /// Any of these ids.
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) schedule_ids: Texts,
    /// Of any of these types: plan_change, cancellation.
    #[schema(value_type = Vec<ScheduleType>, max_items = 2)]
    pub(crate) schedule_type: List<ScheduleType, 2>,
    /// In any of these: pending, executing, executed, cancelled, failed.
    #[schema(value_type = Vec<ScheduleStatus>, max_items = 5)]
    pub(crate) schedule_status: List<ScheduleStatus, 5>,
    /// Due at or after this instant.
    pub(crate) scheduled_at_start: Option<Timestamp>,
    /// Due at or before this instant.
    pub(crate) scheduled_at_end: Option<Timestamp>,
    /// Most schedules of the page: 1 to 1000; 50 without.
    pub(crate) limit: Option<i64>,
    /// Schedules before the page: 0 to 100000000; 0 without.
    pub(crate) offset: Option<i64>,
}

/// What is called off: a schedule, or what of a type is pending for a subscription.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct CancelScheduleRequest {
    /// The schedule; the path's where it names one.
    pub(crate) schedule_id: Option<String>,
    /// Whose pending schedule, where no schedule is named.
    pub(crate) subscription_id: Option<String>,
    /// Of which type, where no schedule is named: plan_change or cancellation.
    pub(crate) schedule_type: Option<ScheduleType>,
}

/// What was called off.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CancelScheduleResponse {
    /// Where the schedule stands now: cancelled.
    pub(crate) status: ScheduleStatus,
    /// For people.
    pub(crate) message: String,
}

/// A page of schedules.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = GetPendingSchedulesResponse)]
pub(crate) struct SchedulesResponse {
    /// Newest first.
    pub(crate) schedules: Vec<SubscriptionScheduleResponse>,
    /// How many there are in all.
    pub(crate) count: i64,
}

/// Something that is to happen to a subscription on a date.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SubscriptionScheduleResponse {
    /// `sched_` and a ULID.
    pub(crate) id: String,
    /// The subscription.
    pub(crate) subscription_id: String,
    /// plan_change or cancellation.
    pub(crate) schedule_type: ScheduleType,
    /// Where it stands.
    pub(crate) status: ScheduleStatus,
    /// When it is to happen.
    pub(crate) scheduled_at: Timestamp,
    /// Whole days until then; 0 once it has come.
    pub(crate) days_until_execution: i64,
    /// Whether it can still be called off.
    pub(crate) can_be_cancelled: bool,
    /// When it was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) executed_at: Option<Timestamp>,
    /// When it was called off, or something else came before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancelled_at: Option<Timestamp>,
    /// What was agreed on for the date, and what calling it off restores.
    #[schema(value_type = Object)]
    pub(crate) configuration: Map<String, Value>,
    /// What carrying it out did: empty before.
    #[schema(value_type = Object)]
    pub(crate) execution_result: Map<String, Value>,
    /// Why it could not be carried out; empty unless it failed.
    pub(crate) error_message: String,
    /// Free pairs: none so far.
    pub(crate) metadata: BTreeMap<String, String>,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it last changed.
    pub(crate) updated_at: Timestamp,
}

const DAY_MICROS: i64 = 86_400_000_000;

impl SubscriptionScheduleResponse {
    /// A schedule as it is seen at an instant.
    pub(crate) fn new(schedule: &SubscriptionSchedule, now: Timestamp) -> Self {
        let left = schedule.scheduled_at.micros().saturating_sub(now.micros()).max(0);
        let result = schedule.executed_at.map(|at| ("cancelled_at".to_owned(), Value::String(at.to_string())));
        Self {
            id: schedule.id.to_string(),
            subscription_id: schedule.subscription_id.to_string(),
            schedule_type: schedule.schedule_type,
            status: schedule.schedule_status,
            scheduled_at: schedule.scheduled_at,
            days_until_execution: left / DAY_MICROS,
            can_be_cancelled: schedule.can_be_cancelled(now),
            executed_at: schedule.executed_at,
            cancelled_at: schedule.cancelled_at,
            configuration: configuration(&schedule.configuration),
            execution_result: result.into_iter().collect(),
            error_message: String::new(),
            metadata: BTreeMap::new(),
            created_at: schedule.audit.created_at,
            updated_at: schedule.audit.updated_at,
        }
    }
}

fn configuration(scheduled: &Scheduled) -> Map<String, Value> {
    let Scheduled::Cancellation(cancellation) = scheduled;
    let text = |at: Option<Timestamp>| at.map_or(Value::Null, |at| Value::String(at.to_string()));
    [
        ("cancellation_type", Value::String(cancellation.cancellation_type.to_string())),
        ("reason", Value::String(cancellation.reason.clone())),
        ("original_end_date", text(cancellation.end_date)),
        ("original_current_period_start", text(Some(cancellation.current_period_start))),
        ("original_current_period_end", text(Some(cancellation.current_period_end))),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect()
}

//! The schedules on the server (spec 60 §15): made or brought up to date when a worker starts, whoever else does so at the same time.

use std::time::Duration;

use temporalio_client::schedules::{CreateScheduleOptions, ScheduleAction, ScheduleError, ScheduleOverlapPolicy, ScheduleSpec};
use temporalio_client::tonic::Code;
use tokio::time::sleep;

use super::piece::Scan;
use super::workflows::{ForgetIdempotencyAnswersWorkflow, ScheduleDraftFinalizationWorkflow, ScheduleSubscriptionBillingWorkflow};
use super::{EngineError, Queue, ScheduleOptions, TemporalClient};

/// Looks for due subscriptions and computations.
pub const SUBSCRIPTION_BILLING: &str = "subscription-billing";
/// Looks for drafts past their delay.
pub const DRAFT_FINALIZATION: &str = "draft-invoice-finalization";
/// Forgets old answers to idempotency keys.
pub const IDEMPOTENCY_EXPIRY: &str = "idempotency-answer-expiry";

/// All schedules of this build.
pub const ALL: [&str; 3] = [SUBSCRIPTION_BILLING, DRAFT_FINALIZATION, IDEMPOTENCY_EXPIRY];

/// Tries to write one schedule while other workers write it too.
const WRITES_MAX: u32 = 8;

impl TemporalClient {
    /// Makes the schedules, or overwrites what they do and when. A schedule that an operator paused stays paused.
    ///
    /// # Errors
    /// When the server does not take one.
    pub(super) async fn ensure_schedules(&self, options: &ScheduleOptions) -> Result<(), EngineError> {
        let queue = self.queue_name(Queue::Background);
        let scan = Scan { batch_size: options.batch_size, workflows_max: options.max_workflows_per_cron_run, started: 0, from: None };
        let id_of = |id: &str| self.schedule_id(id);
        let billing = ScheduleAction::start_workflow(
            ScheduleSubscriptionBillingWorkflow::run,
            scan.clone(),
            queue.clone(),
            id_of(SUBSCRIPTION_BILLING),
        );
        self.ensure_schedule(SUBSCRIPTION_BILLING, billing, options.subscription_billing_every).await?;
        let finalization =
            ScheduleAction::start_workflow(ScheduleDraftFinalizationWorkflow::run, scan, queue.clone(), id_of(DRAFT_FINALIZATION));
        self.ensure_schedule(DRAFT_FINALIZATION, finalization, options.draft_finalization_every).await?;
        let days = options.answers_kept_days;
        let expiry = ScheduleAction::start_workflow(ForgetIdempotencyAnswersWorkflow::run, days, queue, id_of(IDEMPOTENCY_EXPIRY));
        self.ensure_schedule(IDEMPOTENCY_EXPIRY, expiry, options.housekeeping_every).await
    }

    async fn ensure_schedule(&self, id: &str, action: ScheduleAction, every: Duration) -> Result<(), EngineError> {
        let spec = ScheduleSpec::from_interval(every);
        let mut pause = Duration::from_millis(50);
        let mut failure = None;
        for _ in 0..WRITES_MAX {
            match self.write_schedule(id, &action, &spec, every).await {
                Ok(()) => return Ok(()),
                Err(ScheduleError::Rpc(status)) if is_passing(status.code()) => failure = Some(status.to_string()),
                Err(error) => return Err(EngineError::refused(format!("write the schedule {id}"), error)),
            }
            sleep(pause).await;
            pause *= 2;
        }
        Err(EngineError::refused(format!("write the schedule {id}"), failure.unwrap_or_default()))
    }

    async fn write_schedule(&self, id: &str, action: &ScheduleAction, spec: &ScheduleSpec, every: Duration) -> Result<(), ScheduleError> {
        let id = self.schedule_id(id);
        let creation =
            CreateScheduleOptions::builder().action(action.clone()).spec(spec.clone()).overlap_policy(ScheduleOverlapPolicy::Skip).build();
        match self.raw().create_schedule(id.clone(), creation).await {
            Ok(_) => {}
            Err(ScheduleError::Rpc(status)) if status.code() == Code::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        // Also right after it was made: only an update can say how much of a past without server is caught up with.
        let (action, spec) = (action.clone(), spec.clone());
        let apply = move |update: &mut temporalio_client::schedules::ScheduleUpdate| {
            update.set_action(action).set_spec(spec).set_overlap_policy(ScheduleOverlapPolicy::Skip);
            // One look finds all that is due: looks that were missed are not made up for.
            update.set_catchup_window(every.max(Duration::from_secs(10)));
        };
        self.raw().get_schedule_handle(id).update(apply, temporalio_client::RpcOptions::default()).await
    }

    /// Takes the schedules off the server: for a prefix that is given up.
    ///
    /// # Errors
    /// When the server does not take it. Schedules that are gone already are none.
    pub async fn remove_schedules(&self) -> Result<(), EngineError> {
        for id in ALL {
            match self.raw().get_schedule_handle(self.schedule_id(id)).delete(Default::default()).await {
                Ok(()) => {}
                Err(ScheduleError::Rpc(status)) if status.code() == Code::NotFound => {}
                Err(error) => return Err(EngineError::refused(format!("delete the schedule {id}"), error)),
            }
        }
        Ok(())
    }
}

/// Another worker was writing, or the server was busy with the schedule it has just made.
fn is_passing(code: Code) -> bool {
    matches!(code, Code::FailedPrecondition | Code::Aborted | Code::NotFound | Code::Unavailable | Code::ResourceExhausted)
}

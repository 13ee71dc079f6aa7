//! The workflows of schedules, and how all are registered. Workflows are deterministic, without I/O and without a clock; whatever happens,
//! happens in activities. Changing one follows docs/recipes/change-a-workflow.md, because histories of the old code run on under the new.

use std::time::Duration;

use temporalio_common::{RetryPolicy, WorkflowDefinition};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};
use temporalio_sdk::{ActivityOptions, ContinueAsNewOptions, WorkerOptions, WorkflowContext, WorkflowRegistrationError, WorkflowResult};

use temporalio_workflow::workflows::WorkflowImplementation;

use super::activities::{Activities, HEARTBEAT_TIMEOUT};
use super::piece::{PageRequest, Scan, Scanned};
use super::table::{self, Entry, Scanner};

/// Pages of one run of a scan; then it continues as new, so that its history stays short.
const PAGES_PER_RUN: u32 = 20;

const MINUTE: Duration = Duration::from_secs(60);

/// Where workflows are registered: a worker or a replayer.
pub(super) trait Registry {
    /// Registers one.
    fn register<W: WorkflowImplementation>(&mut self) -> Result<(), WorkflowRegistrationError>
    where
        <W::Run as WorkflowDefinition>::Input: Send;
}

impl Registry for WorkerOptions {
    fn register<W: WorkflowImplementation>(&mut self) -> Result<(), WorkflowRegistrationError>
    where
        <W::Run as WorkflowDefinition>::Input: Send,
    {
        self.register_workflow::<W>().map(|_| ())
    }
}

impl Registry for WorkflowReplayerOptions {
    fn register<W: WorkflowImplementation>(&mut self) -> Result<(), WorkflowRegistrationError>
    where
        <W::Run as WorkflowDefinition>::Input: Send,
    {
        self.register_workflow::<W>().map(|_| ())
    }
}

/// Registers every workflow of this build.
pub(super) fn register_all(registry: &mut impl Registry) -> Result<(), WorkflowRegistrationError> {
    table::register_workflows(registry)?;
    registry.register::<ScheduleSubscriptionBillingWorkflow>()?;
    registry.register::<ScheduleDraftFinalizationWorkflow>()?;
    registry.register::<ForgetIdempotencyAnswersWorkflow>()
}

/// A replayer that knows all workflows of this build: for tests of recorded histories.
///
/// # Errors
/// When two workflows have one name.
pub fn replayer() -> Result<WorkflowReplayer, Box<dyn std::error::Error + Send + Sync>> {
    let mut options = WorkflowReplayerOptions::new().build();
    register_all(&mut options)?;
    Ok(WorkflowReplayer::new(options)?)
}

/// Looks for due subscriptions and due computations, and starts a workflow for each.
#[workflow]
#[derive(Default)]
pub struct ScheduleSubscriptionBillingWorkflow;

#[workflow_methods]
impl ScheduleSubscriptionBillingWorkflow {
    /// Scans the table of due work.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, scan: Scan) -> WorkflowResult<Scanned> {
        let after_pages = scan_pages(ctx, Scanner::SubscriptionBilling, scan).await?;
        if after_pages.from.is_some() {
            ctx.continue_as_new(after_pages.clone(), ContinueAsNewOptions::default())?;
        }
        Ok(Scanned { started: after_pages.started })
    }
}

/// Looks for drafts past their delay, and starts a workflow for each.
#[workflow]
#[derive(Default)]
pub struct ScheduleDraftFinalizationWorkflow;

#[workflow_methods]
impl ScheduleDraftFinalizationWorkflow {
    /// Scans the table of due work.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, scan: Scan) -> WorkflowResult<Scanned> {
        let after_pages = scan_pages(ctx, Scanner::DraftFinalization, scan).await?;
        if after_pages.from.is_some() {
            ctx.continue_as_new(after_pages.clone(), ContinueAsNewOptions::default())?;
        }
        Ok(Scanned { started: after_pages.started })
    }
}

/// Forgets old answers to idempotency keys.
#[workflow]
#[derive(Default)]
pub struct ForgetIdempotencyAnswersWorkflow;

#[workflow_methods]
impl ForgetIdempotencyAnswersWorkflow {
    /// Forgets answers older than so many days; returns how many.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, days: i64) -> WorkflowResult<u64> {
        Ok(ctx.execute_activity(Activities::forget_idempotency_answers, days, cron_options()).await?)
    }
}

/// Starts the work of at most [`PAGES_PER_RUN`] pages. What comes back has `from` when more is due and more may be started.
async fn scan_pages<W>(ctx: &WorkflowContext<W>, scanner: Scanner, mut scan: Scan) -> WorkflowResult<Scan> {
    for _ in 0..PAGES_PER_RUN {
        let left = if scan.workflows_max == 0 { u32::MAX } else { scan.workflows_max.saturating_sub(scan.started) };
        let limit = scan.batch_size.min(left);
        let request = PageRequest { kinds: scanner.kinds().map(|kind| kind.name().to_owned()).collect(), limit, from: scan.from.take() };
        let page = ctx.execute_activity(Activities::start_due_work, request, page_options()).await?;
        scan.started = scan.started.saturating_add(page.started);
        scan.from = page.next.filter(|_| scan.workflows_max == 0 || scan.started < scan.workflows_max);
        if scan.from.is_none() {
            break;
        }
    }
    Ok(scan)
}

/// For one piece of due work: pauses of 2 s, 4 s, at most a minute.
pub(super) fn piece_options(entry: &Entry) -> ActivityOptions {
    let retries = RetryPolicy::builder()
        .initial_interval(Duration::from_secs(2))
        .backoff_coefficient(2.0)
        .maximum_interval(MINUTE)
        .maximum_attempts(entry.attempts_max)
        .build();
    ActivityOptions::with_start_to_close_timeout(entry.timeout).heartbeat_timeout(entry.heartbeat_timeout).retry_policy(retries).build()
}

/// For a page of a scan, which takes seconds: what it started before it was cut off it does not start again. While a scan lives no other
/// begins, so it must not wait for longer than what it waits for: 2 s between three tries, then the schedule's next scan.
fn page_options() -> ActivityOptions {
    let retries = RetryPolicy::builder().initial_interval(Duration::from_secs(2)).backoff_coefficient(1.0).maximum_attempts(3).build();
    ActivityOptions::with_start_to_close_timeout(2 * MINUTE).heartbeat_timeout(HEARTBEAT_TIMEOUT).retry_policy(retries).build()
}

/// For what else schedules do: 30 minutes, three attempts, pauses of 10 s, 20 s, at most 5 minutes (spec 60 §15).
fn cron_options() -> ActivityOptions {
    let retries = RetryPolicy::builder()
        .initial_interval(Duration::from_secs(10))
        .backoff_coefficient(2.0)
        .maximum_interval(5 * MINUTE)
        .maximum_attempts(3)
        .build();
    ActivityOptions::with_start_to_close_timeout(30 * MINUTE).heartbeat_timeout(HEARTBEAT_TIMEOUT).retry_policy(retries).build()
}

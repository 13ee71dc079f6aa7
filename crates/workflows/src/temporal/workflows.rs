//! The workflows: deterministic, without I/O and without a clock; whatever happens, happens in activities. Changing one follows
//! docs/recipes/change-a-workflow.md, because histories of the old code run on under the new.

use std::time::Duration;

use temporalio_common::RetryPolicy;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ActivityOptions, ContinueAsNewOptions, WorkflowContext, WorkflowResult};

use super::activities::{Activities, HEARTBEAT_TIMEOUT};
use super::piece::{PageRequest, Piece, PieceOutcome, Scan, Scanned};
use super::route::Scanner;

/// Pages of one run of a scan; then it continues as new, so that its history stays short.
const PAGES_PER_RUN: u32 = 20;

const MINUTE: Duration = Duration::from_secs(60);

/// Turns the periods of one subscription. One attempt (spec 60 §15): what fails is put off, and a schedule finds it again.
#[workflow]
#[derive(Default)]
pub struct ProcessSubscriptionBillingWorkflow;

#[workflow_methods]
impl ProcessSubscriptionBillingWorkflow {
    /// Does the piece.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, piece: Piece) -> WorkflowResult<PieceOutcome> {
        Ok(ctx.execute_activity(Activities::process_subscription_billing, piece, piece_options(45 * MINUTE, 1)).await?)
    }
}

/// Computes one draft.
#[workflow]
#[derive(Default)]
pub struct ComputeInvoiceWorkflow;

#[workflow_methods]
impl ComputeInvoiceWorkflow {
    /// Does the piece.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, piece: Piece) -> WorkflowResult<PieceOutcome> {
        Ok(ctx.execute_activity(Activities::compute_invoice, piece, piece_options(10 * MINUTE, 3)).await?)
    }
}

/// Makes one draft final.
#[workflow]
#[derive(Default)]
pub struct FinalizeDraftInvoiceWorkflow;

#[workflow_methods]
impl FinalizeDraftInvoiceWorkflow {
    /// Does the piece.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, piece: Piece) -> WorkflowResult<PieceOutcome> {
        Ok(ctx.execute_activity(Activities::finalize_invoice, piece, piece_options(10 * MINUTE, 3)).await?)
    }
}

/// Reads the next past events for a meter; a short piece, and the schedule finds the one after it.
#[workflow]
#[derive(Default)]
pub struct BackfillMeterWorkflow;

#[workflow_methods]
impl BackfillMeterWorkflow {
    /// Does the piece.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, piece: Piece) -> WorkflowResult<PieceOutcome> {
        Ok(ctx.execute_activity(Activities::backfill_meter, piece, piece_options(10 * MINUTE, 3)).await?)
    }
}

/// Transforms the next raw objects of a run again; a short piece, and the schedule finds the one after it.
#[workflow]
#[derive(Default)]
pub struct ReprocessRawEventsWorkflow;

#[workflow_methods]
impl ReprocessRawEventsWorkflow {
    /// Does the piece.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, piece: Piece) -> WorkflowResult<PieceOutcome> {
        Ok(ctx.execute_activity(Activities::reprocess_raw_events, piece, piece_options(10 * MINUTE, 3)).await?)
    }
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
        let request = PageRequest { kinds: scanner.kinds(), limit, from: scan.from.take() };
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
fn piece_options(timeout: Duration, attempts_max: u32) -> ActivityOptions {
    let retries = RetryPolicy::builder()
        .initial_interval(Duration::from_secs(2))
        .backoff_coefficient(2.0)
        .maximum_interval(MINUTE)
        .maximum_attempts(attempts_max)
        .build();
    ActivityOptions::with_start_to_close_timeout(timeout).heartbeat_timeout(HEARTBEAT_TIMEOUT).retry_policy(retries).build()
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

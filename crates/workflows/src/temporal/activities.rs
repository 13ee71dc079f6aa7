//! Activities: one idempotent use case each, kept alive by heartbeats, with failures noted where an operator sees them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use app::Error;
use app::due_work::{Again, DueWork, Kind, Outcome};
use domain::time::Timestamp;
use temporalio_macros::activities;
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::time::{MissedTickBehavior, interval};

use super::TemporalClient;
use super::client::Urgency;
use super::piece::{PageRequest, PageStarted, Piece, PieceOutcome, ScanPosition};
use super::work::Work;

/// An activity that is silent for this long is lost with its worker, and tried again elsewhere if it has attempts left.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);
/// Several fit into the time-out, so that a late one costs nothing.
pub(super) const HEARTBEAT_EVERY: Duration = Duration::from_secs(2);

/// The activities of schedules.
pub(crate) struct Activities {
    pub(super) work: Arc<dyn Work>,
    pub(super) client: TemporalClient,
}

/// The activities of due work: one for each row of the table, which differ by name alone.
pub(crate) struct PieceActivities {
    pub(super) work: Arc<dyn Work>,
}

#[activities]
impl Activities {
    /// Starts a workflow for each piece of a page of due work.
    #[activity(name = "StartDueWork")]
    pub(crate) async fn start_due_work(self: Arc<Self>, ctx: ActivityContext, request: PageRequest) -> Result<PageStarted, ActivityError> {
        observed(&ctx, self.start_page(request)).await?.map_err(|error| failure(&error))
    }

    /// Forgets answers to idempotency keys that are older than so many days; returns how many.
    #[activity(name = "ForgetIdempotencyAnswers")]
    pub(crate) async fn forget_idempotency_answers(self: Arc<Self>, ctx: ActivityContext, days: i64) -> Result<u64, ActivityError> {
        observed(&ctx, self.work.forget_answers(days)).await?.map_err(|error| failure(&error))
    }
}

impl Activities {
    /// A repetition after a failure half-way starts only what is missing: the rest is known by its id.
    async fn start_page(&self, request: PageRequest) -> Result<PageStarted, Error> {
        let until = request.from.as_ref().map_or_else(|| self.work.now(), |from| Timestamp::from_micros(from.until_micros));
        let after = request.from.as_ref().map(ScanPosition::due_position);
        // A scan that a newer release began may ask for kinds that this one does not know.
        let kinds: Vec<Kind> = request.kinds.iter().filter_map(|name| Kind::named(name)).collect();
        // A scan begins with fair turns and then reads all from the beginning: what it may start is not used up by one environment's backlog.
        let due = match &after {
            None => self.work.due_in_turns(&kinds, until, i64::from(request.limit)).await?,
            Some(after) => self.work.due_page(&kinds, until, Some(after), i64::from(request.limit)).await?,
        };
        let started = self.client.start_all(&due, Urgency::Scheduled).await.map_err(|error| Error::Unavailable(error.to_string()))?;
        let full = u32::try_from(due.len()).is_ok_and(|rows| rows >= request.limit);
        let next = due.last().filter(|_| full).map(|last| match &after {
            None => ScanPosition::start(until),
            Some(_) => ScanPosition { until_micros: until.micros(), after: last.into() },
        });
        Ok(PageStarted { started: started.started, known: started.known, next })
    }
}

impl PieceActivities {
    /// Does one piece, and notes why it fails.
    pub(super) async fn run(&self, ctx: &ActivityContext, piece: Piece) -> Result<PieceOutcome, ActivityError> {
        let found = DueWork::from(piece);
        let error = match observed(ctx, self.work.run(&found)).await? {
            Ok(Outcome::Done) => return Ok(PieceOutcome::Done),
            Ok(Outcome::Gone) => return Ok(PieceOutcome::Gone),
            // The row stays. The workflow must not end well under its id, or nobody could start it once the clock is taken away.
            Ok(Outcome::OwnClock) => return Err(own_clock(&found)),
            Err(error) => error,
        };
        let again = if refused(&error) || is_last_attempt(ctx) { Again::Later } else { Again::InPlace };
        if let Err(unnoted) = self.work.failed(&found, &error, again).await {
            tracing::error!(error = %unnoted, id = found.id, "a failure of due work cannot be noted");
        }
        Err(failure(&error))
    }
}

/// Runs a use case with heartbeats and measures it. A worker that stops, or a workflow that is cancelled, drops the use case, whose unit
/// of work rolls back.
async fn observed<T>(ctx: &ActivityContext, work: impl Future<Output = Result<T, Error>>) -> Result<Result<T, Error>, ActivityError> {
    let info = ctx.info();
    let labels = [("activity_type", info.activity_type.clone()), ("task_queue", info.task_queue.clone())];
    if let Some(waited) = waited(info.current_attempt_scheduled_time, info.started_time) {
        metrics::histogram!("flexprice_activity_schedule_to_start_seconds", &labels).record(waited);
    }
    let running = metrics::gauge!("flexprice_activities_running", &labels);
    running.increment(1.0);
    let began = tokio::time::Instant::now();
    let done = kept_alive(ctx, work).await;
    running.decrement(1.0);
    metrics::histogram!("flexprice_activity_duration_seconds", &labels).record(began.elapsed().as_secs_f64());
    let outcome = match &done {
        Ok(Ok(_)) => "done",
        Ok(Err(_)) => "failed",
        Err(_) => "cancelled",
    };
    let [activity_type, task_queue] = labels;
    metrics::counter!("flexprice_activities_total", &[activity_type, task_queue, ("outcome", outcome.to_owned())]).increment(1);
    done
}

async fn kept_alive<T>(ctx: &ActivityContext, work: impl Future<Output = T>) -> Result<T, ActivityError> {
    let mut work = std::pin::pin!(work);
    let mut beats = interval(HEARTBEAT_EVERY);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = ctx.cancelled() => return Err(ActivityError::cancelled()),
            _ = beats.tick() => ctx.record_heartbeat(()).await?,
        }
    }
}

/// Seconds for which this attempt lay on its queue: by the server's clock alone.
fn waited(scheduled: Option<SystemTime>, started: Option<SystemTime>) -> Option<f64> {
    started?.duration_since(scheduled?).ok().map(|waited| waited.as_secs_f64())
}

fn is_last_attempt(ctx: &ActivityContext) -> bool {
    let attempts_max = ctx.info().retry_policy.as_ref().map_or(0, temporalio_common::RetryPolicy::maximum_attempts);
    attempts_max != 0 && ctx.info().attempt >= attempts_max
}

/// Whether trying again at once would end the same way.
fn refused(error: &Error) -> bool {
    match error {
        Error::NotFound { .. }
        | Error::AlreadyExists { .. }
        | Error::Invalid(_)
        | Error::PermissionDenied(_)
        | Error::NotImplemented { .. } => true,
        Error::VersionConflict { .. }
        | Error::TooManyRequests(_)
        | Error::Unavailable(_)
        | Error::IdempotencyRace
        | Error::IdempotencyInProgress
        | Error::Internal(_) => false,
    }
}

/// The name under which the server shows a failure.
fn type_name(error: &Error) -> &'static str {
    match error {
        Error::NotFound { .. } => "NotFound",
        Error::AlreadyExists { .. } => "AlreadyExists",
        Error::VersionConflict { .. } => "VersionConflict",
        Error::Invalid(_) => "Invalid",
        Error::PermissionDenied(_) => "PermissionDenied",
        Error::NotImplemented { .. } => "NotImplemented",
        Error::TooManyRequests(_) => "TooManyRequests",
        Error::Unavailable(_) => "Unavailable",
        Error::IdempotencyRace => "IdempotencyRace",
        Error::IdempotencyInProgress => "IdempotencyInProgress",
        Error::Internal(_) => "Internal",
    }
}

fn failure(error: &Error) -> ActivityError {
    let failed =
        ApplicationFailure::builder(error.to_string()).type_name(type_name(error).to_owned()).non_retryable(refused(error)).build();
    ActivityError::application(failed)
}

fn own_clock(found: &DueWork) -> ActivityError {
    let message = format!("{} waits for the clock of its environment, which alone runs it", found.id);
    ActivityError::application(ApplicationFailure::builder(message).type_name("OwnClock".to_owned()).non_retryable(true).build())
}

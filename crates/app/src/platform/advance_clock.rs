//! The clock of a sandbox: set it, advance it, take it away (DESIGN decision 6).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::EnvironmentId;
use domain::invalid::Invalid;
use domain::scope::Scope;
use domain::time::{Clock, Timestamp};
use storage::clocks::Advancing;
use storage::records::EnvironmentType;

use crate::coherence::Topic;
use crate::due_work::Kind;
use crate::invoice::UsageAhead;
use crate::{App, Context, Error, Result};

/// Most pieces of work that one advance runs, where the caller allows no fewer: a few minutes.
pub const ADVANCE_WORK_MAX: u64 = 100_000;
/// So often an advance notes how much has run, besides with each move of the clock.
const NOTED_EVERY: u64 = 16;

/// Where a clock stands, and what ran on the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// The environment's present instant.
    pub now: Timestamp,
    /// Whether the environment has a clock of its own.
    pub own: bool,
    /// Pieces of due work that ran; only of an advance.
    pub ran: u64,
    /// Where an advance was to come, while it is under way or when it ended before.
    pub advancing_to: Option<Timestamp>,
    /// Why an advance ended before it was there.
    pub stopped: Option<Stopped>,
}

/// Why an advance ended before it was where it should come. A repetition goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Someone asked for it.
    Cancelled,
    /// As much work as was allowed has run.
    Limit,
    /// Whoever asked for it has gone away.
    CallerLeft,
}

/// One advance at a time in each environment; those of others go on beside it.
#[derive(Default)]
pub(crate) struct Advances(Mutex<HashMap<EnvironmentId, Arc<tokio::sync::Mutex<()>>>>);

impl Advances {
    fn of(&self, environment: &EnvironmentId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(environment.clone()).or_default())
    }
}

/// Tells an advance that nobody waits for its answer any more.
struct Caller(Arc<AtomicBool>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// An advance that is asked for.
struct Advance {
    scope: Scope,
    to: Timestamp,
    work_max: u64,
    has_left: Arc<AtomicBool>,
}

impl ClockState {
    const fn at(now: Timestamp, own: bool) -> Self {
        Self { now, own, ran: 0, advancing_to: None, stopped: None }
    }
}

impl App {
    /// Where an environment's clock stands; during an advance, by whichever process, how far that has come.
    pub async fn clock_state(&self, context: &Context, environment: &str) -> Result<ClockState> {
        let environment = self.environment(context, environment)?;
        if self.clocks().own(&environment.id).is_some()
            && let Some(Advancing { now, to, ran, .. }) = storage::clocks::advancing(&mut self.database(), &environment.audit.scope).await?
        {
            let ran = u64::try_from(ran).unwrap_or(0);
            return Ok(ClockState { ran, advancing_to: Some(to), ..ClockState::at(now, true) });
        }
        let own = self.clocks().own(&environment.id).is_some();
        Ok(ClockState::at(self.clocks().now(&environment.id), own))
    }

    /// Sets a sandbox's clock, forward or back. Nothing runs; what is due runs with the next advance.
    pub async fn set_clock(&self, context: &Context, environment: &str, instant: Timestamp) -> Result<ClockState> {
        let scope = self.sandbox(context, environment)?;
        let alone = self.shared.advances.of(&scope.environment_id);
        let _alone = alone.lock().await;
        self.store_clock(&scope, instant).await?;
        tracing::info!(environment, user_id = %context.user_id, to = %instant, "clock set");
        Ok(ClockState::at(instant, true))
    }

    /// Takes a sandbox's clock away: it follows the system again.
    pub async fn remove_clock(&self, context: &Context, environment: &str) -> Result<ClockState> {
        let scope = self.sandbox(context, environment)?;
        let alone = self.shared.advances.of(&scope.environment_id);
        let _alone = alone.lock().await;
        let _writing = self.clocks().writing.lock().await;
        let mut work = self.database().begin().await?;
        storage::clocks::remove(&mut work, &scope).await?;
        self.commit_change(work, &[Topic::Clocks]).await?;
        self.clocks().remove(&scope.environment_id);
        tracing::info!(environment, user_id = %context.user_id, "clock removed");
        Ok(ClockState::at(self.clocks().system_now(), false))
    }

    /// Advances a sandbox's clock and runs, in order of their due times, all work that falls due on the way; each piece sees the
    /// clock at its due time. Work that fails stops the advance where it is, so that a repetition goes on from there; likewise when it is
    /// cancelled, when the caller goes away, and after `work_max` pieces. A piece that runs is done first. All events accepted before are
    /// counted first.
    pub async fn advance_clock(&self, context: &Context, environment: &str, to: Timestamp, work_max: u64) -> Result<ClockState> {
        let scope = self.sandbox(context, environment)?;
        tracing::info!(environment, user_id = %context.user_id, %to, "clock advancing");
        let has_left = Arc::new(AtomicBool::new(false));
        let _caller = Caller(Arc::clone(&has_left));
        let (app, asked) = (self.clone(), Advance { scope, to, work_max, has_left });
        // A task of its own, so that no piece of work is cut off.
        let advance = tokio::spawn(async move { app.advance(&asked).await });
        advance.await.map_err(|error| Error::Internal(format!("the advance was lost: {error}")))?
    }

    /// Asks the advance that is under way to stop, by whichever process; it answers its caller where it is. Refused when there is none.
    pub async fn cancel_advance(&self, context: &Context, environment: &str) -> Result<ClockState> {
        let scope = self.sandbox(context, environment)?;
        let mut work = self.database().begin().await?;
        if !storage::clocks::cancel_advance(&mut work, &scope).await? {
            return Err(Invalid::operation("no advance of the environment's clock is under way").with("id", environment).into());
        }
        work.commit().await?;
        tracing::info!(environment, user_id = %context.user_id, "clock advance cancelled");
        self.clock_state(context, environment).await
    }

    async fn advance(&self, asked: &Advance) -> Result<ClockState> {
        let Advance { scope, to, .. } = asked;
        let alone = self.shared.advances.of(&scope.environment_id);
        let _alone = alone.lock().await;
        let Some(now) = self.clocks().own(&scope.environment_id) else {
            let message = "the environment has no clock of its own: set one first with PUT";
            return Err(Invalid::operation(message).with("id", &scope.environment_id).into());
        };
        if *to < now {
            let message = format!("to lies before the environment's present {now}: set the clock to go back");
            return Err(Invalid::field("to", message).with("value", to).with("limit", now).into());
        }
        let mut work = self.database().begin().await?;
        storage::clocks::begin_advance(&mut work, scope, *to).await?;
        work.commit().await?;
        let advanced = self.run_until(asked, now).await;
        let mut work = self.database().begin().await?;
        storage::clocks::end_advance(&mut work, scope).await?;
        work.commit().await?;
        if let Ok(ClockState { now, ran, stopped: Some(why), .. }) = &advanced {
            tracing::info!(environment = %scope.environment_id, %now, %to, ran, ?why, "clock advance ended early");
        }
        advanced
    }

    /// Runs what falls due until the clock is where it should come.
    async fn run_until(&self, asked: &Advance, mut now: Timestamp) -> Result<ClockState> {
        let Advance { scope, to, work_max, has_left } = asked;
        let early = |now, ran, why| ClockState { ran, advancing_to: Some(*to), stopped: Some(why), ..ClockState::at(now, true) };
        self.settle_events().await?;
        let (mut ran, mut ahead) = (0, UsageAhead::default());
        while let Some(due) = storage::due_work::earliest(&mut self.database(), scope, *to).await? {
            if has_left.load(Ordering::Acquire) {
                return Ok(early(now, ran, Stopped::CallerLeft));
            }
            if ran >= *work_max {
                return Ok(early(now, ran, Stopped::Limit));
            }
            if storage::clocks::advancing(&mut self.database(), scope).await?.is_some_and(|advancing| advancing.is_cancelled) {
                return Ok(early(now, ran, Stopped::Cancelled));
            }
            if due.due_at > now {
                self.move_clock(scope, now, due.due_at, ran).await?;
                now = due.due_at;
            } else if ran % NOTED_EVERY == 0 {
                let mut work = self.database().begin().await?;
                storage::clocks::note_advance(&mut work, scope, noted(ran)).await?;
                work.commit().await?;
            }
            if Kind::of(&due) == Some(Kind::ComputeInvoice) && !ahead.covers(&due) {
                ahead = self.read_usage_ahead(scope, *to).await?;
            }
            if let Err(error) = self.run_counted(&due, &ahead).await {
                tracing::error!(%error, id = due.id, "due work failed during an advance");
                return Err(match error {
                    Error::Unavailable(_) => error,
                    _ => Error::Internal(format!("{} failed at {now}: {error}", due.id)),
                });
            }
            ran += 1;
        }
        self.move_clock(scope, now, *to, ran).await?;
        Ok(ClockState { ran, ..ClockState::at(*to, true) })
    }

    async fn store_clock(&self, scope: &Scope, instant: Timestamp) -> Result<()> {
        let _writing = self.clocks().writing.lock().await;
        let mut work = self.database().begin().await?;
        storage::clocks::set(&mut work, scope, instant).await?;
        self.commit_change(work, &[Topic::Clocks]).await?;
        self.clocks().set(&scope.environment_id, instant);
        Ok(())
    }

    /// Moves a clock, unless another process has moved it meanwhile: two advances at once would each bill at times of their own.
    async fn move_clock(&self, scope: &Scope, from: Timestamp, to: Timestamp, ran: u64) -> Result<()> {
        let _writing = self.clocks().writing.lock().await;
        let mut work = self.database().begin().await?;
        if !storage::clocks::move_on(&mut work, scope, from, to).await? {
            let message = format!("the clock no longer stands at {from}: another request moves it; ask where it is");
            return Err(Error::conflict(message).with("id", &scope.environment_id).with("value", from));
        }
        storage::clocks::note_advance(&mut work, scope, noted(ran)).await?;
        self.commit_change(work, &[Topic::Clocks]).await?;
        self.clocks().set(&scope.environment_id, to);
        Ok(())
    }

    /// Reads all clocks, as other processes left them.
    pub(crate) async fn load_clocks(&self, epoch: u64) -> Result<()> {
        let _writing = self.clocks().writing.lock().await;
        let clocks = storage::clocks::all(&mut self.database()).await?;
        self.clocks().replace(clocks.into_iter().collect(), epoch);
        Ok(())
    }

    fn sandbox(&self, context: &Context, id: &str) -> Result<Scope> {
        let environment = self.environment(context, id)?;
        if environment.kind == EnvironmentType::Production {
            return Err(Error::conflict("a production environment follows the system's clock: use a sandbox").with("id", id));
        }
        Ok(environment.audit.scope.clone())
    }
}

fn noted(ran: u64) -> i64 {
    i64::try_from(ran).unwrap_or(i64::MAX)
}

//! The clock of a sandbox: set it, advance it, take it away (DESIGN decision 6).

use domain::scope::Scope;
use domain::time::{Clock, Timestamp};
use storage::records::EnvironmentType;

use crate::coherence::Topic;
use crate::{App, Context, Error, Result};

/// Where a clock stands, and what ran on the way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// The environment's present instant.
    pub now: Timestamp,
    /// Whether the environment has a clock of its own.
    pub own: bool,
    /// Pieces of due work that ran; only after an advance.
    pub ran: u64,
}

impl App {
    /// Where an environment's clock stands.
    pub fn clock_state(&self, context: &Context, environment: &str) -> Result<ClockState> {
        let environment = self.environment(context, environment)?;
        let own = self.clocks().own(&environment.id).is_some();
        Ok(ClockState { now: self.clocks().now(&environment.id), own, ran: 0 })
    }

    /// Sets a sandbox's clock, forward or back. Nothing runs; what is due runs with the next advance.
    pub async fn set_clock(&self, context: &Context, environment: &str, instant: Timestamp) -> Result<ClockState> {
        let scope = self.sandbox(context, environment)?;
        let _alone = self.shared.advancing.lock().await;
        self.store_clock(&scope, instant).await?;
        tracing::info!(environment, user_id = %context.user_id, to = %instant, "clock set");
        Ok(ClockState { now: instant, own: true, ran: 0 })
    }

    /// Takes a sandbox's clock away: it follows the system again.
    pub async fn remove_clock(&self, context: &Context, environment: &str) -> Result<ClockState> {
        let scope = self.sandbox(context, environment)?;
        let _alone = self.shared.advancing.lock().await;
        let _writing = self.clocks().writing.lock().await;
        let mut work = self.database().begin().await?;
        storage::clocks::remove(&mut work, &scope).await?;
        self.commit_change(work, &[Topic::Clocks]).await?;
        self.clocks().remove(&scope.environment_id);
        tracing::info!(environment, user_id = %context.user_id, "clock removed");
        Ok(ClockState { now: self.clocks().system_now(), own: false, ran: 0 })
    }

    /// Advances a sandbox's clock and runs, in order of their due times, all work that falls due on the way; each piece sees the
    /// clock at its due time. Work that fails stops the advance where it is, so that a repetition goes on from there. A caller that
    /// goes away does not stop it. All events accepted before are counted first.
    pub async fn advance_clock(&self, context: &Context, environment: &str, to: Timestamp) -> Result<ClockState> {
        let scope = self.sandbox(context, environment)?;
        tracing::info!(environment, user_id = %context.user_id, %to, "clock advancing");
        let app = self.clone();
        let advance = tokio::spawn(async move { app.advance(&scope, to).await });
        advance.await.map_err(|error| Error::Internal(format!("the advance was lost: {error}")))?
    }

    async fn advance(&self, scope: &Scope, to: Timestamp) -> Result<ClockState> {
        let _alone = self.shared.advancing.lock().await;
        let Some(mut now) = self.clocks().own(&scope.environment_id) else {
            return Err(Error::operation("the environment has no clock of its own: set one first with PUT"));
        };
        if to < now {
            return Err(Error::input(format!("to lies before the environment's present {now}: set the clock to go back")));
        }
        self.settle_events().await?;
        let mut ran = 0;
        while let Some(due) = storage::due_work::earliest(&mut self.database(), scope, to).await? {
            if due.due_at > now {
                self.move_clock(scope, now, due.due_at).await?;
                now = due.due_at;
            }
            if let Err(error) = self.run_counted(&due).await {
                tracing::error!(%error, id = due.id, "due work failed during an advance");
                return Err(match error {
                    Error::Unavailable(_) => error,
                    _ => Error::Internal(format!("{} failed at {now}: {error}", due.id)),
                });
            }
            ran += 1;
        }
        self.move_clock(scope, now, to).await?;
        Ok(ClockState { now: to, own: true, ran })
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
    async fn move_clock(&self, scope: &Scope, from: Timestamp, to: Timestamp) -> Result<()> {
        let _writing = self.clocks().writing.lock().await;
        let mut work = self.database().begin().await?;
        if !storage::clocks::move_on(&mut work, scope, from, to).await? {
            return Err(Error::VersionConflict(format!("the clock no longer stands at {from}: another request moves it; ask where it is")));
        }
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
            return Err(Error::VersionConflict("a production environment follows the system's clock: use a sandbox".into()));
        }
        Ok(environment.audit.scope.clone())
    }
}

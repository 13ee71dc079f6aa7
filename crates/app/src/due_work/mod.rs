//! Due work: found by its due time, done by an idempotent use case (DESIGN decision 7).
//!
//! Two things drive it: the in-process runner asks for everything that is due ([`App::run_all_due`]); a workflow engine reads pages
//! ([`App::due_page`]), does each piece on its own ([`App::run_planned`]) and says how it failed ([`App::due_work_failed`]).

mod kind;
mod plan;

pub use kind::Kind;
pub(crate) use plan::{cancel, plan, planned};
pub use storage::due_work::{DuePosition, DueWork};

use domain::time::{Clock, Timestamp};

use crate::invoice::UsageAhead;
use crate::{App, Error, Result};

/// Longest pause between two tries of failing work, in seconds.
const RETRY_SECONDS_MAX: i64 = 3_600;
/// The same when the failure passes by itself.
const PASSING_RETRY_SECONDS_MAX: i64 = 20;

/// What became of a piece of work that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was done or moved by someone else, or is no longer wanted.
    Gone,
    /// It stays planned: its environment has a clock of its own by now, which alone runs its work.
    OwnClock,
}

/// When failed work may be found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It stays where it is: whoever tried tries again by itself.
    InPlace,
    /// After a pause that grows with each failure: to an hour, or to 20 seconds when nothing is wrong with the work itself.
    Later,
}

impl App {
    /// Does one piece of work; kinds that fix usage wait until all events that were accepted before are counted. Done twice, it changes
    /// nothing.
    pub async fn run_due_work(&self, due: &DueWork) -> Result<()> {
        if Kind::of(due).is_some_and(Kind::waits_for_events) {
            self.settle_events().await?;
        }
        self.run_counted(due, &UsageAhead::default()).await
    }

    /// The same for a caller who has waited for the events already.
    pub(crate) async fn run_counted(&self, due: &DueWork, ahead: &UsageAhead) -> Result<()> {
        let kind = Kind::of(due).ok_or_else(|| Error::Internal(format!("`{}` is no known kind of due work", due.kind)))?;
        match kind {
            Kind::RollOverSubscription => self.roll_over(&due.scope, &due.entity_id).await,
            Kind::ComputeInvoice => self.compute_due_invoice(&due.scope, &due.entity_id, ahead).await,
            Kind::FinalizeInvoice => self.finalize_due_invoice(&due.scope, &due.entity_id).await,
            Kind::BackfillMeter => self.run_backfill(due).await,
            Kind::ReprocessRawEvents => self.run_reprocess(due).await,
        }
    }

    /// Does what is due now in environments that follow the system's clock, in fair turns, at most `limit` pieces; returns how many
    /// were tried. Work that fails is put off and tried again, longer and longer after.
    pub async fn run_all_due(&self, limit: i64) -> Result<usize> {
        self.refresh_platform().await?;
        let due = storage::due_work::due(&mut self.database(), self.clocks().system_now(), limit).await?;
        for work in &due {
            let Err(error) = self.run_due_work(work).await else { continue };
            self.due_work_failed(work, &error, Again::Later).await?;
        }
        Ok(due.len())
    }

    /// Work of these kinds that is due by `until` in environments that follow the system's clock: the earliest of each environment, then the
    /// second of each, and so on, so that no environment waits for another's backlog.
    pub async fn due_in_turns(&self, kinds: &[Kind], until: Timestamp, limit: i64) -> Result<Vec<DueWork>> {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        Ok(storage::due_work::due_in_turns(&mut self.database(), until, &names, limit).await?)
    }

    /// A page of work of these kinds that is due by `until` in environments that follow the system's clock, after a position, earliest
    /// first.
    pub async fn due_page(&self, kinds: &[Kind], until: Timestamp, after: Option<&DuePosition>, limit: i64) -> Result<Vec<DueWork>> {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        Ok(storage::due_work::due_page(&mut self.database(), until, &names, after, limit).await?)
    }

    /// Does one piece of work if it is still planned as it was found: for drivers between whose finding and doing time passes.
    ///
    /// # Errors
    /// Those of the use case; and `Internal` when the work is still planned for the same instant after it was done, for then it would
    /// be found and done for ever.
    pub async fn run_planned(&self, found: &DueWork) -> Result<Outcome> {
        if !self.still_planned(found).await? {
            return Ok(Outcome::Gone);
        }
        // Another process may have set or removed the clock.
        self.refresh_platform().await?;
        if self.clocks().own(&found.scope.environment_id).is_some() {
            return Ok(Outcome::OwnClock);
        }
        self.run_due_work(found).await?;
        if self.still_planned(found).await? {
            return Err(Error::Internal(format!("{} was done and is still planned for {}", found.id, found.due_at)));
        }
        Ok(Outcome::Done)
    }

    async fn still_planned(&self, found: &DueWork) -> Result<bool> {
        let planned = storage::due_work::planned_as(&mut self.database(), &found.scope, &found.id).await?;
        Ok(planned.is_some_and(|planned| planned.due_at == found.due_at))
    }

    /// Notes a failure where an operator sees it. Work that was done or moved meanwhile is left alone.
    pub async fn due_work_failed(&self, found: &DueWork, error: &Error, again: Again) -> Result<()> {
        // A newer release may plan kinds that this one does not know.
        let kind = Kind::of(found).map_or("other", Kind::name);
        metrics::counter!("flexprice_due_work_failures_total", "kind" => kind).increment(1);
        let mut unit = self.database().begin().await?;
        let planned = storage::due_work::planned_as(&mut unit, &found.scope, &found.id).await?;
        let Some(planned) = planned.filter(|planned| planned.due_at == found.due_at) else {
            tracing::warn!(%error, id = found.id, "due work failed that is no longer planned");
            return Ok(());
        };
        let again_at = match again {
            Again::InPlace => planned.due_at,
            Again::Later => self.clocks().system_now().plus_seconds(retry_seconds(planned.attempts, error)),
        };
        tracing::error!(%error, id = planned.id, attempts = planned.attempts + 1, %again_at, "due work failed");
        storage::due_work::failed(&mut unit, &planned, &error.to_string(), again_at).await?;
        Ok(unit.commit().await?)
    }

    /// Forgets answers to idempotency keys older than `days`.
    pub async fn forget_answers(&self, days: i64) -> Result<u64> {
        let before = self.clocks().system_now().plus_seconds(-days * 86_400);
        let mut work = self.database().begin().await?;
        let forgotten = storage::idempotency::forget_before(&mut work, before).await?;
        work.commit().await?;
        Ok(forgotten)
    }
}

/// 5 s, 10 s, 20 s, … after so many earlier failures. What passes by itself (a store that is away, a rival) is soon over, however often it
/// came in between: an invoice must not wait for an hour because servers were down for a minute.
fn retry_seconds(attempts: i64, error: &Error) -> i64 {
    let most = match error {
        Error::VersionConflict { .. }
        | Error::TooManyRequests(_)
        | Error::Unavailable(_)
        | Error::IdempotencyRace
        | Error::IdempotencyInProgress => PASSING_RETRY_SECONDS_MAX,
        Error::NotFound { .. }
        | Error::AlreadyExists { .. }
        | Error::Invalid(_)
        | Error::PermissionDenied(_)
        | Error::NotImplemented { .. }
        | Error::Internal(_) => RETRY_SECONDS_MAX,
    };
    (5 << attempts.clamp(0, 16)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(error: &Error) -> Vec<i64> {
        (0..12).map(|attempts| retry_seconds(attempts, error)).collect()
    }

    #[test]
    fn what_passes_by_itself_is_tried_again_soon() {
        for error in [Error::Unavailable("away".into()), Error::conflict("a rival"), Error::IdempotencyRace] {
            assert_eq!(pauses(&error), [5, 10, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20], "{error}");
        }
    }

    #[test]
    fn what_would_end_the_same_way_waits_longer_and_longer() {
        let all = [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600];
        assert_eq!(pauses(&Error::Internal("broken".into())), all);
        assert_eq!(retry_seconds(1_000, &Error::Internal("broken".into())), 3_600);
    }
}

//! Due work: found by its due time, done by an idempotent use case (DESIGN decision 7).

use domain::time::Clock;
use storage::due_work::DueWork;

use crate::invoice::{COMPUTE_INVOICE, FINALIZE_INVOICE};
use crate::subscription::ROLL_OVER;
use crate::{App, Error, Result};

/// Longest pause between two tries of failing work, in seconds.
const RETRY_SECONDS_MAX: i64 = 3_600;

impl App {
    /// Does one piece of work. Done twice, it changes nothing.
    pub async fn run_due_work(&self, due: &DueWork) -> Result<()> {
        match due.kind.as_str() {
            ROLL_OVER => self.roll_over(&due.scope, &due.entity_id).await,
            COMPUTE_INVOICE => self.compute_due_invoice(&due.scope, &due.entity_id).await,
            FINALIZE_INVOICE => self.finalize_due_invoice(&due.scope, &due.entity_id).await,
            other => Err(Error::Internal(format!("`{other}` is no known kind of due work"))),
        }
    }

    /// Does what is due now in environments that follow the system's clock, earliest first, at most `limit` pieces; returns how many
    /// were tried. Work that fails is put off and tried again, longer and longer after.
    pub async fn run_all_due(&self, limit: i64) -> Result<usize> {
        let now = self.clocks().system_now();
        let due = storage::due_work::due(&mut self.database(), now, limit).await?;
        for work in &due {
            let Err(error) = self.run_due_work(work).await else { continue };
            let pause = (5 << work.attempts.clamp(0, 16)).min(RETRY_SECONDS_MAX);
            tracing::error!(%error, id = work.id, attempts = work.attempts + 1, retry_in_seconds = pause, "due work failed");
            metrics::counter!("flexprice_due_work_failures_total", "kind" => work.kind.clone()).increment(1);
            let mut unit = self.database().begin().await?;
            storage::due_work::failed(&mut unit, work, &error.to_string(), now.plus_seconds(pause)).await?;
            unit.commit().await?;
        }
        Ok(due.len())
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

//! Meters: what to measure (spec 20 §2).

use domain::meter::{Filter, Meter};
use domain::scope::Status;

use crate::pending::AfterCommit;
use crate::{App, Context, Pending, Result};

impl App {
    /// Makes a meter. It counts events that arrive from now on.
    pub async fn create_meter(&self, meter: Meter) -> Result<Pending<Meter>> {
        meter.validate()?;
        let scope = meter.audit.scope.clone();
        let mut work = self.database().begin().await?;
        storage::insert(&mut work, &meter).await?;
        Ok(Pending::new(self, work, meter).after(AfterCommit::Meters(scope)))
    }

    /// Adds filters to a meter; nothing can be taken away.
    pub async fn update_meter(&self, context: &Context, id: &str, filters: &[Filter]) -> Result<Pending<Meter>> {
        let pending = self.change(context, "meter", id, |meter: &mut Meter| Ok(meter.merge_filters(filters)?)).await?;
        Ok(pending.after(AfterCommit::Meters(context.scope.clone())))
    }

    /// Puts a meter away: it counts no further events, what it counted stays.
    pub async fn archive_meter(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let archive = |meter: &mut Meter| {
            meter.audit.status = Status::Archived;
            Ok(())
        };
        let pending = self.change(context, "meter", id, archive).await?;
        Ok(pending.after(AfterCommit::Meters(context.scope.clone())).map(|_| ()))
    }
}

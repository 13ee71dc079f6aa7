//! Meters: what to measure (spec 20 §2).

use domain::meter::{Filter, Meter};
use domain::platform::{ActivityAction, EntityType};

use crate::change::{Entity, Remembered};
use crate::{App, Context, Pending, Result};

impl Entity for Meter {
    const TYPE: EntityType = EntityType::Meter;
    const NAME: &'static str = "meter";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn remembered(&self, _: ActivityAction) -> Option<Remembered> {
        Some(Remembered::Meters(self.audit.scope.clone()))
    }
}

impl App {
    /// Makes a meter. It counts events that arrive from now on.
    pub async fn create_meter(&self, context: &Context, meter: Meter) -> Result<Pending<Meter>> {
        meter.validate()?;
        let mut change = self.begin(context).await?;
        change.create(&meter).await?;
        Ok(change.done(meter))
    }

    /// Adds filters to a meter; nothing can be taken away.
    pub async fn update_meter(&self, context: &Context, id: &str, filters: &[Filter]) -> Result<Pending<Meter>> {
        self.change(context, id, |meter: &mut Meter| Ok(meter.merge_filters(filters)?)).await
    }

    /// Archives a meter: it counts no further events, what it counted stays.
    pub async fn archive_meter(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut change = self.begin(context).await?;
        let meter: Meter = change.require(id).await?;
        change.archive(&meter).await?;
        Ok(change.done(()))
    }
}

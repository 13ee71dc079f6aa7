//! Planning work, looking it up, taking it off: by kind and entity.

use domain::scope::Scope;
use domain::time::Timestamp;
use storage::due_work::DueWork;
use storage::{Source, UnitOfWork};

use super::Kind;
use crate::{App, Result};

/// Plans work of a kind with an entity, or moves it when it is planned already.
pub(crate) async fn plan(work: &mut UnitOfWork, kind: Kind, scope: &Scope, entity_id: &str, due_at: Timestamp) -> Result<()> {
    let due = DueWork {
        scope: scope.clone(),
        id: kind.work_id(entity_id),
        kind: kind.name().to_owned(),
        entity_id: entity_id.to_owned(),
        due_at,
        attempts: 0,
        last_error: String::new(),
    };
    Ok(storage::due_work::plan(work, &due).await?)
}

/// Takes off work of a kind with an entity: it is done, or no longer wanted.
pub(crate) async fn cancel(work: &mut UnitOfWork, kind: Kind, scope: &Scope, entity_id: &str) -> Result<()> {
    Ok(storage::due_work::cancel(work, scope, kind.name(), entity_id).await?)
}

/// Work of a kind with an entity as it is planned now; `None` when there is none.
pub(crate) async fn planned(source: &mut impl Source, kind: Kind, scope: &Scope, entity_id: &str) -> Result<Option<DueWork>> {
    Ok(storage::due_work::planned_as(source, scope, &kind.work_id(entity_id)).await?)
}

/// For long work that is done piece by piece under one id.
impl App {
    /// The next piece is due at once, and at another instant than this one: so whoever drives it knows it as new.
    pub(crate) async fn plan_next_piece(&self, kind: Kind, found: &DueWork) -> Result<()> {
        let mut work = self.database().begin().await?;
        let planned = planned(&mut work, kind, &found.scope, &found.entity_id).await?;
        if planned.is_some_and(|planned| planned.due_at == found.due_at) {
            let due_at = self.now(&found.scope).max(found.due_at.plus_micros(1));
            plan(&mut work, kind, &found.scope, &found.entity_id, due_at).await?;
        }
        Ok(work.commit().await?)
    }

    /// Takes off work that is no longer wanted.
    pub(crate) async fn cancel_due_work(&self, kind: Kind, scope: &Scope, entity_id: &str) -> Result<()> {
        let mut work = self.database().begin().await?;
        cancel(&mut work, kind, scope, entity_id).await?;
        Ok(work.commit().await?)
    }
}

//! A change that is made but not committed: whoever answers the request commits it together with the answer, so that a repetition
//! under the same idempotency key finds both or neither.

use domain::platform::{Activity, EntityType};
use storage::UnitOfWork;
use storage::idempotency::IdempotencyRecord;
use tracing::Instrument as _;

use super::Change;
use crate::coherence::Topic;
use crate::{App, Context, Error, Result};

/// The outcome of a change, with the open unit of work that holds it. Dropped, it leaves no trace.
#[must_use = "a pending change that is not committed leaves no trace"]
pub struct Pending<T> {
    change: Change,
    value: T,
}

impl<T> Pending<T> {
    pub(super) fn new(change: Change, value: T) -> Self {
        Self { change, value }
    }

    /// The outcome, before it is durable.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Turns the outcome into another, without committing.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Pending<U> {
        Pending { change: self.change, value: map(self.value) }
    }

    /// Makes the change durable, with what others are told of it. A caller that goes away meanwhile does not stop it halfway: memory
    /// always learns what was committed.
    pub async fn commit(self) -> Result<T> {
        let Self { change, value } = self;
        let Change { app, mut work, events, activities, remembered, context: _ } = change;
        let finish = async move {
            storage::activities::add(&mut work, &activities).await?;
            storage::outbox::add(&mut work, &events).await?;
            let topics: Vec<Topic> = remembered.iter().map(super::Remembered::topic).collect();
            app.commit_change(work, &topics).await?;
            activities.iter().for_each(log);
            for remembered in remembered {
                app.refresh(remembered).await?;
            }
            Result::Ok(())
        };
        tokio::spawn(finish.in_current_span()).await.map_err(|error| Error::Internal(format!("a commit was lost: {error}")))??;
        Ok(value)
    }

    /// Makes the change durable together with the answer to its request.
    pub async fn commit_with_answer(mut self, context: &Context, status: u16, body: &str) -> Result<T> {
        let app = self.change.app.clone();
        app.remember_answer(self.change.work(), context, status, body).await?;
        self.commit().await
    }
}

/// What changes who may do what, and how, leaves a line in the log as well.
fn log(activity: &Activity) {
    let Activity { entity_type, entity_id, action, user_id, .. } = activity;
    if matches!(entity_type, EntityType::Secret | EntityType::Setting | EntityType::Environment) {
        tracing::info!(entity_id, user_id, "{entity_type} {action}");
    }
}

impl App {
    /// Keeps the answer to a request that carried an idempotency key.
    async fn remember_answer(&self, work: &mut UnitOfWork, context: &Context, status: u16, body: &str) -> Result<()> {
        let Some(idempotency) = &context.idempotency else { return Ok(()) };
        let record = IdempotencyRecord {
            key: idempotency.key.clone(),
            fingerprint: idempotency.fingerprint.clone(),
            response_status: i64::from(status),
            response_body: body.to_owned(),
            created_at: domain::time::Clock::system_now(self.clocks()),
        };
        Ok(storage::idempotency::remember(work, &context.scope, &record).await?)
    }

    /// Keeps the answer to a request whose change is durable already: events, whose ids follow from the key, so that a repetition
    /// before this changes nothing either.
    pub async fn keep_answer(&self, context: &Context, status: u16, body: &str) -> Result<()> {
        if context.idempotency.is_none() {
            return Ok(());
        }
        let mut change = self.begin(context).await?;
        self.remember_answer(change.work(), context, status, body).await?;
        change.commit().await
    }
}

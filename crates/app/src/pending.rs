//! A change that is made but not committed: whoever answers the request commits it together with the answer, so that a repetition
//! under the same idempotency key finds both or neither.

use domain::ids::CustomerId;
use domain::scope::Scope;
use storage::UnitOfWork;
use storage::idempotency::IdempotencyRecord;

use crate::coherence::Topic;
use crate::{App, Context, Error, Result};

/// The outcome of a change, with the open unit of work that holds it. Dropped, it leaves no trace.
#[must_use = "a pending change that is not committed leaves no trace"]
pub struct Pending<T> {
    app: App,
    work: UnitOfWork,
    value: T,
    after: Vec<AfterCommit>,
}

/// What memory must learn once a change is durable.
pub(crate) enum AfterCommit {
    /// A customer changed.
    Customer(Scope, CustomerId),
    /// A meter was made or changed.
    Meters(Scope),
    /// A key was taken away.
    Key(String),
    /// An environment was made or changed.
    Environments,
}

impl AfterCommit {
    /// What other processes must hear of.
    fn topic(&self) -> Topic {
        match self {
            Self::Customer(scope, _) => Topic::Customers(scope.clone()),
            Self::Meters(scope) => Topic::Meters(scope.clone()),
            Self::Key(_) | Self::Environments => Topic::Platform,
        }
    }
}

impl<T> Pending<T> {
    pub(crate) fn new(app: &App, work: UnitOfWork, value: T) -> Self {
        Self { app: app.clone(), work, value, after: Vec::new() }
    }

    pub(crate) fn after(mut self, after: AfterCommit) -> Self {
        self.after.push(after);
        self
    }

    /// The outcome, before it is durable.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Turns the outcome into another, without committing.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Pending<U> {
        Pending { app: self.app, work: self.work, value: map(self.value), after: self.after }
    }

    /// Makes the change durable. A caller that goes away meanwhile does not stop it halfway: memory always learns what was committed.
    pub async fn commit(self) -> Result<T> {
        let Self { app, work, value, after } = self;
        let finish = async move {
            let topics: Vec<Topic> = after.iter().map(AfterCommit::topic).collect();
            app.commit_change(work, &topics).await?;
            for after in after {
                app.apply_after_commit(after).await?;
            }
            Result::Ok(())
        };
        tokio::spawn(finish).await.map_err(|error| Error::Internal(format!("a commit was lost: {error}")))??;
        Ok(value)
    }

    /// Makes the change durable together with the answer to its request.
    pub async fn commit_with_answer(mut self, context: &Context, status: u16, body: &str) -> Result<T> {
        self.app.remember_answer(&mut self.work, context, status, body).await?;
        self.commit().await
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
        let mut work = self.database().begin().await?;
        self.remember_answer(&mut work, context, status, body).await?;
        Pending::new(self, work, ()).commit().await
    }

    async fn apply_after_commit(&self, after: AfterCommit) -> Result<()> {
        match after {
            AfterCommit::Customer(scope, id) => {
                self.forget_customer(&scope, &id);
                Ok(())
            }
            AfterCommit::Meters(scope) => self.reload_meters(&scope).await,
            AfterCommit::Key(hash) => {
                self.forget_key(&hash);
                Ok(())
            }
            AfterCommit::Environments => self.reload_environments().await,
        }
    }
}

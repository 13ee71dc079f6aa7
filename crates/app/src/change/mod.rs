//! The door through which everything is changed (DESIGN decision 15). Whoever makes, changes or archives a thing of the domain does it
//! here: the door stamps who and when, turns a broken uniqueness rule into a refusal that names it, and writes, in the same unit of work,
//! the entry of the activity log and the system event that others are told; once it is durable, memory learns of it.

mod entity;
mod pending;
mod remembered;

pub use entity::Entity;
pub use pending::Pending;
pub(crate) use remembered::Remembered;

use domain::ids::{ActivityId, IdGen, SystemEventId};
use domain::platform::{Activity, ActivityAction, SystemEvent, SystemEventName};
use domain::scope::{Audit, Scope, Status};
use domain::time::Timestamp;
use storage::{Source, UnitOfWork};

use crate::due_work::{self, DueWork, Kind};
use crate::{App, Context, Error, Result};

/// A change that is under way. Dropped, it leaves no trace.
pub(crate) struct Change {
    app: App,
    context: Context,
    work: UnitOfWork,
    /// Written last, in one statement each, so that a change of many things costs two more.
    events: Vec<SystemEvent>,
    activities: Vec<Activity>,
    remembered: Vec<Remembered>,
}

impl App {
    /// Begins a change by this caller: the one change of a request with an idempotency key.
    pub(crate) async fn begin(&self, context: &Context) -> Result<Change> {
        let work = match &context.idempotency {
            Some(key) => self.begin_keyed(&context.scope, key).await?,
            None => self.database().begin().await?,
        };
        let (events, activities, remembered) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Change { app: self.clone(), context: context.clone(), work, events, activities, remembered })
    }

    /// A thing by its id, whatever its status.
    pub async fn require<E: Entity>(&self, scope: &Scope, id: &str) -> Result<E> {
        require(&mut self.database(), scope, id).await
    }

    /// Changes one thing by its id.
    pub(crate) async fn change<E: Entity>(
        &self,
        context: &Context,
        id: &str,
        apply: impl FnOnce(&mut E) -> Result<()>,
    ) -> Result<Pending<E>> {
        let mut change = self.begin(context).await?;
        let entity = change.edit(id, apply).await?;
        Ok(change.done(entity))
    }

    /// What others are told in a scope, object by object in its order, at most `limit`.
    pub async fn outbox(&self, scope: &Scope, limit: i64) -> Result<Vec<SystemEvent>> {
        let events = storage::outbox::read(&mut self.database(), scope, limit).await?;
        Ok(events.into_iter().map(|(_, event)| event).collect())
    }

    /// What was done to a thing, oldest first, at most `limit`.
    pub async fn activities_of(&self, scope: &Scope, entity_id: &str, limit: i64) -> Result<Vec<Activity>> {
        Ok(storage::activities::of_entity(&mut self.database(), scope, entity_id, limit).await?)
    }
}

/// A conflict in the words of the thing that could not be written.
fn in_the_way<E: Entity>(error: Error, entity: Option<&E>) -> Error {
    match (error, entity) {
        (Error::AlreadyExists { mut details, .. }, Some(entity)) => {
            if let Some((field, value)) = entity.unique() {
                details.extend([("field".to_owned(), field.to_owned()), ("value".to_owned(), value.to_owned())]);
            }
            Error::AlreadyExists { message: entity.taken(), details }
        }
        (error, _) => error,
    }
}

/// Reads a thing by its id, whatever its status, or says that it does not exist.
pub(crate) async fn require<E: Entity>(source: &mut impl Source, scope: &Scope, id: &str) -> Result<E> {
    storage::get(source, scope, id).await?.ok_or_else(|| Error::not_found(E::NAME, id))
}

impl Change {
    /// The unit of work, for reads and for rows that are no things of the domain: due work, counters, lines of an owner.
    pub(crate) fn work(&mut self) -> &mut UnitOfWork {
        &mut self.work
    }

    /// Where.
    pub(crate) fn scope(&self) -> &Scope {
        &self.context.scope
    }

    /// The environment's present.
    pub(crate) fn now(&self) -> Timestamp {
        self.app.now(&self.context.scope)
    }

    /// The audit of something made now.
    pub(crate) fn audit(&self) -> Audit {
        self.app.audit(&self.context)
    }

    /// Makes identifiers.
    pub(crate) fn ids(&self) -> &dyn IdGen {
        self.app.ids()
    }

    /// Plans work with an entity for an instant, or moves it there.
    pub(crate) async fn plan(&mut self, kind: Kind, entity_id: &str, due_at: Timestamp) -> Result<()> {
        due_work::plan(&mut self.work, kind, &self.context.scope, entity_id, due_at).await
    }

    /// Takes off work with an entity: it is done, or no longer wanted.
    pub(crate) async fn cancel_work(&mut self, kind: Kind, entity_id: &str) -> Result<()> {
        due_work::cancel(&mut self.work, kind, &self.context.scope, entity_id).await
    }

    /// Work with an entity as it is planned now; `None` when there is none.
    pub(crate) async fn planned_work(&mut self, kind: Kind, entity_id: &str) -> Result<Option<DueWork>> {
        due_work::planned(&mut self.work, kind, &self.context.scope, entity_id).await
    }

    /// A thing by its id, whatever its status; it stays as it was read until the change ends.
    pub(crate) async fn require<E: Entity>(&mut self, id: &str) -> Result<E> {
        require(&mut self.work, &self.context.scope, id).await
    }

    /// A thing by its id that others may read so at the same time: what the change builds on and does not alter.
    pub(crate) async fn require_shared<E: Entity>(&mut self, id: &str) -> Result<E> {
        require(&mut self.work.shared(), &self.context.scope, id).await
    }

    /// Makes a thing. A broken uniqueness rule is refused in the thing's own words.
    pub(crate) async fn create<E: Entity>(&mut self, entity: &E) -> Result<()> {
        let inserted = storage::insert(&mut self.work, entity).await.map_err(Error::from);
        inserted.map_err(|error| in_the_way(error, Some(entity)))?;
        self.tell_of_creation(entity);
        Ok(())
    }

    /// Makes many things of one kind.
    pub(crate) async fn create_all<E: Entity>(&mut self, entities: &[E]) -> Result<()> {
        let inserted = storage::insert_all(&mut self.work, entities).await.map_err(Error::from);
        inserted.map_err(|error| in_the_way(error, entities.first()))?;
        entities.iter().for_each(|entity| self.tell_of_creation(entity));
        Ok(())
    }

    /// Makes a thing unless a uniqueness rule refuses it; tells whether it was made. Unlike a refusal, that spoils nothing.
    pub(crate) async fn create_if_absent<E: Entity>(&mut self, entity: &E) -> Result<bool> {
        let is_made = storage::insert_if_absent(&mut self.work, entity).await?;
        if is_made {
            self.tell_of_creation(entity);
        }
        Ok(is_made)
    }

    /// Changes a thing by its id.
    pub(crate) async fn edit<E: Entity>(&mut self, id: &str, apply: impl FnOnce(&mut E) -> Result<()>) -> Result<E> {
        let before: E = self.require(id).await?;
        let mut entity = before.clone();
        apply(&mut entity)?;
        self.update(&before, &mut entity).await?;
        Ok(entity)
    }

    /// Writes a thing back that was read in this change as `before`.
    pub(crate) async fn update<E: Entity>(&mut self, before: &E, entity: &mut E) -> Result<()> {
        self.write_back(before, entity, ActivityAction::Updated).await
    }

    /// Takes a thing out of use that was read in this change: it can still be read by its id.
    pub(crate) async fn archive<E: Entity>(&mut self, entity: &E) -> Result<()> {
        self.take_out(entity, Status::Archived).await
    }

    /// Removes a thing that was read in this change: its row stays, with the status `deleted`.
    pub(crate) async fn delete<E: Entity>(&mut self, entity: &E) -> Result<()> {
        self.take_out(entity, Status::Deleted).await
    }

    async fn take_out<E: Entity>(&mut self, before: &E, status: Status) -> Result<()> {
        let mut entity = before.clone();
        entity.audit_mut().status = status;
        self.write_back(before, &mut entity, ActivityAction::Archived).await
    }

    async fn write_back<E: Entity>(&mut self, before: &E, entity: &mut E, action: ActivityAction) -> Result<()> {
        let now = self.now();
        let audit = entity.audit_mut();
        audit.updated_at = now;
        audit.updated_by = self.context.user_id.to_string();
        let updated = storage::update(&mut self.work, entity).await.map_err(Error::from);
        updated.map_err(|error| in_the_way(error, Some(entity)))?;
        self.tell(entity, action, entity::shown(before));
        Ok(())
    }

    /// Tells others of something that the rows alone do not say, such as that an invoice became final.
    pub(crate) fn emit<E: Entity>(&mut self, name: SystemEventName, entity: &E) {
        self.push_event(name, entity, entity::shown(entity));
    }

    fn push_event<E: Entity>(&mut self, name: SystemEventName, entity: &E, snapshot: entity::Snapshot) {
        self.events.push(SystemEvent {
            id: SystemEventId::new(self.app.ids()),
            scope: entity.audit().scope.clone(),
            name,
            entity_type: E::TYPE,
            entity_id: entity.id().to_owned(),
            user_id: self.context.user_id.to_string(),
            occurred_at: self.now(),
            snapshot,
        });
    }

    /// The outcome of the change, to be committed by whoever answers the request.
    pub(crate) fn done<T>(self, value: T) -> Pending<T> {
        Pending::new(self, value)
    }

    /// Makes a change durable that no request waits for.
    pub(crate) async fn commit(self) -> Result<()> {
        self.done(()).commit().await
    }

    fn tell_of_creation<E: Entity>(&mut self, entity: &E) {
        self.tell(entity, ActivityAction::Created, entity::Snapshot::new());
    }

    /// Notes what was done to a thing for the activity log, for others and for memory. A thing that was made was nothing before.
    fn tell<E: Entity>(&mut self, entity: &E, action: ActivityAction, before: entity::Snapshot) {
        let after = entity::shown(entity);
        if let Some(name) = entity.event(action) {
            self.push_event(name, entity, after.clone());
        }
        if let Some(remembered) = entity.remembered(action)
            && !self.remembered.contains(&remembered)
        {
            self.remembered.push(remembered);
        }
        let (before, after) = Activity::difference(before, after);
        self.activities.push(Activity {
            id: ActivityId::new(self.app.ids()),
            scope: entity.audit().scope.clone(),
            entity_type: E::TYPE,
            entity_id: entity.id().to_owned(),
            action,
            user_id: self.context.user_id.to_string(),
            actor_kind: self.context.actor.kind,
            occurred_at: self.now(),
            before,
            after,
        });
    }
}

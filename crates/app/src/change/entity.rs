//! What the door must know of a thing of the domain to change it.

use domain::platform::{ActivityAction, EntityType, SystemEventName};
use storage::Record;

use super::Remembered;

/// Columns with their values.
pub(super) type Snapshot = serde_json::Map<String, serde_json::Value>;

/// A thing of the domain with an identity of its own, as it is read, changed and told of. Each says it beside its use cases.
pub trait Entity: Record + Clone + Sync {
    /// What kind of thing it is to rights, system events and the activity log.
    const TYPE: EntityType;
    /// As messages name it.
    const NAME: &'static str;
    /// Columns that neither the activity log nor a system event shows: secrets, though hashed.
    const HIDDEN: &'static [&'static str] = &[];

    /// Its identity.
    fn id(&self) -> &str;

    /// What to say when a uniqueness rule refuses it: which one, and what to do.
    fn taken(&self) -> String {
        format!("a {} like this exists already", Self::NAME)
    }

    /// The field that a uniqueness rule watches, with its value: what is in the way has the same.
    fn unique(&self) -> Option<(&'static str, &str)> {
        None
    }

    /// What others are told when this was done to it; many things are nobody else's business.
    fn event(&self, action: ActivityAction) -> Option<SystemEventName> {
        let _ = action;
        None
    }

    /// What processes remember that this makes untrue. What was just made is remembered by nobody, unless memory holds a whole set.
    #[doc(hidden)]
    fn remembered(&self, action: ActivityAction) -> Option<Remembered> {
        let _ = action;
        None
    }
}

/// A thing column by column, without what is hidden.
pub(super) fn shown<E: Entity>(entity: &E) -> Snapshot {
    let mut snapshot = storage::snapshot(entity);
    snapshot.retain(|column, _| !E::HIDDEN.contains(&column.as_str()));
    snapshot
}

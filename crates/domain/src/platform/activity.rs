//! The activity log: who changed what, when, and how it was before and after. Entries never change.

use serde_json::{Map, Value};

use crate::ids::ActivityId;
use crate::platform::{ActorKind, EntityType};
use crate::scope::Scope;
use crate::time::Timestamp;

/// What was done to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActivityAction {
    /// It was made.
    Created,
    /// Something about it changed.
    Updated,
    /// It was archived or deleted: out of use from now on.
    Archived,
}

text_enum!(ActivityAction { Created = "created", Updated = "updated", Archived = "archived" });

/// One entry. `before` and `after` hold the columns that differ; for what was made, `after` holds all and `before` none.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Identity.
    pub id: ActivityId,
    /// Where.
    pub scope: Scope,
    /// What kind of thing.
    pub entity_type: EntityType,
    /// Which.
    pub entity_id: String,
    /// What was done.
    pub action: ActivityAction,
    /// Who did it; empty for the system itself.
    pub user_id: String,
    /// What kind of caller that was.
    pub actor_kind: ActorKind,
    /// When, by the environment's clock.
    pub occurred_at: Timestamp,
    /// As it was, where it differs.
    pub before: Map<String, Value>,
    /// As it is, where it differs.
    pub after: Map<String, Value>,
}

impl Activity {
    /// What differs between two states of a thing, as `before` and `after`.
    pub fn difference(before: Map<String, Value>, after: Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
        let kept = |of: &Map<String, Value>, other: &Map<String, Value>| {
            of.iter()
                .filter(|(column, value)| other.get(*column) != Some(value))
                .map(|(column, value)| (column.clone(), value.clone()))
                .collect()
        };
        (kept(&before, &after), kept(&after, &before))
    }
}

//! Groups on the wire.

use crate::body::Texts;
use crate::list::CommonFilter;
use domain::catalog::Group;
use domain::catalog::GroupEntityType;
use domain::scope::Status;
use domain::time::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A group to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateGroupRequest {
    /// What people read; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// What it groups: price or feature.
    #[schema(required = true)]
    pub(crate) entity_type: Option<GroupEntityType>,
    /// The caller's name, unique among published groups; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) lookup_key: String,
}

/// A display group of prices or features.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GroupResponse {
    /// `group_` and a ULID.
    pub(crate) id: String,
    /// What people read.
    pub(crate) name: String,
    /// The caller's name; unique among published groups.
    pub(crate) lookup_key: String,
    /// What it groups: price or feature.
    pub(crate) entity_type: GroupEntityType,
    /// Always empty: members name their group.
    pub(crate) entity_ids: Vec<String>,
    /// Free pairs.
    pub(crate) metadata: BTreeMap<String, String>,
    /// published, archived or deleted.
    pub(crate) status: Status,
    /// When it was made, by the environment's clock.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
}

/// Which groups.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::GroupFilter)]
pub(crate) struct GroupFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Any of these ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) group_ids: Texts,
    /// Exactly.
    pub(crate) lookup_key: Option<String>,
    /// Only groups of these things: price or feature.
    pub(crate) entity_type: Option<GroupEntityType>,
    /// A part of the name, in any case.
    pub(crate) name: Option<String>,
}

impl From<&Group> for GroupResponse {
    fn from(group: &Group) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name.clone(),
            lookup_key: group.lookup_key.clone(),
            entity_type: group.entity_type,
            entity_ids: Vec::new(),
            metadata: group.metadata.clone(),
            status: group.audit.status,
            created_at: group.audit.created_at,
            updated_at: group.audit.updated_at,
        }
    }
}

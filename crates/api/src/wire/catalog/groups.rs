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
    /// Display name.
    #[serde(default)]
    pub(crate) name: String,
    /// What it groups; required.
    #[schema(required = true)]
    pub(crate) entity_type: Option<GroupEntityType>,
    /// The caller's name.
    #[serde(default)]
    pub(crate) lookup_key: String,
}

/// A display group of prices or features.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GroupResponse {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) lookup_key: String,
    pub(crate) entity_type: GroupEntityType,
    /// Always empty: members name their group.
    pub(crate) entity_ids: Vec<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) status: Status,
    pub(crate) created_at: Timestamp,
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
    pub(crate) lookup_key: Option<String>,
    pub(crate) entity_type: Option<GroupEntityType>,
    /// Holds this text.
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

//! Settings on the wire.

use app::platform::EffectiveSetting;
use domain::scope::{Scope, Status};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What to choose: the keys that are given; the others stay as they are.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateSettingRequest {
    /// Keys of the setting with their values; an object or list in it is replaced as a whole.
    #[schema(value_type = Object, required = true)]
    pub(crate) value: Option<Map<String, Value>>,
}

/// A setting as it is in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingResponse {
    /// Only of a setting that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Which setting: the name in the address.
    pub(crate) key: String,
    /// Every key, chosen or by default.
    #[schema(value_type = Object)]
    pub(crate) value: Map<String, Value>,
    /// The organisation it belongs to.
    pub(crate) tenant_id: String,
    /// Empty for a setting of the tenant.
    pub(crate) environment_id: String,
    /// Always published.
    pub(crate) status: Status,
    /// When it was first chosen; absent where all is by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<Timestamp>,
    /// When it was last chosen; absent where all is by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_at: Option<Timestamp>,
    /// The user who first chose it; absent where all is by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<String>,
    /// The user who last chose it; absent where all is by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_by: Option<String>,
}

impl SettingResponse {
    /// A setting as a caller in this scope sees it.
    pub(crate) fn new(setting: &EffectiveSetting, scope: &Scope) -> Self {
        let environment_id = if setting.key.is_of_tenant() { String::new() } else { scope.environment_id.to_string() };
        let stored = setting.stored.as_ref();
        let audit = stored.map(|stored| &stored.audit);
        Self {
            id: stored.map(|stored| stored.id.to_string()),
            key: setting.key.to_string(),
            value: setting.value.clone(),
            tenant_id: scope.tenant_id.to_string(),
            environment_id,
            status: Status::Published,
            created_at: audit.map(|audit| audit.created_at),
            updated_at: audit.map(|audit| audit.updated_at),
            created_by: audit.map(|audit| audit.created_by.clone()),
            updated_by: audit.map(|audit| audit.updated_by.clone()),
        }
    }
}

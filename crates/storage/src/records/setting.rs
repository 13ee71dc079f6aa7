//! Settings as they are stored (spec 60 §9).

use domain::ids::SettingId;
use domain::platform::SettingKey;
use domain::scope::Audit;

use crate::record::record;

/// What an environment has chosen for a key, complete; a tenant's own stand under the empty environment.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSetting {
    /// Identity.
    pub id: SettingId,
    /// Of what.
    pub setting_key: SettingKey,
    /// Every key of its value.
    pub value: serde_json::Map<String, serde_json::Value>,
    /// Scope, status, dates.
    pub audit: Audit,
}

record!(StoredSetting in "settings" { id, setting_key, value });

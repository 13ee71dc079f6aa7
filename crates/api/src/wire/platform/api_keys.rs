//! API keys on the wire.

use app::platform::Secret;
use domain::scope::Status;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = CreateAPIKeyRequest)]
pub(crate) struct CreateApiKeyRequest {
    /// Display name.
    #[serde(default)]
    pub(crate) name: String,
    /// private_key or publishable_key.
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    pub(crate) expires_at: Option<Timestamp>,
    /// Not built yet.
    pub(crate) service_account_id: Option<String>,
}

/// What is kept of a key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SecretResponse {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) display_id: String,
    pub(crate) provider: String,
    pub(crate) user_id: String,
    pub(crate) user_type: String,
    pub(crate) roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) status: Status,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A key, shown this once.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CreateAPIKeyResponse)]
pub(crate) struct CreateApiKeyResponse {
    pub(crate) secret: SecretResponse,
    pub(crate) api_key: String,
}

impl From<&Secret> for SecretResponse {
    fn from(secret: &Secret) -> Self {
        Self {
            id: secret.id.to_string(),
            name: secret.name.clone(),
            kind: secret.kind.as_str().to_owned(),
            display_id: secret.display_id.clone(),
            provider: "flexprice".to_owned(),
            user_id: secret.user_id.to_string(),
            user_type: secret.user_type.clone(),
            roles: secret.roles.clone(),
            expires_at: secret.expires_at,
            status: secret.audit.status,
            created_at: secret.audit.created_at,
            updated_at: secret.audit.updated_at,
        }
    }
}

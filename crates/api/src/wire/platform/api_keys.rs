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
    /// private_key; publishable keys are not built yet.
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    pub(crate) expires_at: Option<Timestamp>,
    /// Not built yet.
    pub(crate) service_account_id: Option<String>,
    /// Cannot be chosen: a key has the roles of its maker.
    pub(crate) roles: Option<serde_json::Value>,
    /// Cannot be chosen: a key may do what the roles of its maker allow.
    pub(crate) permissions: Option<serde_json::Value>,
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

/// What a repetition of the request that made a key is told.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MadeApiKeyResponse {
    pub(crate) secret: SecretResponse,
    pub(crate) message: &'static str,
}

/// The words for it.
pub(crate) const SHOWN_ONCE: &str =
    "the key was made, and shown once in the first answer: it is not kept; if that answer was lost, delete this key and make another";

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

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
    /// What people read; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// private_key; publishable keys are not built yet.
    #[serde(default, rename = "type")]
    #[schema(required = true)]
    pub(crate) kind: String,
    /// When it stops working, in the future; never without.
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
    /// `secret_` and a ULID.
    pub(crate) id: String,
    /// What people read.
    pub(crate) name: String,
    /// private_key.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// First five characters of the key, `***`, last two.
    pub(crate) display_id: String,
    /// Always flexprice.
    pub(crate) provider: String,
    /// Whose key it is.
    pub(crate) user_id: String,
    /// user or service_account, as it was when the key was made.
    pub(crate) user_type: String,
    /// What it may do, as it was when the key was made.
    pub(crate) roles: Vec<String>,
    /// When it stops working; never without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    /// published, archived or deleted.
    pub(crate) status: Status,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
}

/// A key, shown this once.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CreateAPIKeyResponse)]
pub(crate) struct CreateApiKeyResponse {
    /// What is kept of it.
    pub(crate) secret: SecretResponse,
    /// The key itself, for the header `x-api-key`: shown here and never again.
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

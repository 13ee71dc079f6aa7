//! Environments, clocks and keys on the wire.

use crate::schema::StatusSchema;
use crate::schema::Time;
use app::platform::ClockState;
use app::platform::Environment;
use app::platform::Secret;
use domain::scope::Status;
use domain::time::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use utoipa::ToSchema;

/// An environment to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateEnvironmentRequest {
    /// Display name.
    #[serde(default)]
    pub(crate) name: String,
    /// development or production.
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
}

/// A new name.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateEnvironmentRequest {
    #[serde(default)]
    pub(crate) name: String,
}

/// An environment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EnvironmentResponse {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[schema(value_type = StatusSchema)]
    pub(crate) status: Status,
    pub(crate) tenant_id: String,
    /// To the second.
    pub(crate) created_at: String,
    /// To the second.
    pub(crate) updated_at: String,
}

/// The tenant's environments.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ListEnvironmentsResponse {
    pub(crate) environments: Vec<EnvironmentResponse>,
    /// Environments on this page.
    pub(crate) total: i64,
    pub(crate) offset: i64,
    pub(crate) limit: i64,
}

/// Where a sandbox's clock is set.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct SetClockRequest {
    /// Required.
    #[schema(value_type = Option<Time>, required = true)]
    pub(crate) time: Option<Timestamp>,
}

/// How far a sandbox's clock is advanced.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct AdvanceClockRequest {
    /// Required; not before the present.
    #[schema(value_type = Option<Time>, required = true)]
    pub(crate) to: Option<Timestamp>,
}

/// Where an environment's clock stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ClockResponse {
    pub(crate) environment_id: String,
    /// The environment's present.
    #[schema(value_type = Time)]
    pub(crate) now: Timestamp,
    /// Whether it has a clock of its own.
    pub(crate) own: bool,
    /// Pieces of due work that ran on the way.
    pub(crate) ran: i64,
}

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
    #[schema(value_type = Option<Time>)]
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
    #[schema(value_type = Option<Time>)]
    pub(crate) expires_at: Option<Timestamp>,
    #[schema(value_type = StatusSchema)]
    pub(crate) status: Status,
    #[schema(value_type = Time)]
    pub(crate) created_at: Timestamp,
    #[schema(value_type = Time)]
    pub(crate) updated_at: Timestamp,
}

/// A key, shown this once.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CreateAPIKeyResponse)]
pub(crate) struct CreateApiKeyResponse {
    pub(crate) secret: SecretResponse,
    pub(crate) api_key: String,
}

/// Done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SuccessResponse {
    pub(crate) message: String,
}

/// An instant to the second, as environments show it.
fn to_the_second(at: Timestamp) -> String {
    at.plus_micros(-at.micros().rem_euclid(1_000_000)).to_string()
}

impl From<&Environment> for EnvironmentResponse {
    fn from(environment: &Environment) -> Self {
        Self {
            id: environment.id.to_string(),
            name: environment.name.clone(),
            kind: environment.kind.as_str().to_owned(),
            status: environment.audit.status,
            tenant_id: environment.audit.scope.tenant_id.to_string(),
            created_at: to_the_second(environment.audit.created_at),
            updated_at: to_the_second(environment.audit.updated_at),
        }
    }
}

impl ClockResponse {
    /// The state of an environment's clock.
    pub(crate) fn new(environment_id: &str, state: &ClockState) -> Self {
        let ran = i64::try_from(state.ran).unwrap_or(i64::MAX);
        Self { environment_id: environment_id.to_owned(), now: state.now, own: state.own, ran }
    }
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

impl SuccessResponse {
    /// Says what was done.
    pub(crate) fn new(message: &str) -> Self {
        Self { message: message.to_owned() }
    }
}

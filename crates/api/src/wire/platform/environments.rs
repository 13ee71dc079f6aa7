//! Environments on the wire.

use app::platform::Environment;
use domain::scope::Status;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
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

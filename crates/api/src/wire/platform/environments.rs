//! Environments on the wire.

use app::platform::Environment;
use domain::scope::Status;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An environment to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateEnvironmentRequest {
    /// What people read; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// development (a sandbox) or production.
    #[serde(default, rename = "type")]
    #[schema(required = true)]
    pub(crate) kind: String,
}

/// A new name.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateEnvironmentRequest {
    /// What people read; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
}

/// An environment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EnvironmentResponse {
    /// What `X-Environment-ID` names.
    pub(crate) id: String,
    /// What people read.
    pub(crate) name: String,
    /// development (a sandbox) or production.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// published, archived or deleted.
    pub(crate) status: Status,
    /// The organisation it belongs to.
    pub(crate) tenant_id: String,
    /// RFC 3339, to the second.
    pub(crate) created_at: String,
    /// RFC 3339, to the second.
    pub(crate) updated_at: String,
}

/// The tenant's environments.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ListEnvironmentsResponse {
    /// This page's.
    pub(crate) environments: Vec<EnvironmentResponse>,
    /// Environments on this page.
    pub(crate) total: i64,
    /// Environments before the page.
    pub(crate) offset: i64,
    /// Most environments of a page.
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

//! Tenant and environment.

use crate::ids::{EnvironmentId, TenantId};

/// The tenant and environment a request acts in. Part of every key and of every query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The organisation.
    pub tenant_id: TenantId,
    /// Its sandbox or production space.
    pub environment_id: EnvironmentId,
}

/// Row status, independent of a thing's own state. Deletes are soft (spec 61 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Status {
    /// In use.
    #[default]
    Published,
    /// Out of use; still readable by id.
    Archived,
    /// Removed.
    Deleted,
}

text_enum!(Status { Published = "published", Archived = "archived", Deleted = "deleted" });

/// What every stored thing carries besides its own facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Where it lives.
    pub scope: Scope,
    /// Row status.
    pub status: Status,
    /// When it was made, by the environment's clock.
    pub created_at: crate::time::Timestamp,
    /// When it was last changed.
    pub updated_at: crate::time::Timestamp,
    /// The user who made it; empty for the system itself.
    pub created_by: String,
    /// The user who last changed it.
    pub updated_by: String,
}

//! Who asks, where.

use domain::ids::UserId;
use domain::platform::Actor;
use domain::scope::Scope;

use crate::{Error, Result};

/// The caller of a use case.
#[derive(Clone, Debug)]
pub struct Context {
    /// Tenant and environment.
    pub scope: Scope,
    /// The user behind the key; empty for the system itself.
    pub user_id: UserId,
    /// What kind of caller, and with which roles.
    pub actor: Actor,
    /// How far the caller's key reaches.
    pub reach: Reach,
    /// The client's idempotency key, when it sent one.
    pub idempotency: Option<IdempotencyKey>,
}

impl Context {
    /// The system acting on its own, for due work.
    pub fn system(scope: Scope) -> Self {
        Self { scope, user_id: UserId::default(), actor: Actor::system(), reach: Reach::Tenant, idempotency: None }
    }

    /// Refuses a key that does not reach an environment, whether or not there is one of this id.
    pub(crate) fn require_reach(&self, environment: &str) -> Result<()> {
        match self.reach {
            Reach::Environment if self.scope.environment_id.as_str() != environment => Err(self.out_of_reach("another environment")),
            Reach::Environment | Reach::Tenant => Ok(()),
        }
    }

    /// Refuses a key that does not reach all environments of its tenant; `what` belongs to all of them.
    pub(crate) fn require_whole_tenant(&self, what: &str) -> Result<()> {
        match self.reach {
            Reach::Environment => Err(self.out_of_reach(what)),
            Reach::Tenant => Ok(()),
        }
    }

    fn out_of_reach(&self, what: &str) -> Error {
        Error::PermissionDenied(format!(
            "insufficient permissions: this key works in the environment {} alone, and this concerns {what}: use a key of the whole tenant",
            self.scope.environment_id
        ))
    }
}

/// How far a key reaches (spec 60 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It was made in one environment and works in that one alone: what belongs to another, or to all, is not its business.
    Environment,
    /// Every environment of its tenant.
    Tenant,
}

/// A client's idempotency key and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// As the client sent it.
    pub key: String,
    /// SHA-256 over method, path and body.
    pub fingerprint: String,
}

//! Who asks, where.

use domain::ids::UserId;
use domain::platform::Actor;
use domain::scope::Scope;

/// The caller of a use case.
#[derive(Clone, Debug)]
pub struct Context {
    /// Tenant and environment.
    pub scope: Scope,
    /// The user behind the key; empty for the system itself.
    pub user_id: UserId,
    /// What kind of caller, and with which roles.
    pub actor: Actor,
    /// The client's idempotency key, when it sent one.
    pub idempotency: Option<IdempotencyKey>,
}

impl Context {
    /// The system acting on its own, for due work.
    pub fn system(scope: Scope) -> Self {
        Self { scope, user_id: UserId::default(), actor: Actor::system(), idempotency: None }
    }
}

/// A client's idempotency key and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// As the client sent it.
    pub key: String,
    /// SHA-256 over method, path and body.
    pub fingerprint: String,
}

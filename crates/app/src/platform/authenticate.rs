//! From an API key to its owner, and from a header to an environment (spec 60 §§2.1, 2.2).

use std::fmt::Write as _;
use std::sync::Arc;

use domain::ids::{EnvironmentId, TenantId, UserId};
use domain::platform::{Actor, ActorKind};
use domain::scope::{Scope, Status};
use domain::time::{Clock, Timestamp};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use storage::records::{Secret, SecretType};

use crate::coherence::count_look;
use crate::{App, Result};

/// A key of the configuration: bound to a tenant, to no environment.
#[derive(Clone, Debug)]
pub struct ConfiguredKey {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its user.
    pub user_id: UserId,
}

/// Whose key it is.
#[derive(Clone, Debug)]
pub struct KeyOwner {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The user.
    pub user_id: UserId,
    /// The one environment the key works in; a configured key works in all of its tenant.
    pub environment_id: Option<EnvironmentId>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// What kind of caller, and with which roles: those that the key was made with.
    pub actor: Actor,
}

/// Owners by the hash of their key and the epoch of the platform.
pub(crate) struct KeyMemory(Cache<(String, u64), Arc<KeyOwner>>);

impl Default for KeyMemory {
    fn default() -> Self {
        Self(Cache::new(KEYS_REMEMBERED_MAX))
    }
}

/// Keys kept in memory.
const KEYS_REMEMBERED_MAX: usize = 10_000;

/// Lower-hex SHA-256: as keys are kept.
pub fn key_hash(key: &str) -> String {
    hex(&Sha256::digest(key.as_bytes()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl App {
    /// The owner of a key; `None` for an unknown, revoked, expired or publishable one.
    pub async fn authenticate(&self, key: &str) -> Result<Option<Arc<KeyOwner>>> {
        let epoch = self.refresh_platform().await?;
        let known = (key_hash(key), epoch);
        let owner = self.shared.keys.0.get(&known);
        count_look("keys", owner.is_some());
        let owner = match owner {
            Some(owner) => owner,
            None => match self.look_up_key(&known).await? {
                Some(owner) => owner,
                None => return Ok(None),
            },
        };
        let expired = owner.expires_at.is_some_and(|at| at <= self.clocks().system_now());
        Ok(if expired { None } else { Some(owner) })
    }

    /// In this process; others hear of the change by the generation of the platform.
    pub(crate) fn forget_key(&self, hash: &str) {
        if !self.shared.coherence.is_shared() {
            self.shared.keys.0.remove(&(hash.to_owned(), 0));
        }
    }

    /// Looks a key up that memory does not hold under this epoch.
    async fn look_up_key(&self, known: &(String, u64)) -> Result<Option<Arc<KeyOwner>>> {
        let (hash, _) = known;
        if let Some(key) = self.shared.settings.configured_keys.get(hash) {
            let owner = Arc::new(KeyOwner {
                tenant_id: key.tenant_id.clone(),
                user_id: key.user_id.clone(),
                environment_id: None,
                expires_at: None,
                actor: Actor::super_admin(),
            });
            self.shared.keys.0.insert(known.clone(), Arc::clone(&owner));
            return Ok(Some(owner));
        }
        match self.shared.keys.0.get_value_or_guard_async(known).await {
            Ok(owner) => Ok(Some(owner)),
            Err(guard) => {
                let Some(secret) = storage::secret_by_hash(&mut self.database(), hash).await? else { return Ok(None) };
                if secret.kind != SecretType::PrivateKey || secret.audit.status != Status::Published {
                    return Ok(None);
                }
                let owner = Arc::new(owner_of(&secret));
                // Fails only when the key was revoked meanwhile: then nothing is kept.
                let _ = guard.insert(Arc::clone(&owner));
                Ok(Some(owner))
            }
        }
    }

    /// The scope a key acts in. The key's own environment wins over the header; without either it is the tenant's first sandbox.
    /// `None` for an environment that is unknown or another tenant's.
    pub fn resolve_scope(&self, owner: &KeyOwner, header: Option<&str>) -> Option<Scope> {
        let environments = self.shared.environments.load();
        let environment_id = match (&owner.environment_id, header.filter(|id| !id.is_empty())) {
            (Some(bound), _) => bound.clone(),
            (None, Some(asked)) => EnvironmentId::from(asked),
            (None, None) => environments
                .by_id
                .values()
                .filter(|environment| environment.audit.scope.tenant_id == owner.tenant_id)
                .min_by_key(|environment| (environment.kind.as_str(), environment.audit.created_at, environment.id.clone()))?
                .id
                .clone(),
        };
        let environment = environments.by_id.get(&environment_id)?;
        let scope = Scope { tenant_id: owner.tenant_id.clone(), environment_id };
        (environment.audit.scope.tenant_id == owner.tenant_id).then_some(scope)
    }
}

fn owner_of(secret: &Secret) -> KeyOwner {
    KeyOwner {
        tenant_id: secret.audit.scope.tenant_id.clone(),
        user_id: secret.user_id.clone(),
        environment_id: Some(secret.audit.scope.environment_id.clone()),
        expires_at: secret.expires_at,
        actor: Actor { kind: ActorKind::parse(&secret.user_type).unwrap_or_default(), roles: secret.roles.as_slice().into() },
    }
}

#[cfg(test)]
mod tests {
    /// Spec 60 §21 no. 1.
    #[test]
    fn keys_are_kept_as_their_hash() {
        assert_eq!(super::key_hash("sk_01JQ4M8Z7K2V9T3W5X6Y7Z8A9B"), "5a55174c4af9dd1a66e5aae316c3697b334d97091637d903ded1efc8ec31e60b");
    }
}

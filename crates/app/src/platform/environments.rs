//! Environments: the two that every fresh system has, and more.

use std::collections::HashMap;
use std::sync::Arc;

use domain::ids::{EnvironmentId, TenantId};
use domain::invalid::{Invalid, require_text};
use domain::platform::{ActivityAction, EntityType, TenantConfig};
use domain::scope::{Audit, Scope, Status};
use domain::time::Clock;
use storage::records::{Environment, EnvironmentType};

use super::settings::tenant_wide;
use crate::change::{Entity, Remembered};
use crate::coherence::Topic;
use crate::{App, Context, Error, Pending, Result};

/// The seed tenant (DESIGN, "Local development defaults").
pub const DEFAULT_TENANT: &str = "00000000-0000-0000-0000-000000000000";
/// The seed user.
pub const DEFAULT_USER: &str = "00000000-0000-0000-0000-000000000000";
/// The seed tenant's sandbox.
pub const SANDBOX_ENVIRONMENT: &str = "00000000-0000-0000-0000-000000000000";
/// The seed tenant's production.
pub const PRODUCTION_ENVIRONMENT: &str = "00000000-0000-0000-0000-000000000001";

impl Entity for Environment {
    const TYPE: EntityType = EntityType::Environment;
    const NAME: &'static str = "environment";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn remembered(&self, _: ActivityAction) -> Option<Remembered> {
        Some(Remembered::Environments)
    }
}

/// The environments of all tenants, as memory holds them.
#[derive(Default)]
pub(crate) struct Environments {
    /// Of the platform, when they were read.
    pub(crate) epoch: u64,
    pub(crate) by_id: HashMap<EnvironmentId, Arc<Environment>>,
}

impl App {
    pub(crate) async fn ensure_seed_environments(&self) -> Result<()> {
        let mut work = self.database().begin().await?;
        for (id, name, kind) in [
            (SANDBOX_ENVIRONMENT, "Sandbox", EnvironmentType::Development),
            (PRODUCTION_ENVIRONMENT, "Production", EnvironmentType::Production),
        ] {
            let scope = Scope { tenant_id: TenantId::from(DEFAULT_TENANT), environment_id: EnvironmentId::from(id) };
            let now = self.clocks().system_now();
            let audit = Audit {
                scope,
                status: Status::Published,
                created_at: now,
                updated_at: now,
                created_by: DEFAULT_USER.into(),
                updated_by: DEFAULT_USER.into(),
            };
            // Processes that start at once all find it missing: one makes it.
            storage::insert_if_absent(&mut work, &Environment { id: id.into(), name: name.into(), kind, audit }).await?;
        }
        Ok(work.commit().await?)
    }

    /// Brings what memory holds of environments and clocks up to what other processes have changed; the epoch of the platform.
    pub(crate) async fn refresh_platform(&self) -> Result<u64> {
        let epochs = self.epochs(&[Topic::Platform, Topic::Clocks]).await?;
        let (platform, clocks) = (epochs[0], epochs[1]);
        if self.shared.environments.load().epoch < platform {
            self.load_environments(platform).await?;
        }
        if self.clocks().epoch() < clocks {
            self.load_clocks(clocks).await?;
        }
        Ok(platform)
    }

    /// Reads the environments again, whatever memory holds.
    pub(crate) async fn reload_environments(&self) -> Result<()> {
        let epoch = self.epochs(&[Topic::Platform]).await?[0];
        self.load_environments(epoch).await
    }

    async fn load_environments(&self, epoch: u64) -> Result<()> {
        let environments: Vec<Environment> = storage::all_environments(&mut self.database()).await?;
        let by_id: HashMap<_, _> = environments.into_iter().map(|environment| (environment.id.clone(), Arc::new(environment))).collect();
        let loaded = Arc::new(Environments { epoch, by_id });
        // A slower reader of an older epoch does not put the older state back.
        self.shared.environments.rcu(|known| if known.epoch > epoch { Arc::clone(known) } else { Arc::clone(&loaded) });
        Ok(())
    }

    /// The tenant's environments that the caller's key reaches, oldest first.
    pub fn environments(&self, context: &Context) -> Vec<Arc<Environment>> {
        let all = self.shared.environments.load();
        let of_tenant = all.by_id.values().filter(|environment| environment.audit.scope.tenant_id == context.scope.tenant_id);
        let mut own: Vec<_> = of_tenant.filter(|environment| context.require_reach(environment.id.as_str()).is_ok()).cloned().collect();
        own.sort_by_key(|environment| (environment.audit.created_at, environment.id.clone()));
        own
    }

    /// One of the tenant's environments. Refused to a key that does not reach it.
    pub fn environment(&self, context: &Context, id: &str) -> Result<Arc<Environment>> {
        context.require_reach(id)?;
        let found = self.shared.environments.load().by_id.get(&EnvironmentId::from(id)).cloned();
        let own = found.filter(|environment| environment.audit.scope.tenant_id == context.scope.tenant_id);
        own.ok_or_else(|| Error::not_found(Environment::NAME, id))
    }

    /// Makes an environment. Refused beyond the tenant's limit for the type.
    pub async fn create_environment(&self, context: &Context, name: &str, kind: EnvironmentType) -> Result<Pending<Environment>> {
        context.require_whole_tenant("a new environment")?;
        require_text(name, "name")?;
        let id = EnvironmentId::new(self.ids());
        let scope = Scope { tenant_id: context.scope.tenant_id.clone(), environment_id: id.clone() };
        let config: TenantConfig = self.setting(&scope).await?;
        let mut change = self.begin(context).await?;
        // Counted by the database and under a lock: memory may not have heard of one that another process has just made.
        change.work().lock(&tenant_wide(&scope), "environments").await?;
        let all = storage::all_environments(change.work()).await?;
        let of_kind = |environment: &&Environment| environment.audit.scope.tenant_id == scope.tenant_id && environment.kind == kind;
        let existing = all.iter().filter(of_kind).count();
        let limit = match kind {
            EnvironmentType::Development => config.development,
            EnvironmentType::Production => config.production,
        };
        if i64::try_from(existing).unwrap_or(i64::MAX) >= limit {
            let kind = kind.as_str();
            let message = format!(
                "the tenant has {existing} {kind} environments, and its limit is {limit}: raise {kind} in the setting tenant_config"
            );
            return Err(Invalid::field("type", message).with("value", kind).with("limit", limit).into());
        }
        let audit = Audit { scope, ..self.audit(context) };
        let environment = Environment { id, name: name.to_owned(), kind, audit };
        change.create(&environment).await?;
        Ok(change.done(environment))
    }

    /// Renames an environment. Its type cannot change.
    pub async fn rename_environment(&self, context: &Context, id: &str, name: &str) -> Result<Pending<Environment>> {
        require_text(name, "name")?;
        let environment = self.environment(context, id)?;
        let mut change = self.begin(context).await?;
        let before: Environment = crate::change::require(change.work(), &environment.audit.scope, id).await?;
        let mut renamed = Environment { name: name.to_owned(), ..before.clone() };
        change.update(&before, &mut renamed).await?;
        Ok(change.done(renamed))
    }
}

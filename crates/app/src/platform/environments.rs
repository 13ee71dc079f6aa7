//! Environments: the two that every fresh system has, and more.

use std::collections::HashMap;
use std::sync::Arc;

use domain::ids::{EnvironmentId, TenantId};
use domain::invalid::require_text;
use domain::scope::{Audit, Scope, Status};
use domain::time::Clock;
use storage::Value;
use storage::records::{Environment, EnvironmentType};

use crate::coherence::Topic;
use crate::pending::AfterCommit;
use crate::{App, Condition, Context, Error, Pending, Result};

/// The seed tenant (DESIGN, "Local development defaults").
pub const DEFAULT_TENANT: &str = "00000000-0000-0000-0000-000000000000";
/// The seed user.
pub const DEFAULT_USER: &str = "00000000-0000-0000-0000-000000000000";
/// The seed tenant's sandbox.
pub const SANDBOX_ENVIRONMENT: &str = "00000000-0000-0000-0000-000000000000";
/// The seed tenant's production.
pub const PRODUCTION_ENVIRONMENT: &str = "00000000-0000-0000-0000-000000000001";

/// Most environments of a type, until the tenant's own setting exists (spec 60 §9, `tenant_config`).
const DEVELOPMENT_MAX: i64 = 2;
const PRODUCTION_MAX: i64 = 1;

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

    /// The tenant's environments, oldest first.
    pub fn environments(&self, tenant: &TenantId) -> Vec<Arc<Environment>> {
        let all = self.shared.environments.load();
        let mut own: Vec<_> = all.by_id.values().filter(|environment| environment.audit.scope.tenant_id == *tenant).cloned().collect();
        own.sort_by_key(|environment| (environment.audit.created_at, environment.id.clone()));
        own
    }

    /// One of the tenant's environments.
    pub fn environment(&self, tenant: &TenantId, id: &str) -> Result<Arc<Environment>> {
        let found = self.shared.environments.load().by_id.get(&EnvironmentId::from(id)).cloned();
        found.filter(|environment| environment.audit.scope.tenant_id == *tenant).ok_or_else(|| Error::not_found("environment", id))
    }

    /// Makes an environment. Refused beyond the tenant's limit for the type.
    pub async fn create_environment(&self, context: &Context, name: &str, kind: EnvironmentType) -> Result<Pending<Environment>> {
        require_text(name, "name")?;
        let id = EnvironmentId::new(self.ids());
        let scope = Scope { tenant_id: context.scope.tenant_id.clone(), environment_id: id.clone() };
        let mut work = self.database().begin().await?;
        // Counted by the database and under a lock: memory may not have heard of one that another process has just made.
        work.lock(&Scope { environment_id: "".into(), ..scope.clone() }, "environments").await?;
        let all = storage::all_environments(&mut work).await?;
        let of_kind = |environment: &&Environment| environment.audit.scope.tenant_id == scope.tenant_id && environment.kind == kind;
        let existing = all.iter().filter(of_kind).count();
        let limit = match kind {
            EnvironmentType::Development => DEVELOPMENT_MAX,
            EnvironmentType::Production => PRODUCTION_MAX,
        };
        if i64::try_from(existing).unwrap_or(i64::MAX) >= limit {
            return Err(Error::input(format!("the tenant has {existing} {} environments, which is its limit", kind.as_str())));
        }
        let audit = Audit { scope, ..self.audit(context) };
        let environment = Environment { id, name: name.to_owned(), kind, audit };
        storage::insert(&mut work, &environment).await?;
        Ok(Pending::new(self, work, environment).after(AfterCommit::Environments))
    }

    /// Renames an environment. Its type cannot change.
    pub async fn rename_environment(&self, context: &Context, id: &str, name: &str) -> Result<Pending<Environment>> {
        require_text(name, "name")?;
        let environment = self.environment(&context.scope.tenant_id, id)?;
        let mut work = self.database().begin().await?;
        let scope = &environment.audit.scope;
        let found = storage::find::<Environment>(&mut work, scope, &[Condition::Eq("id", Value::Text(id.to_owned()))]).await?;
        let mut environment = found.ok_or_else(|| Error::not_found("environment", id))?;
        name.clone_into(&mut environment.name);
        self.touch(context, &mut environment);
        storage::update(&mut work, &environment).await?;
        Ok(Pending::new(self, work, environment).after(AfterCommit::Environments))
    }
}

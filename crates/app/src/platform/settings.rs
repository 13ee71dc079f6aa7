//! Settings: what an environment, or a tenant, has chosen (spec 60 §9). Reads come from memory, which other processes' changes reach like
//! all that is remembered (ADR 0008).

use std::sync::Arc;

use domain::ids::SettingId;
use domain::invoice::InvoiceConfig;
use domain::platform::{ActivityAction, EntityType, Setting, SettingKey, TenantConfig, overlaid};
use domain::scope::{Scope, Status};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use storage::Source;
use storage::records::StoredSetting;

use crate::change::{Entity, Remembered};
use crate::coherence::{Topic, count_look};
use crate::{App, Condition, Context, Error, Pending, Result};

type Chosen = Map<String, Value>;

impl Entity for StoredSetting {
    const TYPE: EntityType = EntityType::Setting;
    const NAME: &'static str = "setting";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn remembered(&self, _: ActivityAction) -> Option<Remembered> {
        Some(Remembered::Setting(self.audit.scope.clone(), self.setting_key))
    }
}

/// What was chosen, by scope, key and epoch of the scope's settings; empty where nothing was.
pub(crate) struct SettingsMemory(Cache<(Scope, SettingKey, u64), Arc<Chosen>>);

impl Default for SettingsMemory {
    fn default() -> Self {
        Self(Cache::new(SETTINGS_REMEMBERED_MAX))
    }
}

/// Settings kept in memory: a few of each of some thousand environments.
const SETTINGS_REMEMBERED_MAX: usize = 10_000;

/// The scope of what a tenant chooses for all of its environments.
pub(super) fn tenant_wide(scope: &Scope) -> Scope {
    Scope { environment_id: "".into(), ..scope.clone() }
}

fn scope_of(scope: &Scope, key: SettingKey) -> Scope {
    if key.is_of_tenant() { tenant_wide(scope) } else { scope.clone() }
}

/// A setting as it is shown: in force, and stored or not.
#[derive(Clone, Debug)]
pub struct EffectiveSetting {
    /// Its key.
    pub key: SettingKey,
    /// Every key of its value, in force.
    pub value: Chosen,
    /// What is stored; nothing where the default holds.
    pub stored: Option<StoredSetting>,
}

/// The default of a key, and the check of what is chosen for it: for the keys that something in the system reads.
struct Rules {
    default: Chosen,
    check: fn(&Chosen) -> Result<()>,
}

impl Rules {
    /// Every key of the value, as it is in force where this is stored.
    fn in_force(&self, stored: Option<&StoredSetting>) -> Chosen {
        stored.map_or_else(|| self.default.clone(), |stored| overlaid(&self.default, &stored.value))
    }
}

fn rules(key: SettingKey) -> Result<Rules> {
    fn of<S: Setting>(check: fn(&Chosen) -> Result<()>) -> Rules {
        Rules { default: overlaid(&S::default(), &Map::new()), check }
    }
    match key {
        SettingKey::InvoiceConfig => Ok(of::<InvoiceConfig>(|chosen| {
            let config = InvoiceConfig::read(chosen)?;
            if config.auto_complete_purchased_credit_transaction {
                return Err(Error::unbuilt("auto_complete_purchased_credit_transaction"));
            }
            Ok(())
        })),
        SettingKey::TenantConfig => Ok(of::<TenantConfig>(|chosen| Ok(TenantConfig::read(chosen).map(|_| ())?))),
        SettingKey::SubscriptionConfig
        | SettingKey::InvoicePdfConfig
        | SettingKey::CustomerOnboarding
        | SettingKey::WalletBalanceAlertConfig
        | SettingKey::PrepareProcessedEventsConfig
        | SettingKey::CustomAnalyticsConfig
        | SettingKey::CustomerPortalConfig
        | SettingKey::EventIngestionFilter
        | SettingKey::BonusCreditsTopupConfig
        | SettingKey::PaymentMandateLimits
        | SettingKey::DraftInvoiceRecomputeConfig
        | SettingKey::SamlConfig => Err(Error::not_implemented(format!("the setting {key} is not built yet: nothing reads it"))),
    }
}

async fn stored_setting(source: &mut impl Source, scope: &Scope, key: SettingKey) -> Result<Option<StoredSetting>> {
    let published = [Condition::eq("setting_key", &key), Condition::eq("status", &Status::Published)];
    Ok(storage::find(source, scope, &published).await?)
}

/// Where a setting is kept that a caller changes. One that holds for the whole tenant takes a key of the whole tenant.
fn changed_scope(context: &Context, key: SettingKey) -> Result<Scope> {
    if key.is_of_tenant() {
        context.require_whole_tenant(&format!("the setting {key} of the whole tenant"))?;
    }
    Ok(scope_of(&context.scope, key))
}

impl App {
    /// The value in force in a scope. What was stored and no longer fits is a defect of ours, not the caller's.
    pub(crate) async fn setting<S: Setting>(&self, scope: &Scope) -> Result<S> {
        let chosen = self.chosen(&scope_of(scope, S::KEY), S::KEY).await?;
        S::read(&chosen).map_err(|invalid| Error::Internal(format!("the stored setting {}: {invalid}", S::KEY)))
    }

    async fn chosen(&self, scope: &Scope, key: SettingKey) -> Result<Arc<Chosen>> {
        let epoch = self.epochs(&[Topic::Settings(scope.clone())]).await?[0];
        let place = (scope.clone(), key, epoch);
        let memory = &self.shared.setting_memory.0;
        let known = memory.get(&place);
        count_look("settings", known.is_some());
        if let Some(chosen) = known {
            return Ok(chosen);
        }
        // The guard keeps a concurrent change from leaving an old copy behind: it removes the placeholder, and the insert fails.
        match memory.get_value_or_guard_async(&place).await {
            Ok(chosen) => Ok(chosen),
            Err(guard) => {
                let stored = stored_setting(&mut self.database(), scope, key).await?;
                let chosen = Arc::new(stored.map(|stored| stored.value).unwrap_or_default());
                let _ = guard.insert(Arc::clone(&chosen));
                Ok(chosen)
            }
        }
    }

    /// In this process; others hear of the change by the generation of the scope's settings.
    pub(crate) fn forget_setting(&self, scope: &Scope, key: SettingKey) {
        if !self.shared.coherence.is_shared() {
            self.shared.setting_memory.0.remove(&(scope.clone(), key, 0));
        }
    }

    /// A setting as it is in force. Keys that nothing reads yet are refused.
    pub async fn read_setting(&self, scope: &Scope, key: SettingKey) -> Result<EffectiveSetting> {
        let rules = rules(key)?;
        let stored = stored_setting(&mut self.database(), &scope_of(scope, key), key).await?;
        Ok(EffectiveSetting { key, value: rules.in_force(stored.as_ref()), stored })
    }

    /// Chooses some keys of a setting; the others stay as they are in force. Two callers at once both have their keys.
    pub async fn write_setting(&self, context: &Context, key: SettingKey, chosen: &Chosen) -> Result<Pending<EffectiveSetting>> {
        let rules = rules(key)?;
        let scope = changed_scope(context, key)?;
        let mut change = self.begin(context).await?;
        // Also where no row exists yet, whose lock would keep the other out.
        change.work().lock(&scope, &format!("settings/{key}")).await?;
        let before = stored_setting(change.work(), &scope, key).await?;
        let value = overlaid(&rules.in_force(before.as_ref()), chosen);
        (rules.check)(&value)?;
        let stored = if let Some(before) = before {
            let mut stored = StoredSetting { value, ..before.clone() };
            change.update(&before, &mut stored).await?;
            stored
        } else {
            let audit = domain::scope::Audit { scope, ..change.audit() };
            let stored = StoredSetting { id: SettingId::new(self.ids()), setting_key: key, value, audit };
            change.create(&stored).await?;
            stored
        };
        Ok(change.done(EffectiveSetting { key, value: stored.value.clone(), stored: Some(stored) }))
    }

    /// Takes back what was chosen: the default holds again. Refused where nothing was chosen.
    pub async fn delete_setting(&self, context: &Context, key: SettingKey) -> Result<Pending<()>> {
        rules(key)?;
        let scope = changed_scope(context, key)?;
        let mut change = self.begin(context).await?;
        change.work().lock(&scope, &format!("settings/{key}")).await?;
        let stored = stored_setting(change.work(), &scope, key).await?;
        let stored = stored.ok_or_else(|| Error::not_found(StoredSetting::NAME, key.as_str()))?;
        change.archive(&stored).await?;
        Ok(change.done(()))
    }
}

//! The system: what the use cases stand on, and what they share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::ids::IdGen;
use domain::invalid::Invalid;
use domain::scope::{Audit, Scope, Status};
use domain::time::{Clock, Timestamp};
use storage::{Condition, Database, ListQuery, Page, Record};
use streams::{EventStore, LogStore};

use crate::change::Entity;
use crate::coherence::{Coherence, Topic};
use crate::customer::CustomerMemory;
use crate::event::{EventChoices, EventLog, KnownLag, MeterIndex};
use crate::platform::authenticate::ConfiguredKey;
use crate::platform::{Advances, Environments, IdempotencyTurns, KeyMemory, SettingsMemory};
use crate::{Clocks, Context, Result, Sharing};

/// What the use cases are set up with.
pub struct Settings {
    /// API keys of the configuration, by lower-hex SHA-256.
    pub configured_keys: HashMap<String, ConfiguredKey>,
    /// Customers kept in memory.
    pub customers_cached_max: usize,
    /// How events are taken in and counted.
    pub events: EventChoices,
    /// How long a copy of a request under an idempotency key waits for the one that is under way.
    pub idempotency_wait: Duration,
    /// Most periods that may have ended when a subscription is made.
    pub backdated_periods_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            configured_keys: HashMap::new(),
            customers_cached_max: 20_000,
            events: EventChoices::default(),
            idempotency_wait: Duration::from_secs(10),
            backdated_periods_max: 240,
        }
    }
}

/// Whether the system can do its work.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// What keeps it from its work, and why.
    pub failing: Vec<(&'static str, String)>,
    /// What makes it slower, and why.
    pub degraded: Vec<(&'static str, String)>,
}

/// The system. Clones share everything.
#[derive(Clone)]
pub struct App {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) events: Arc<dyn EventStore>,
    pub(crate) log: Option<Arc<dyn EventLog>>,
    pub(crate) log_store: Option<Arc<dyn LogStore>>,
    pub(crate) costs: Option<Arc<dyn EventStore>>,
    pub(crate) clocks: Clocks,
    pub(crate) ids: Box<dyn IdGen>,
    pub(crate) settings: Settings,
    pub(crate) coherence: Coherence,
    pub(crate) customers: CustomerMemory,
    pub(crate) keys: KeyMemory,
    pub(crate) setting_memory: SettingsMemory,
    pub(crate) environments: ArcSwap<Environments>,
    pub(crate) meters: MeterIndex,
    /// Held while events are measured and stored, so that a backfill can wait for those that were measured without its meter.
    pub(crate) ingesting: tokio::sync::RwLock<()>,
    pub(crate) lag: KnownLag,
    pub(crate) idempotency_turns: IdempotencyTurns,
    pub(crate) advances: Advances,
}

/// What the system stands on.
pub struct Foundation {
    /// The relational store, migrated.
    pub database: Database,
    /// The event store.
    pub events: Arc<dyn EventStore>,
    /// Takes events in, for consumers to count later; without it they are counted at once.
    pub log: Option<Arc<dyn EventLog>>,
    /// Where consumers write; the same store as `events`.
    pub log_store: Option<Arc<dyn LogStore>>,
    /// The same store, read for the ledger of costs, where one is counted beside that of usage; without it one ledger has all meters.
    pub costs: Option<Arc<dyn EventStore>>,
    /// Who else changes the database.
    pub sharing: Sharing,
}

impl Foundation {
    /// One process with stores of its own.
    pub fn embedded(database: Database, events: Arc<dyn EventStore>) -> Self {
        Self { database, events, log: None, log_store: None, costs: None, sharing: Sharing::Alone }
    }
}

/// Most values that the conditions of one question compare with: SQLite takes some more, PostgreSQL twice as many.
const CONDITION_VALUES_MAX: usize = 32_000;

/// Refuses a list of ids that no database takes.
fn require_few_values(conditions: &[Condition]) -> Result<()> {
    let values: usize = conditions.iter().map(Condition::values).sum();
    if values > CONDITION_VALUES_MAX {
        let message = format!("lists of {values} values are too long: at most {CONDITION_VALUES_MAX} can be asked for at once");
        return Err(Invalid::input(message).with("limit", CONDITION_VALUES_MAX).with("value", values).into());
    }
    Ok(())
}

impl App {
    /// Sets the system up over migrated stores: loads clocks and environments, and makes the seed environments when missing.
    pub async fn start(
        foundation: Foundation,
        system_clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        ids: Box<dyn IdGen>,
        settings: Settings,
    ) -> Result<Self> {
        let Foundation { database, events, log, log_store, costs, sharing } = foundation;
        let customers = CustomerMemory::new(settings.customers_cached_max);
        let app = Self {
            shared: Arc::new(Shared {
                database,
                events,
                log,
                log_store,
                costs,
                clocks: Clocks::new(Box::new(system_clock)),
                ids,
                settings,
                coherence: Coherence::new(sharing),
                customers,
                keys: KeyMemory::default(),
                setting_memory: SettingsMemory::default(),
                environments: ArcSwap::default(),
                meters: MeterIndex::default(),
                ingesting: tokio::sync::RwLock::default(),
                lag: KnownLag::default(),
                idempotency_turns: IdempotencyTurns::default(),
                advances: Advances::default(),
            }),
        };
        app.ensure_seed_environments().await?;
        app.reload_environments().await?;
        let epoch = app.epochs(&[Topic::Clocks]).await?[0];
        app.load_clocks(epoch).await?;
        Ok(app)
    }

    /// Makes identifiers.
    pub fn ids(&self) -> &dyn IdGen {
        self.shared.ids.as_ref()
    }

    /// The clocks.
    pub fn clocks(&self) -> &Clocks {
        &self.shared.clocks
    }

    /// The present instant of a scope's environment.
    pub fn now(&self, scope: &Scope) -> Timestamp {
        self.shared.clocks.now(&scope.environment_id)
    }

    /// The audit of something made now by this caller.
    pub fn audit(&self, context: &Context) -> Audit {
        let now = self.now(&context.scope);
        Audit {
            scope: context.scope.clone(),
            status: Status::Published,
            created_at: now,
            updated_at: now,
            created_by: context.user_id.to_string(),
            updated_by: context.user_id.to_string(),
        }
    }

    /// The relational store.
    pub(crate) fn database(&self) -> Database {
        self.shared.database.clone()
    }

    /// The event store.
    pub(crate) fn events(&self) -> &dyn EventStore {
        self.shared.events.as_ref()
    }

    /// Proves that the system can do its work: for readiness.
    pub async fn check(&self) -> Health {
        let mut health = Health::default();
        if let Err(error) = self.shared.database.check().await {
            health.failing.push(("database", error.to_string()));
        }
        if let Some(log) = &self.shared.log
            && let Err(error) = log.check().await
        {
            health.failing.push(("event_log", error.to_string()));
        }
        if let Err(error) = self.shared.events.check().await {
            // With a log in front, events are taken in all the same and counted later.
            let list = if self.shared.log.is_some() { &mut health.degraded } else { &mut health.failing };
            list.push(("event_store", error.to_string()));
        }
        if let Some(coordination) = self.shared.coherence.coordination()
            && let Err(error) = coordination.check().await
        {
            health.degraded.push(("coordination", error.to_string()));
        }
        health
    }

    /// Releases the stores after the last request.
    pub async fn close(&self) {
        if let Some(log) = &self.shared.log {
            log.close().await;
        }
        self.shared.events.close().await;
        self.shared.database.close().await;
    }

    /// One page of a list.
    pub async fn list<R: Record>(&self, scope: &Scope, query: &ListQuery) -> Result<Page<R>> {
        require_few_values(&query.conditions)?;
        Ok(storage::list(&mut self.database(), scope, query).await?)
    }

    /// Several things by their ids, by id; unknown ids are left out.
    pub async fn get_many<R: Entity>(&self, scope: &Scope, ids: impl IntoIterator<Item = String>) -> Result<HashMap<String, R>> {
        let mut ids: Vec<String> = ids.into_iter().filter(|id| !id.is_empty()).collect();
        ids.sort_unstable();
        ids.dedup();
        let records = storage::get_many::<R>(&mut self.database(), scope, &ids).await?;
        Ok(records.into_iter().map(|record| (record.id().to_owned(), record)).collect())
    }

    /// All published things that meet the conditions, oldest first: for sets bounded by their owner.
    pub async fn find_all<R: Record>(&self, scope: &Scope, conditions: &[Condition]) -> Result<Vec<R>> {
        require_few_values(conditions)?;
        Ok(storage::find_all(&mut self.database(), scope, conditions).await?)
    }
}

//! Use cases: what can be asked of the system, one function each. They read and write the stores, ask the clock and call the
//! rules of `domain`; they decide nothing about money themselves.

mod clocks;
mod coherence;
mod context;
mod error;
mod ids;
mod pending;

/// Tenants, environments, keys, clocks: who asks, where, when.
pub mod platform;

/// Customers.
pub mod customer;

/// Meters, features, groups, plans, prices.
pub mod catalog;

/// Events in, usage out.
pub mod event;

/// What usage costs the seller.
pub mod cost;

/// Contracts: create, cancel, roll over.
pub mod subscription;

/// Bills: draft, compute, finalize, preview.
pub mod invoice;

/// What must happen later, and doing it.
pub mod due_work;

pub use clocks::Clocks;
pub use coherence::Sharing;
pub use context::{Context, IdempotencyKey};
pub use error::{Error, Result};
pub use ids::{SequentialIds, UlidIds};
pub use pending::Pending;
pub use storage::{Cell, Condition, Direction, ListQuery, Page, Record, Sort, Value};
pub use streams::{EventFilter, EventOrder, RefusedCopy};

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::customer::Customer;
use domain::ids::IdGen;
use domain::invoice::InvoiceConfig;
use domain::scope::{Audit, Scope, Status};
use domain::time::{Clock, Timestamp};
use platform::authenticate::{ConfiguredKey, KeyOwner};
use quick_cache::sync::Cache;
use storage::Database;
use streams::{EventStore, LogStore};

use crate::coherence::{Coherence, Topic};
use crate::event::{EventChoices, EventLog, KnownLag, MeterIndex};
use crate::platform::Environments;

/// What the use cases are set up with.
pub struct Settings {
    /// API keys of the configuration, by lower-hex SHA-256.
    pub configured_keys: HashMap<String, ConfiguredKey>,
    /// How invoices are numbered, due and finalized.
    pub invoice_config: InvoiceConfig,
    /// Customers kept in memory.
    pub customers_cached_max: usize,
    /// How events are taken in and counted.
    pub events: EventChoices,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            configured_keys: HashMap::new(),
            invoice_config: InvoiceConfig::default(),
            customers_cached_max: 20_000,
            events: EventChoices::default(),
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
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    events: Arc<dyn EventStore>,
    log: Option<Arc<dyn EventLog>>,
    log_store: Option<Arc<dyn LogStore>>,
    clocks: Clocks,
    ids: Box<dyn IdGen>,
    settings: Settings,
    coherence: Coherence,
    /// By scope, id and epoch of the scope's customers.
    customers: Cache<(Scope, String, u64), Arc<Customer>>,
    /// By hash and epoch of the platform.
    keys: Cache<(String, u64), Arc<KeyOwner>>,
    environments: ArcSwap<Environments>,
    meters: MeterIndex,
    /// Held while events are measured and stored, so that a backfill can wait for those that were measured without its meter.
    ingesting: tokio::sync::RwLock<()>,
    lag: KnownLag,
    /// One advance of a sandbox clock at a time.
    advancing: tokio::sync::Mutex<()>,
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
    /// Who else changes the database.
    pub sharing: Sharing,
}

impl Foundation {
    /// One process with stores of its own.
    pub fn embedded(database: Database, events: Arc<dyn EventStore>) -> Self {
        Self { database, events, log: None, log_store: None, sharing: Sharing::Alone }
    }
}

/// Most values that the conditions of one question compare with: SQLite takes some more, PostgreSQL twice as many.
const CONDITION_VALUES_MAX: usize = 32_000;

/// Refuses a list of ids that no database takes.
fn require_few_values(conditions: &[Condition]) -> Result<()> {
    let values: usize = conditions.iter().map(Condition::values).sum();
    if values > CONDITION_VALUES_MAX {
        return Err(Error::input(format!(
            "lists of {values} values are too long: at most {CONDITION_VALUES_MAX} can be asked for at once"
        )));
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
        let Foundation { database, events, log, log_store, sharing } = foundation;
        let customers = Cache::new(settings.customers_cached_max);
        let app = Self {
            shared: Arc::new(Shared {
                database,
                events,
                log,
                log_store,
                clocks: Clocks::new(Box::new(system_clock)),
                ids,
                settings,
                coherence: Coherence::new(sharing),
                customers,
                keys: Cache::new(10_000),
                environments: ArcSwap::default(),
                meters: MeterIndex::default(),
                ingesting: tokio::sync::RwLock::default(),
                lag: KnownLag::default(),
                advancing: tokio::sync::Mutex::new(()),
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

    /// One thing by its id, whatever its status.
    pub async fn get<R: Record>(&self, scope: &Scope, what: &'static str, id: &str) -> Result<R> {
        storage::get(&mut self.database(), scope, id).await?.ok_or_else(|| Error::not_found(what, id))
    }

    /// One page of a list.
    pub async fn list<R: Record>(&self, scope: &Scope, query: &ListQuery) -> Result<Page<R>> {
        require_few_values(&query.conditions)?;
        Ok(storage::list(&mut self.database(), scope, query).await?)
    }

    /// Several things by their ids, by id; unknown ids are left out.
    pub async fn get_many<R: Record>(&self, scope: &Scope, ids: impl IntoIterator<Item = String>) -> Result<HashMap<String, R>> {
        let mut ids: Vec<String> = ids.into_iter().filter(|id| !id.is_empty()).collect();
        ids.sort_unstable();
        ids.dedup();
        let records = storage::get_many::<R>(&mut self.database(), scope, &ids).await?;
        Ok(records.into_iter().map(|record| (record_id(&record), record)).collect())
    }

    /// All published things that meet the conditions, oldest first: for sets bounded by their owner.
    pub async fn find_all<R: Record>(&self, scope: &Scope, conditions: &[Condition]) -> Result<Vec<R>> {
        require_few_values(conditions)?;
        Ok(storage::find_all(&mut self.database(), scope, conditions).await?)
    }

    /// Reads a thing, changes it and writes it back in one unit of work.
    pub(crate) async fn change<R: Record + Sync>(
        &self,
        context: &Context,
        what: &'static str,
        id: &str,
        apply: impl FnOnce(&mut R) -> Result<()>,
    ) -> Result<Pending<R>> {
        let mut work = self.database().begin().await?;
        let mut record: R = storage::get(&mut work, &context.scope, id).await?.ok_or_else(|| Error::not_found(what, id))?;
        apply(&mut record)?;
        self.touch(context, &mut record);
        storage::update(&mut work, &record).await?;
        Ok(Pending::new(self, work, record))
    }

    /// Stamps a changed thing with time and user.
    pub(crate) fn touch<R: Record>(&self, context: &Context, record: &mut R) {
        let now = self.now(&context.scope);
        let audit = record.audit_mut();
        audit.updated_at = now;
        audit.updated_by = context.user_id.to_string();
    }
}

fn record_id<R: Record>(record: &R) -> String {
    match record.values().into_iter().next() {
        Some(storage::Value::Text(id)) => id,
        _ => String::new(),
    }
}
